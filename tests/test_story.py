"""A person with genres of her own, from a folder of music to tags and playlists and back, as she would type it.

The songs are bands of noise: low, middle and high are the genres that the model knows, and what she calls Polka is low
and high at once, of which the model has never heard.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audio_files import FORMATS, Samples, encode
from command import lines, zhanr
from tiny import LABELS, N_BINS, tiny_model
from zhanr.tags.formats import read_genres

RATE = 8000  # hertz, that of the model
BANDS = {
    "classical": ((100, 500),),
    "jazz": ((700, 1400),),
    "rock": ((2000, 3600),),
    "polka": ((100, 500), (2000, 3600)),
}
"""Hertz."""
KINDS = ("flac", "mp3", "alac", "wav-s16")
ODD = (4, 2)
"""The album of jazz on which this song sounds like rock."""


def noise(bands: tuple[tuple[int, int], ...], seed: int, seconds: float = 2.0) -> Samples:
    """Noise, most of it in some bands, (n, 1)."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(size=round(seconds * RATE)))
    hertz = np.fft.rfftfreq(round(seconds * RATE), 1 / RATE)
    kept = np.any([(low <= hertz) & (hertz < high) for low, high in bands], axis=0)
    y = np.fft.irfft(spectrum * np.where(kept, 1.0, rng.uniform(0.0, 0.2)))  # some are hard to tell
    return np.asarray(0.5 * y / np.abs(y).max(), np.float32)[:, None]


def album(folder: Path, genre: str, number: int, *, songs: int = 3, genre_tag: str = "") -> None:
    """An album by an artist who made no other; its songs say nothing of their genre, or what they are told."""
    for track in range(songs):
        fmt = replace(FORMATS[KINDS[(number + track) % len(KINDS)]], rate=RATE)
        about = {"artist": f"the {genre} band {number}", "album": f"album {number}", "title": f"song {track}"}
        about |= {"genre": genre_tag} if genre_tag else {}
        path = folder / f"{genre} {number}" / f"{track}.{fmt.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            encode(
                noise(BANDS["rock" if (number, track) == ODD else genre], 100 * number + track),
                fmt,
                layout="mono",
                metadata=about,
            )
        )


def a_model(path: Path) -> Path:
    """One that knows three of the four kinds: each by the share of the spectrum in which it lies."""
    weights = np.full((N_BINS, len(LABELS)), -2.0, np.float32)
    for genre, rows in zip(LABELS, (slice(0, 4), slice(5, 9), slice(10, 16)), strict=True):
        weights[rows, LABELS.index(genre)] = 4.0
    return tiny_model(path, weights=weights, confidence=0.5)


def state(music: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(music.rglob("*.*"))}


def counts() -> dict[str, int]:
    return dict(lines(zhanr("library", "--json"))[0]["genres"])


def test_from_a_folder_to_genres_of_ones_own_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    music, lists = tmp_path / "music", tmp_path / "lists"
    for number in range(15):
        album(music, LABELS[number % 3], number, genre_tag="Unknown" if number == 0 else "")
    for number in range(15, 19):
        album(music, "polka", number)
    for number, setting in enumerate(("XDG_DATA_HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA")):
        monkeypatch.setenv(setting, str(tmp_path / f"home{number}"))
    settings: dict[str, str | Path] = {
        "model": a_model(tmp_path / "tiny.onnx"),
        "jobs": "1",
        "policy": "replace",
        "by": "album",
    }
    for name, value in settings.items():
        zhanr("settings", "set", name, value)

    zhanr("scan", music)
    before = counts()
    assert sum(before.values()) == 57
    assert set(before) <= set(LABELS), "nobody has told it of polka"

    zhanr("library", "correct", "--where", "artist~polka", "--genre", "Polka", "--yes")
    zhanr("library", "correct", "--where", '!corrected title="song 0","song 1"', "--accept-best", "--yes")
    assert counts()["Polka"] == 12
    learnt = zhanr("learn")
    assert "95 % interval" in learnt.stdout
    album(music, "polka", 19)  # bought meanwhile
    zhanr("scan", "--again", music)
    (numbers,) = lines(zhanr("library", "--json"))
    assert (numbers["songs"], list(numbers["models"].values())) == (60, [60])
    assert counts() == {"Polka": 15, "classical": 15, "jazz": 14, "rock": 16}, "the new album without being told"

    albums = lines(zhanr("library", "albums", "--json"))
    odd = [row for row in albums if row["agreement"] < 1]
    assert [(row["genre"], row["songs"]) for row in odd] == [("jazz", 3)], odd[0]["confidence"]

    untouched, plan = state(music), tmp_path / "plan.csv"
    assert "57 to write" in zhanr("tag", "plan", "-o", plan, "--policy", "empty").stdout, "Unknown is a genre, too"
    assert "60 to write" in zhanr("tag", "plan", "-o", plan, "--force").stdout
    assert "NOTHING WAS WRITTEN" in zhanr("tag", "apply", plan).stderr
    assert state(music) == untouched
    zhanr("tag", "apply", plan, "--write")
    for path in untouched:
        word = path.parent.name.partition(" ")[0].capitalize()
        assert read_genres(path) == (word,), path
    again = lines(zhanr("scan", music, "--json"))[0]
    assert (again["retagged"], again["classified"]) == (60, 0)

    zhanr("library", "playlists", "-o", lists)
    assert sorted(path.name for path in lists.iterdir()) == ["Polka.m3u8", "classical.m3u8", "jazz.m3u8", "rock.m3u8"]
    named = [line for line in (lists / "Polka.m3u8").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert len(named) == 15
    assert all((lists / line).resolve().is_file() and not Path(line).is_absolute() for line in named)

    assert "60 restored" in zhanr("tag", "undo").stdout
    assert state(music) == untouched, "to the last byte"
    assert json.loads(zhanr("scan", music, "--json").stdout)["retagged"] == 60
