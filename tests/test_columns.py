"""What a song has is said once: whatever a column is for follows from its line."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhanr.library import Library, Song, schema
from zhanr.library.columns import COLUMNS, CSV, LISTS, NUMBERS, ORDERS, PREDICTED, TEXTS
from zhanr.library.export import export
from zhanr.library.parquet import read_songs
from zhanr.library.query import FLAGS
from zhanr.library.views import view
from zhanr.prediction import Prediction, Style

PUNK = (Style("punk", 0.8), Style("garage rock", 0.31))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library.sqlite") as opened:
        opened.add(
            Song(Path("/music/a.mp3"), best="rock", genre="rock", styles=PUNK, albumartist="Ø", warnings=("cut off",)),
            Song(Path("/music/b.mp3"), best="jazz", styles=(Style("Post-Punk", 0.5),)),
            Song(Path("/music/c.mp3"), error="it is empty"),
        )
        yield opened


def test_the_table_has_the_columns_of_a_song(library: Library) -> None:
    table = [row[1] for row in library.db.execute("PRAGMA table_info(song)")]
    assert set(table) == {"id", "folder", *COLUMNS}
    assert set(CSV.values()) - {"answer"} <= set(COLUMNS)
    for name in (*TEXTS, *LISTS, *NUMBERS):
        assert library.count(f"{name}=0" if name in NUMBERS and name != "scanned" else f"!{name}=2000-01-01") >= 0
    for order in ORDERS:
        assert len(view(library, order=order)) == 3


def test_every_filter_is_documented() -> None:
    page = (Path(__file__).parents[1] / "docs" / "library.md").read_text(encoding="utf-8")
    filters = page.partition("## Filters")[2].partition("\n## ")[0]
    assert not [name for name in (*TEXTS, *LISTS, *NUMBERS, *FLAGS) if f"`{name}`" not in filters]


def test_what_the_classifier_says_is_a_prediction() -> None:
    said = {name for name in PREDICTED if name != "model_sha256"}
    assert said <= {*Prediction.__dataclass_fields__, "best"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("style=punk", ["a"]),
        ("style~punk", ["a", "b"]),
        ("style=PUNK,post-punk", ["a", "b"]),
        ('style="garage rock"', ["a"]),
        ("!style~punk", ["c"]),
        ("style=", ["c"]),
        ("albumartist=ø", ["a"]),
        ("warning~cut", ["a"]),
        ("warning", ["a"]),
    ],
)
def test_styles_and_others_can_be_asked_for(library: Library, query: str, found: list[str]) -> None:
    assert [song.path.stem for song in library.songs(query)] == found


def test_styles_come_back_in_every_form(library: Library, tmp_path: Path) -> None:
    (song,) = library.songs("style=punk")
    assert song.styles == PUNK
    named = [{"name": "punk", "probability": 0.8}, {"name": "garage rock", "probability": 0.31}]
    assert song.to_dict()["styles"] == named
    export(library.songs(), tmp_path / "x.parquet", "parquet")
    assert next(read_songs(tmp_path / "x.parquet")).styles == PUNK
    export(library.songs(), tmp_path / "x.csv", "csv")
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert json.loads(rows[0]["styles"]) == named
    assert (rows[0]["genre"], rows[0]["albumartist"], rows[0]["warnings"]) == ("rock", "Ø", "cut off")


@pytest.mark.parametrize("readonly", [True, False])
def test_a_library_of_the_first_version_gets_them(tmp_path: Path, readonly: bool) -> None:
    path = tmp_path / "old.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    schema.prepare(connection, path, schema.MIGRATIONS[:1])
    values = (b"/music/a.mp3", b"/music", 1, 2, "rock", "rock", 0.9, 5.0)
    names = "path, folder, size, mtime_ns, genre, best, confidence, scanned_at"
    connection.execute(f"INSERT INTO song ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
    connection.close()
    with Library.open(path, readonly=readonly) as library:
        (song,) = library.songs()
        assert (song.genre, song.styles, song.albumartist) == ("rock", (), None)
    assert len(list(tmp_path.glob("old.v1.*.sqlite"))) == 1
