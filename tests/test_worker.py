"""Work on files in child processes: order, limits, crashes, and what stands on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bad_decoders
from audio_files import FORMATS, encode, music
from zhanr.config import FeatureConfig, WindowConfig
from zhanr.errors import ConfigError
from zhanr.lab import extract
from zhanr.lab.datasets import Dataset, Track
from zhanr.lab.handmade import extraction as handmade
from zhanr.library import Library, Song
from zhanr.scan import duplicates
from zhanr.scan.worker import Limits, Lost, Pool, Task, each

QUICK = Limits(seconds=3, bytes_per_second=1e9)


def named(*stems: str) -> list[Path]:
    return [Path("/music") / f"{stem}.wav" for stem in stems]


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_order_and_twice_what_is_asked_twice(jobs: int) -> None:
    assert list(each(bad_decoders.name_of, named("slow", "b", "a", "b"), jobs=jobs)) == [
        "slow.wav", "b.wav", "a.wav", "b.wav",
    ]  # fmt: skip
    assert list(each(bad_decoders.name_of, [], jobs=jobs)) == []


def test_a_bad_file_is_one_lost_result() -> None:
    results = list(each(bad_decoders.name_of, named("a", "hang", "leave", "bug", "absent", "z"), jobs=2, limits=QUICK))
    assert results == [
        "a.wav",
        Lost("decoding it took longer than 3 seconds"),
        Lost("decoding it crashed (exit code 3)"),
        Lost("decoding it failed unexpectedly (ZeroDivisionError: a bug)"),
        Lost("there is no such file"),
        "z.wav",
    ]


def test_an_error_that_is_not_about_the_file_is_raised() -> None:
    with pytest.raises(ConfigError, match="nothing can be done with these settings"):
        list(each(bad_decoders.name_of, named("a", "wrong", "b")))


def test_a_pool_goes_on_after_such_an_error() -> None:
    wrong, fine = named("wrong", "a")
    with Pool(bad_decoders.name_of_work, jobs=1) as pool:
        with pytest.raises(ConfigError):
            list(pool.run(iter([Task(wrong)]), lambda *_: False))
        (worker,) = pool._workers
        assert [result for _, result in pool.run(iter([Task(fine)]), lambda *_: False)] == ["a.wav"]
        assert pool._workers == [worker]


# -- a decoder that hangs is one failed row everywhere


@pytest.fixture
def songs(tmp_path: Path) -> list[Path]:
    """Two copies of a song, and one that hangs the decoder."""
    paths = [tmp_path / f"{stem}.wav" for stem in ("a", "hang", "b")]
    data = encode(music(4.0, 22050), FORMATS["wav-f32"])
    for path in paths:
        path.write_bytes(data)
    return paths


def dataset(songs: list[Path]) -> Dataset:
    return Dataset("three", tuple(Track(path.stem, path, "rock") for path in songs))


def test_extract(songs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "excerpt", bad_decoders.excerpt)
    windows = WindowConfig(frames=32, hop=16, segment_frames=64)
    store, failures = extract.extract_dataset(dataset(songs), FeatureConfig(), windows, jobs=2, limits=QUICK)
    assert store.names.tolist() == ["a", "b"]
    assert [(e.path, e.reason) for e in failures] == [(str(songs[1]), "decoding it took longer than 3 seconds")]


def test_handmade_features(songs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handmade, "features_of", bad_decoders.features_of)
    table, failures = handmade.extract_table(dataset(songs), jobs=2, limits=QUICK)
    assert table.names == ("a", "b")
    assert [e.path for e in failures] == [str(songs[1])]


def test_duplicates(songs: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(duplicates, "fingerprint_of", bad_decoders.fingerprint_of)
    vector = np.ones(4, np.float32)
    with Library.open(tmp_path / "library.sqlite") as library:
        library.add(*(Song(p, duration=4.0, best="rock", model_sha256="m", embedding=vector) for p in songs))
        (group,) = duplicates.find_duplicates(library, jobs=2, limits=QUICK)
    assert [song.path.stem for song in group.songs] == ["a", "b"]
