"""A scan on many machines with Ray Data: from files on a share or in an object store to Parquet, each song once.

The songs, in order of their names, are cut into parts, and a part's name is a hash of what is in it and of the model.
Where one part ends depends on the names around that place alone, so a new song changes one part and not all. A part is
written whole or not at all, under its name: whoever does it a second time, because a machine died or a scan was
started anew, finds it there or writes the same file. So nothing is lost and nothing counts twice. Ray's only home.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zhanr.errors import FileError, ZhanrError
from zhanr.files import replacing
from zhanr.library import Song
from zhanr.library.parquet import write_songs
from zhanr.scan.analyse import AGAIN, analyser
from zhanr.scan.walk import is_audio_path
from zhanr.scan.worker import Limits, Lost, Pool, Task

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

PART = 256
"""How many songs a part has on average; it never has more than four times as many."""
PREFIX, SUFFIX = "part-", ".parquet"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class File:
    """A file to classify, as its place tells without opening it. `stamp` changes when the file does."""

    location: str
    size: int
    mtime_ns: int
    stamp: str


@dataclass(frozen=True)
class Part:
    """Some files and the name of the output that holds their songs."""

    name: str
    files: tuple[File, ...]


@dataclass(frozen=True)
class ClusterSummary:
    """`songs` rows lie in `parts` files, `failed` of them without an answer; `known_parts` were there before."""

    songs: int
    failed: int
    parts: int
    known_parts: int
    removed_parts: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}


def scan(
    roots: Iterable[str],
    output: str,
    *,
    model: str | None = None,
    address: str | None = None,
    workers: int | None = None,
    part: int = PART,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> ClusterSummary:
    """Classify all music below some roots on a Ray cluster, and write Parquet files that `zhanr library import` reads.

    Parameters
    ----------
    roots
        Folders and files, as paths or URLs of fsspec (s3://bucket/music), or text files (.txt) that list them.
    output
        A folder, as a path or a URL. All machines must reach it, the roots and the model under the same names.
    model
        A built-in model's name or a model file.
    address
        Of a running cluster; None takes the one of this process or of $RAY_ADDRESS, or starts one on this machine.
    workers
        Processes that classify; by default one for each processor that the cluster has.

    """
    begin = time.monotonic()
    roots = list(roots)
    start, sha256 = analyser(model)
    scope = _hash([*sorted(roots), sha256])[:8]
    parts = list(make_parts(find(roots), scope, part))
    filesystem, folder = _filesystem(output)
    filesystem.makedirs(folder, exist_ok=True)
    there = _existing(filesystem, folder, scope)
    todo = [p for p in parts if p.name not in there]
    if todo:
        _run(todo, Classify(output, start, limits or Limits()), address, workers, progress or (lambda *_: None))
    stale = there - {p.name for p in parts}
    for name in stale:  # their songs are in other parts now, or gone
        filesystem.rm_file(f"{folder}/{name}")
    songs, failed = count(output, [p.name for p in parts])
    return ClusterSummary(songs, failed, len(parts), len(parts) - len(todo), len(stale), time.monotonic() - begin)


def _run(todo: list[Part], work: Classify, address: str | None, workers: int | None, progress: Progress) -> None:
    ray = _ray()
    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False, logging_level="warning")
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    jobs = min(workers or max(1, int(ray.cluster_resources().get("CPU", 1))), len(todo))
    rows = ray.data.from_items([{"part": pickle.dumps(part)} for part in todo], override_num_blocks=len(todo))
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=jobs)
    done = rows.map_batches(Worker, fn_constructor_args=(work,), batch_size=1, compute=pool, num_cpus=1)
    for number, _ in enumerate(done.iter_rows(), start=1):
        progress(number, len(todo))


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ZhanrError(f"the engine ray needs {error.name}: pip install 'zhanr[cluster]'") from error
    return ray


class Worker:
    """What an actor of Ray holds: the work, with its decoder process started once."""

    def __init__(self, work: Classify) -> None:
        self._work = work

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Do the parts of a batch, each a pickled `Part`."""
        parts = [pickle.loads(part) for part in batch["part"]]
        for part in parts:
            self._work(part)
        return {"part": [part.name for part in parts]}


class Classify:
    """Does one part: fetches its files, classifies them in a process that may crash, and puts the output in place."""

    def __init__(self, output: str, start: Callable[[], Any], limits: Limits) -> None:
        self.output = output
        self._start, self._limits = start, limits
        self._pool: Pool[Song | None] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the pool, which belongs to one process."""
        return self.__dict__ | {"_pool": None}

    def __call__(self, part: Part) -> None:
        """Make the part's output unless it is there."""
        filesystem, folder = _filesystem(self.output)
        target = f"{folder}/{part.name}"
        if filesystem.exists(target):
            return
        with tempfile.TemporaryDirectory() as scratch:
            songs = sorted(self._songs(part, Path(scratch)), key=lambda song: song.location)
            written = Path(scratch) / part.name
            write_songs(songs, written)
            _put(filesystem, written, target)

    def _songs(self, part: Part, scratch: Path) -> Iterator[Song]:
        """One song for every file of the part that still exists."""
        files: dict[Path, File] = {}

        def tasks() -> Iterator[Task]:
            for file in part.files:
                local = _fetch(file, scratch)
                if isinstance(local, Path):
                    files[local] = file
                    yield Task(local, file.size)
                elif local is not None:
                    lost.append(replace(_restored(Song(Path(file.location), error=local.reason), file), mtime_ns=AGAIN))

        lost: list[Song] = []
        if self._pool is None:
            self._pool = Pool(self._start, jobs=1, limits=self._limits)
        for task, result in self._pool.run(tasks(), lambda *_: False):
            file = files.pop(task.path)
            if task.path.parent == scratch:
                task.path.unlink(missing_ok=True)
            if isinstance(result, Lost):
                result = Song(task.path, error=result.reason)
            if result is not None:
                yield _restored(result, file)
        yield from lost


def _restored(song: Song, file: File) -> Song:
    """The song under its own name instead of that of a copy. Its time is not when it was classified, but the file's.

    So a part that is done twice is the same file twice.
    """
    return replace(
        song, path=Path(file.location), size=file.size, mtime_ns=file.mtime_ns, scanned_at=file.mtime_ns / 1e9
    )


def _fetch(file: File, scratch: Path) -> Path | Lost | None:
    """The file itself, or a copy of a remote one; None if it is gone."""
    if "://" not in file.location:
        return Path(file.location)
    filesystem, name = _filesystem(file.location)
    local = scratch / f"{_hash([file.location])[:16]}{Path(name).suffix}"
    try:
        filesystem.get_file(name, os.fspath(local))
    except FileNotFoundError:
        return None
    except Exception as error:  # each object store has errors of its own, and one object is one row
        return Lost(f"the file can't be read ({type(error).__name__}: {error})", again=True)
    return local


def _put(filesystem: AbstractFileSystem, written: Path, target: str) -> None:
    """Make a file appear under its name at once: an object store does that by itself, a file system by renaming."""
    if not _is_local(filesystem):
        filesystem.put_file(os.fspath(written), target)
        return
    with replacing(Path(target)) as temporary:
        temporary.write_bytes(written.read_bytes())


# -- the plan


def find(roots: Iterable[str]) -> Iterator[File]:
    """All music files below the roots, or named by them, in order of location within each root."""
    for root in roots:
        if root.endswith(".txt"):
            filesystem, name = _filesystem(root)
            text = filesystem.cat_file(name).decode("utf-8")
            yield from find(line.strip() for line in text.splitlines() if line.strip())
            continue
        filesystem, name = _filesystem(root)
        try:
            found = filesystem.find(name, detail=True)
        except OSError as error:
            raise FileError(root, f"it can't be listed ({error})") from error
        if not found and not filesystem.exists(name):
            raise FileError(root, "there is no such file or folder")
        for path in sorted(found):
            hidden = any(piece.startswith(".") for piece in path.removeprefix(name).split("/"))
            if path == name or (is_audio_path(path) and not hidden):
                yield _file(filesystem, path, found[path])


def _file(filesystem: AbstractFileSystem, path: str, about: dict[str, Any]) -> File:
    location = path if _is_local(filesystem) else filesystem.unstrip_protocol(path)
    modified = about.get("mtime") or about.get("LastModified") or about.get("updated") or about.get("created") or 0
    if hasattr(modified, "timestamp"):
        modified = modified.timestamp()
    mtime_ns = 0
    with suppress(TypeError, ValueError):
        mtime_ns = int(float(modified) * 1e9)
    if _is_local(filesystem):
        mtime_ns = os.stat(path).st_mtime_ns  # noqa: PTH116 - exact, so that a local scan finds it unchanged
    size = int(about.get("size") or 0)
    return File(location, size, mtime_ns, str(about.get("ETag") or about.get("md5Hash") or mtime_ns))


def make_parts(files: Iterable[File], scope: str, size: int = PART) -> Iterator[Part]:
    """Cut the files into parts, after each file the hash of whose name says so (one in `size`).

    `scope` stands for the roots and the model, and is part of each name; a file that is given twice counts once.
    """
    waiting: list[File] = []
    unique = {file.location: file for file in files}
    for location in sorted(unique):
        waiting.append(unique[location])
        if int(_hash([location])[:12], 16) % size == 0 or len(waiting) >= 4 * size:
            yield _part(waiting, scope)
            waiting = []
    if waiting:
        yield _part(waiting, scope)


def _part(files: list[File], scope: str) -> Part:
    key = _hash([f"{file.location}\0{file.size}\0{file.stamp}" for file in files])
    return Part(f"{PREFIX}{scope}-{key[:24]}{SUFFIX}", tuple(files))


def count(output: str, names: Iterable[str]) -> tuple[int, int]:
    """Songs in some parts, and how many of them failed, from what lies there and not from what workers said."""
    from zhanr.library.parquet import pyarrow

    filesystem, folder = _filesystem(output)
    songs = failed = 0
    for name in names:
        with filesystem.open(f"{folder}/{name}", "rb") as file:
            errors = pyarrow().parquet.read_table(file, columns=["error"])["error"]
        songs, failed = songs + len(errors), failed + len(errors) - errors.null_count
    return songs, failed


def _existing(filesystem: AbstractFileSystem, folder: str, scope: str) -> set[str]:
    names = {path.rstrip("/").rpartition("/")[2] for path in filesystem.ls(folder, detail=False, refresh=True)}
    return {name for name in names if name.startswith(f"{PREFIX}{scope}-") and name.endswith(SUFFIX)}


def _filesystem(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a path or URL, and the path on it."""
    try:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(url)
    except ImportError as error:
        raise ZhanrError(f"{url} needs {error.name or error}: pip install 'zhanr[cluster]'") from error
    except ValueError as error:
        raise FileError(url, str(error)) from error
    return filesystem, str(path).rstrip("/") or "/"


def _is_local(filesystem: AbstractFileSystem) -> bool:
    protocol = filesystem.protocol
    return "file" in ((protocol,) if isinstance(protocol, str) else protocol)


def _hash(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogateescape")).hexdigest()
