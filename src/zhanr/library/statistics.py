"""The library in numbers."""

from __future__ import annotations

from typing import Any

from zhanr.library import memory
from zhanr.library.columns import ANSWER
from zhanr.library.query import FLAGS
from zhanr.library.store import Library, as_library_errors
from zhanr.prediction import NOVEL

FEW = 5  # songs of which nothing can be said as a whole


def remark(unknown: int, songs: int) -> str | None:
    """What to tell where most songs sound like nothing that the model knows."""
    if songs < FEW or 2 * unknown <= songs:
        return None
    return (
        f"{unknown:,} of {songs:,} songs sound like nothing that the model knows: for such music its sureness was "
        "never measured, so look at its answers for the others before you write them anywhere"
    )


def statistics(library: Library) -> dict[str, Any]:
    """Counts of songs by what is known of them, their whole length and size, and how many have each genre.

    `songs` are all that are not missing; each is one of `sure`, `unsure`, `corrected` and `failed`.
    `unknown` are those of the unsure that sound like nothing that the model knows.
    """
    sums = {
        "songs": "1",
        "sure": f"song.error IS NULL AND song.correction IS NULL AND {ANSWER} IS NOT NULL",
        "unsure": FLAGS["unsure"],
        "corrected": FLAGS["corrected"],
        "failed": "song.error IS NOT NULL AND song.correction IS NULL",
        "unknown": f"song.correction IS NULL AND song.reason = '{NOVEL}'",
        "tagged": FLAGS["tagged"],
        "seconds": "song.duration",
        "bytes": "song.size",
    }
    columns = ", ".join(f"coalesce(sum({what}), 0)" for what in sums.values())
    with as_library_errors(library.path):
        row = library.db.execute(f"SELECT {columns} FROM song WHERE NOT ({FLAGS['missing']})").fetchone()
        models = library.db.execute(
            "SELECT model_sha256, count(*) FROM song WHERE best IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
    return {
        "library": str(library.path),
        **dict(zip(sums, row, strict=True)),
        "missing": library.count("missing"),
        "genres": library.genres(),
        "model": None if (model := memory.model_of(library)) is None else model.reference or model.sha256,
        "models": dict(models),
    }
