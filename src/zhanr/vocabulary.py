"""Which model works on a library: the one that its songs were classified with, so that no vocabularies get mixed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from zhanr import settings
from zhanr.bundle import DEFAULT_MODEL, STORE_MODEL, Bundle, builtin_models, builtin_path, load_bundle
from zhanr.errors import ConfigError
from zhanr.library import Library, default_path, memory
from zhanr.library.memory import Model


class MixedGenresError(ConfigError):
    """A model's genres would stand beside those of the library's own, `known`, and nobody has asked for that."""

    def __init__(self, message: str, known: Model, wanted: str) -> None:
        super().__init__(message)
        self.known, self.wanted = known, wanted


def model_for(library: Library, wanted: str | None = None, *, again: bool = False, mix: bool | None = None) -> Bundle:
    """Open the model for work on a library.

    That is the `wanted` one, or `$ZHANR_MODEL`; else the library's own; for a new library the settings' or the default.

    Parameters
    ----------
    again
        All songs are done anew, so that another model may take the place of the library's. If none is `wanted`, the
        one that was learnt last does, else the settings', else the newest of the library's own name.
    mix
        Another model's genres may stand beside those of the library. None: this can't be had.

    Raises `ModelFileError` and `MixedGenresError`.

    """
    setting = settings.current("model")
    if setting.source == "environment":
        wanted = wanted or str(setting.value)
    known = memory.model_of(library)
    if known is None or again:
        return load_bundle(wanted or _next_model(library, known))
    if wanted is None and (found := find(library, known)) is not None:
        return load_bundle(found)
    bundle = load_bundle(wanted or settings.text("model"))
    if bundle.sha256 != known.sha256 and not mix:
        message = _refusal(library, known, bundle, wanted, may_mix=mix is not None)
        raise MixedGenresError(message, known, bundle.reference)
    return bundle


def _next_model(library: Library, known: Model | None) -> str | None:
    """For a new library, or one that is done anew: what was learnt last, else what is set, else the library's own."""
    stored = settings.current("model").value
    planned = memory.planned(library) or (None if stored is None else str(stored))
    if planned or known is None:
        return planned
    there = known.reference in builtin_models() or Path(known.reference).is_file()
    return known.reference if there else None


def model_for_files(wanted: str | None = None) -> str | None:
    """What to load for files that are in no library: `wanted`, or `$ZHANR_MODEL`; else what the person's library has.

    None where there is none, and nothing is set.
    """
    setting = settings.current("model")
    if wanted or setting.source == "environment":
        return wanted or str(setting.value)
    if default_path().exists():
        with Library.open(create=False, readonly=True) as library:
            known = memory.model_of(library)
            if known is not None and (found := find(library, known)) is not None:
                return str(found)
    return settings.text("model")


def least(library: Library, precision: float | None = None) -> float:
    """The probability from which on the library's model is sure of a genre, as it was made or at a precision.

    0 for a library without answers. Raises `ConfigError` where the model is gone, or can't promise the precision.
    """
    model = memory.model_of(library)
    if model is None:
        return 0.0
    if (path := find(library, model)) is None:
        raise ConfigError(f"the model of {library.path} can't be found, so from where on it is sure is unknown")
    card = load_bundle(path).card
    return card.thresholds.get("confidence", 0.0) if precision is None else card.point(precision).confidence


def advice(library: Library) -> str | None:
    """What to tell of a library that has the first default model's genres, now that there is a better one."""
    return (
        None
        if not is_first_default(library)
        else (
            f"it was classified with the model {STORE_MODEL}, the default of earlier versions; "
            f"`zhanr scan --again --model {DEFAULT_MODEL} FOLDER` does it anew with today's, which knows more music"
        )
    )


def is_first_default(library: Library) -> bool:
    """Whether a library was classified with the default model of earlier versions."""
    return library.main_model() == hashlib.sha256(builtin_path(STORE_MODEL).read_bytes()).hexdigest()


def note(library: Library, bundle: Bundle, *, mix: bool = False) -> None:
    """Let the library remember the model that now works on it, unless it only works beside its own."""
    known = memory.model_of(library)
    if known is None or known.sha256 == bundle.sha256 or not mix:
        memory.remember(library, Model(bundle.sha256, bundle.reference))


def find(library: Library, model: Model) -> Path | None:
    """The file of a model: where it was, among the built-in ones, or beside the library; None if it is nowhere."""
    for path in _places(library, model):
        try:
            if hashlib.sha256(path.read_bytes()).hexdigest() == model.sha256:
                return path
        except OSError:
            continue  # whatever is there, it is not this model
    return None


def _places(library: Library, model: Model) -> Iterator[Path]:
    if model.reference and model.reference not in builtin_models():
        yield Path(model.reference)
    yield from map(builtin_path, builtin_models())
    yield from sorted(library.path.parent.glob("*.onnx"))


def _refusal(library: Library, known: Model, bundle: Bundle, wanted: str | None, *, may_mix: bool) -> str:
    again = f"`zhanr scan --again{f' --model {wanted}' if wanted else ''} FOLDER` classifies them anew"
    mix = ", --mix does only the new songs with it" if may_mix else ""
    gone = "" if wanted else ", which can't be found any more"
    return (
        f"the songs of {library.path} were classified with {known}{gone}, and {bundle.reference} "
        f"({bundle.sha256[:8]}) has genres of its own; {again}{mix}"
    )
