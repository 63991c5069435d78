"""What the library remembers of itself beside its songs: which model works on it."""

from __future__ import annotations

import json
from typing import NamedTuple

from zhanr.library.store import Library, as_library_errors

_MODEL, _PLANNED = "model", "planned_model"


class Model(NamedTuple):
    """A model by the hash of its file, and by what `--model` calls it: a built-in's name, or a path; "" if unknown."""

    sha256: str
    reference: str = ""

    def __str__(self) -> str:
        return f"{self.reference} ({self.sha256[:8]})" if self.reference else f"a model ({self.sha256[:8]}...)"


def model_of(library: Library) -> Model | None:
    """The model that classified the library; None while no song was classified."""
    main = library.main_model()
    if main is None:
        return None
    text = _read(library, _MODEL)
    return Model(**json.loads(text)) if text else Model(main)


def remember(library: Library, model: Model) -> None:
    """From now on this is the library's model; what was planned is done with."""
    if _read(library, _MODEL) != (text := json.dumps(model._asdict())):
        _write(library, _MODEL, text)
    forget_plan(library)


def planned(library: Library) -> str | None:
    """The model that the next `zhanr scan --again` puts in place, if one was learnt since the last."""
    return _read(library, _PLANNED)


def plan(library: Library, reference: str) -> None:
    """Let the next `zhanr scan --again` use this model."""
    _write(library, _PLANNED, reference)


def forget_plan(library: Library) -> None:
    """Let nothing be planned."""
    if planned(library) is not None:
        with library.transaction():
            library.db.execute("DELETE FROM memory WHERE name = ?", (_PLANNED,))


def _read(library: Library, name: str) -> str | None:
    with as_library_errors(library.path):
        row = library.db.execute("SELECT value FROM memory WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _write(library: Library, name: str, value: str) -> None:
    with library.transaction():
        library.db.execute("INSERT OR REPLACE INTO memory (name, value) VALUES (?, ?)", (name, value))
