"""What all parts of the application share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self, TypeVar

from numpy.typing import ArrayLike

from zhanr import settings as defaults
from zhanr.app.engine import Engine
from zhanr.app.folder import TemporaryFolder
from zhanr.app.metrics import Metrics
from zhanr.app.settings import Settings
from zhanr.app.upload_store import UploadStore
from zhanr.bundle import Bundle, load_bundle
from zhanr.card import Card
from zhanr.errors import ConfigError, LibraryError
from zhanr.library import Library, Song, default_path
from zhanr.library.similar import Neighbour, SimilarSongs
from zhanr.vocabulary import model_for

R = TypeVar("R")


class State:
    """Settings, model, engine, uploads and library of one running application; `open` and `close` it.

    `bundle` is the server's own copy of the model, for its card and for explanations; songs are heard by the engine.
    """

    def __init__(self, settings: Settings, bundle: Bundle | None = None) -> None:
        self.settings = settings
        self.bundle = judging(bundle or bundle_for(settings), settings)
        self.engine = Engine(settings, self.bundle)
        self.metrics = Metrics(self.engine)
        self.folder = TemporaryFolder()
        self.uploads = UploadStore(settings)
        self.folder_dialog: Callable[[], str | None] | None = None  # where there is a window of its own
        self._similar = _Similar(self)
        self._resources = ExitStack()

    @property
    def card(self) -> Card:
        """What the model says of itself."""
        return self.bundle.card

    def open(self) -> None:
        """Make the folder for uploads and start the engine; once is enough. Raises `FileError`."""
        if self.engine.alive:
            return
        self._resources.enter_context(self.folder)
        self._resources.callback(self._similar.close)
        self._resources.callback(self.engine.stop)
        self.engine.start()

    def close(self) -> None:
        """Stop the engine at once, and remove all uploads."""
        self._resources.close()

    def use(self, bundle: Bundle) -> None:
        """Go on with another model, which a scan has put in the place of the library's."""
        if bundle.sha256 != self.bundle.sha256:
            self.bundle = judging(bundle, self.settings)
            self.engine.use(self.bundle)

    def on_close(self, work: Callable[[], None]) -> None:
        """What else to do when all is over."""
        self._resources.callback(work)

    def __enter__(self) -> Self:
        """Open it."""
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    # -- the library

    @property
    def has_library(self) -> bool:
        """Whether anything has been scanned yet."""
        return (self.settings.library or default_path()).exists()

    def open_library(self) -> Library:
        """The library, to be closed by the caller; it belongs to the thread that opens it. Raises `LibraryError`."""
        return Library.open(self.settings.library, create=False)

    async def with_library(self, work: Callable[[Library], R]) -> R:
        """Run `work(library)` in a thread, away from the event loop. Raises `LibraryError` and what `work` raises."""

        def run() -> R:
            with self.open_library() as library:
                return work(library)

        return await asyncio.to_thread(run)

    async def similar(
        self, embedding: ArrayLike | None, *, model_sha256: str | None = None, n: int = 10, seed: Song | None = None
    ) -> list[Neighbour]:
        """The songs of the library that sound most like an embedding (d,), which must be of the library's model.

        `seed` is left out (a song that isn't of the library needs nothing but its `content_hash`). Raises
        `LibraryError` where there is no library, `ConfigError` where it holds nothing to compare with.
        """
        return await self._similar.find(embedding, model_sha256 or self.bundle.sha256, n, seed)


def bundle_for(settings: Settings) -> Bundle:
    """The model to serve with: the one that was asked for, else the library's own, else what is set, or the default.

    Raises `ModelFileError`. A library that can't be opened is for its pages to tell of.
    """
    path = settings.library or default_path()
    if settings.model is None and path.exists():
        with suppress(LibraryError), Library.open(path, readonly=True) as library:
            return model_for(library, mix=True)  # where its own is gone, songs are still heard
    return load_bundle(settings.model or defaults.text("model"))


def judging(bundle: Bundle, settings: Settings) -> Bundle:
    """The model with the thresholds of the precision that was asked for. Raises `ConfigError` where it has no such."""
    return bundle if settings.precision is None else bundle.with_card(bundle.card.at(settings.precision))


class _Similar:
    """The index of the library, kept as long as nobody writes to the file: making it reads all embeddings.

    All of it happens in one thread, for a library belongs to the thread that opened it.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="zhanr-similar")
        self._library: Library | None = None
        self._index: tuple[tuple[int, str], SimilarSongs] | None = None

    async def find(self, embedding: ArrayLike | None, model: str, n: int, seed: Song | None) -> list[Neighbour]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._find, embedding, model, n, seed)

    def close(self) -> None:
        self._thread.submit(self._close)
        self._thread.shutdown()

    def _find(self, embedding: ArrayLike | None, model: str, n: int, seed: Song | None) -> list[Neighbour]:
        if self._library is None:
            self._library = self._state.open_library()
        key = (self._library.version, model)
        if self._index is None or self._index[0] != key:
            self._index = key, self._make(self._library, model)
        return self._index[1].find(embedding, n, seed=seed)

    def _make(self, library: Library, model: str) -> SimilarSongs:
        if library.main_model() not in (None, model):
            raise ConfigError(
                "the songs of the library were classified with another model than this server's; "
                "start it with theirs, or run `zhanr scan --again`"
            )
        return SimilarSongs(library, model_sha256=model)

    def _close(self) -> None:
        if self._library is not None:
            self._library.close()
