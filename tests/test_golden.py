"""What zhanr gives is what it gave: models, tags in files, and the library file, beside what tests/golden/ holds.

After a change that is meant, `ZHANR_GOLDEN=write pytest tests/test_golden.py` writes what differs anew (`-k default`
only that model's answers), and `git diff tests/golden` shows what has changed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

import tag_files
from zhanr import Classifier, Prediction
from zhanr.library import Library, Song
from zhanr.prediction import Style

GOLDEN = Path(__file__).parent / "golden"
SONGS = GOLDEN / "songs.tar.xz"
DEMO = Path(__file__).parents[1] / "demo"
EXACT = ("jazz.wav", "classical.flac", "rock.aiff")  # what no decoder may round
LOSSY = ("blues.mp3", "country.ogg", "disco.m4a", "hiphop.opus", "pop.webm", "reggae.wma", "метал.mp3")
RATE = 22050  # hertz, of the generated signals
WRITE = os.environ.get("ZHANR_GOLDEN") == "write"


def golden(name: str, made: str) -> str:
    """What is stored under a name; with the flag, what was made is stored first."""
    path = GOLDEN / name
    if WRITE:
        path.write_text(made, encoding="utf-8")
    return path.read_text(encoding="utf-8")


# ---- models


def signals() -> dict[str, Any]:
    """Sounds of twelve seconds that are the same on every machine."""
    n, rng = 12 * RATE, np.random.default_rng(0)
    seconds = np.arange(n) / RATE
    return {
        "noise": 0.2 * rng.normal(size=n),
        "sweep": 0.5 * np.sin(2 * np.pi * (50 * seconds + 300 * seconds**2)),
        "beats": 0.5 * rng.normal(size=n) * (seconds % 0.5 < 0.05),
        "short": 0.2 * rng.normal(size=n // 6),
    }


def said(prediction: Prediction) -> dict[str, Any]:
    """The probabilities of genres and styles, and what the embedding holds."""
    return {
        "genre": prediction.genre,
        "probabilities": {genre: round(p, 6) for genre, p in sorted(prediction.probabilities.items())},
        "styles": {style.name: round(style.probability, 6) for style in prediction.styles},
        "embedding": [round(float(x), 5) for x in prediction.embedding[:8]],
        "length": round(float(np.linalg.norm(prediction.embedding)), 4),
    }


@pytest.mark.parametrize("model", ["default", "gtzan", "paper"])
def test_models_say_what_they_said(model: str) -> None:
    """Decoders of lossy formats differ a little between versions of FFmpeg, our own stages not at all."""
    classifier = Classifier.load(model)
    decoded = EXACT + (LOSSY if model == "default" else ())
    found = {name: said(classifier.predict(DEMO / name)) for name in decoded}
    found |= {name: said(classifier.predict_samples(y, RATE)) for name, y in signals().items()}
    stored = json.loads(golden(f"{model}.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n"))
    assert list(stored) == list(found)
    for name, expected in stored.items():
        apart = 0.03 if name in LOSSY else 1e-4
        assert found[name]["probabilities"] == pytest.approx(expected["probabilities"], abs=apart), name
        if name not in LOSSY:
            assert found[name]["genre"] == expected["genre"]
            assert found[name]["styles"] == pytest.approx(expected["styles"], abs=apart), name
            assert found[name]["embedding"] == pytest.approx(expected["embedding"], rel=1e-3, abs=1e-3), name
            assert found[name]["length"] == pytest.approx(expected["length"], rel=1e-3), name


# ---- tags


def silence(seconds: float, rate: int = 44100, channels: int = 2, **_: Any) -> Any:
    return np.zeros((round(seconds * rate), channels), np.float32)


def pack() -> None:
    """Store a song of silence in every format: encoders differ between versions, and these stay."""
    with mock.patch.object(tag_files, "music", silence), tarfile.open(SONGS, "w:xz") as archive:
        for cached in (tag_files.song, tag_files.sound):
            cached.cache_clear()
        for name in tag_files.SONGS:
            suffix, data = tag_files.song(name)
            entry = tarfile.TarInfo(f"{name}.{suffix}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    for cached in (tag_files.song, tag_files.sound):
        cached.cache_clear()


def songs(folder: Path) -> Iterator[Path]:
    """The stored songs, unpacked."""
    if WRITE and not SONGS.exists():
        pack()
    with tarfile.open(SONGS) as archive:
        archive.extractall(folder, filter="data")
    yield from sorted(folder.iterdir())


def test_tags_are_written_to_the_byte_as_they_were(tmp_path: Path) -> None:
    """One genre, and then two others in its place."""
    music = tmp_path / "music"
    hashes: dict[str, list[str]] = {}
    for path in songs(music):
        for step, genres in enumerate((("Jazz",), ("Тешка музика", "Rock & Roll"))):
            (outcome,) = tag_files.write([tag_files.row(path, *genres)], tmp_path / f"{path.name}{step}.undo")
            assert outcome.status == "written", (path.name, outcome)
            hashes.setdefault(path.name, []).append(hashlib.sha256(path.read_bytes()).hexdigest()[:16])
    assert hashes == json.loads(golden("tags.json", json.dumps(hashes, indent=1) + "\n"))
    assert {Path(name).stem for name in hashes} == set(tag_files.SONGS), "a new format: delete songs.tar.xz, then write"


# ---- the library


def test_the_library_file_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables, versions and the rows of two songs."""
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.5)
    path = tmp_path / "library.sqlite"
    heard = Song(
        Path("/music/a b/č.mp3"),
        5_000_000,
        1_700_000_000_123_456_789,
        content_hash="ab" * 32,
        duration=200.5,
        genre="jazz",
        best="jazz",
        confidence=0.75,
        probabilities={"jazz": 0.75, "rock": 0.25},
        styles=(Style("bebop", 0.5),),
        model_sha256="cd" * 32,
        artist="Č",
        title="Наслов",
        tag_genre="Jazz; Blues",
        embedding=np.arange(3, dtype=np.float32),
    )
    with Library.open(path) as library:
        library.add(heard, Song(Path("/music/b.mp3"), 1, 2, error="this is not a music file"))
        library.correct("/music/a b/č.mp3", "Turbo Folk")
    with closing(sqlite3.connect(path)) as connection:
        held = {
            **{name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")},
            "sql": [" ".join(sql.split()) for (sql,) in connection.execute(CREATED)],
            **{table: rows(connection, table) for (table,) in connection.execute(TABLES)},
        }
    assert held == json.loads(golden("library.json", json.dumps(held, indent=1, ensure_ascii=False) + "\n"))


CREATED = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"


def rows(connection: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    """The rows of a table, bytes in hexadecimal digits."""
    found = connection.execute(f"SELECT * FROM {table} ORDER BY 1")
    names = [column[0] for column in found.description]
    return [{n: v.hex() if isinstance(v, bytes) else v for n, v in zip(names, row, strict=True)} for row in found]
