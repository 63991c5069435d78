"""Dividing a store or a data set into parts, with the hold-out group of the paper's protocol."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from zhanr.cli import main
from zhanr.config import FeatureConfig
from zhanr.errors import ConfigError, DatasetError
from zhanr.lab.datasets import Dataset, FeatureStore, Track, open_dataset, splits
from zhanr.lab.datasets.divide import divide, parse_shares, write

PARTS = ["train", "valid", "test", "holdout"]
N = 80


def store(*, twins: bool = False) -> FeatureStore:
    """Two genres; every artist has four songs. With twins, song 1 sounds like song 0, and so on."""
    x = np.random.default_rng(0).integers(0, 255, (N, 4, 6)).astype(np.uint8)
    if twins:
        x[1::2] = x[::2]
    names = np.array([f"song{i}" for i in range(N)])
    labels = np.array(["high", "low"] * (N // 2))
    artists = np.array([f"artist{i // 4}" for i in range(N)])
    return FeatureStore(x, names, np.sort(labels), FeatureConfig(n_mels=4), artists=artists)


def music(folder: Path) -> Dataset:
    """A data set of files of which each two hold the same."""
    tracks = []
    for i in range(40):
        path = folder / f"{i}.wav"
        path.write_bytes(f"sound {i // 2}".encode())
        tracks.append(Track(f"t{i}", path, ("high", "low")[i // 20]))
    return Dataset("music", tuple(tracks))


def test_the_hold_out_protocol_has_four_parts_of_the_sizes_asked_for() -> None:
    songs = store()
    split = splits.hold_out(songs.names.tolist(), songs.labels.tolist(), 0)
    assert {part: len(names) for part, names in split.items()} == {"train": 48, "valid": 16, "test": 8, "holdout": 8}


@pytest.mark.parametrize("seed", range(3))
def test_no_part_knows_an_artist_or_a_sound_of_another(seed: int) -> None:
    songs = store(twins=True)
    by_artist = divide(songs, "artist", splits.HOLD_OUT, seed)
    assert list(by_artist) == PARTS
    assert not splits.overlaps(by_artist, artists=songs.artist_of, contents=songs.contents())
    at_random = divide(songs, "random", splits.HOLD_OUT, seed)
    assert not splits.overlaps(at_random, contents=songs.contents())
    assert splits.overlaps(at_random, artists=songs.artist_of), "a random split parts the songs of an artist"


def test_the_parts_of_a_store_are_stores(tmp_path: Path) -> None:
    songs = store()
    split = divide(songs, "random", splits.HOLD_OUT, 1)
    files = write(songs, split, tmp_path / "parts")
    loaded = {part: FeatureStore.load(path) for part, path in files.items()}
    assert sorted(name for part in loaded.values() for name in part.names.tolist()) == sorted(songs.names.tolist())
    row = songs.names.tolist().index(loaded["holdout"].names[0])
    assert np.array_equal(loaded["holdout"].x[0], songs.x[row])


def test_the_parts_of_audio_are_manifests_that_lead_to_the_same_files(tmp_path: Path) -> None:
    dataset = music(tmp_path)
    split = divide(dataset, "random", splits.HOLD_OUT, 0)
    files = write(dataset, split, tmp_path / "parts")
    read = [track for path in files.values() for track in open_dataset(path).tracks]
    where = {track.path.resolve() for track in read}
    assert where == {track.path.resolve() for track in dataset.tracks}
    assert {track.name: track.split for track in read} == {n: part for part, names in split.items() for n in names}
    numbers = {track.name: int(track.name[1:]) // 2 for track in read}
    assert not splits.overlaps(split, contents={name: str(n) for name, n in numbers.items()}), "twins are parted"


def test_the_published_split_is_for_gtzan_only() -> None:
    with pytest.raises(DatasetError, match="none of these tracks"):
        divide(store(), "fault-filtered", splits.HOLD_OUT, 0)


@pytest.mark.parametrize("text", ["", "train", "train=0,test=1", "train=-1", "train=much", "=3", "tr/ain=1"])
def test_shares_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="shares"):
        parse_shares(text)


def test_shares_may_be_parts_of_any_whole() -> None:
    assert parse_shares("train=3, test=1") == {"train": 0.75, "test": 0.25}


def test_the_command_writes_and_says_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store().save(tmp_path / "all.npz")
    out = tmp_path / "parts"
    monkeypatch.setattr(sys, "argv", ["zhanr", "lab", "data", "split", str(tmp_path / "all.npz"), "-o", str(out)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4
    for line, part in zip(said, PARTS, strict=True):
        assert line.endswith(f"{len(FeatureStore.load(out / f'{part}.npz'))} songs")
