"""Splits share nothing, are balanced, are repeatable, and don't depend on the order of the tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command import zhanr
from zhanr.config import FeatureConfig
from zhanr.errors import ConfigError, DatasetError
from zhanr.lab.datasets import gtzan, splits
from zhanr.lab.datasets.store import FeatureStore
from zhanr.lab.datasets.table import Table
from zhanr.lab.training.config import DataConfig
from zhanr.lab.training.data import load_stores
from zhanr.words import artist_key

NAMES = [f"{genre}.{i:05d}" for genre in gtzan.GENRES for i in range(100)]
LABELS = [name.split(".")[0] for name in NAMES]
THREE = {"train": 0.8, "valid": 0.1, "test": 0.1}
FOUR = {"train": 0.6, "validation": 0.15, "test": 0.15, "holdout": 0.1}


def test_fault_filtered_is_the_published_split() -> None:
    split = splits.fault_filtered(NAMES)
    assert {part: len(names) for part, names in split.items()} == {"train": 443, "valid": 197, "test": 290}
    assert set().union(*split.values()) <= set(NAMES)
    splits.check(split)


def test_fault_filtered_has_no_artist_in_two_parts() -> None:
    assert splits.overlaps(splits.fault_filtered(NAMES), artists=gtzan.artists()) == ()


def test_fault_filtered_keeps_to_the_names_given() -> None:
    assert splits.fault_filtered(["blues.00029", "blues.00000", "other"]) == {
        "train": ("blues.00029",),
        "valid": ("blues.00000",),
    }
    with pytest.raises(DatasetError, match="none of these tracks"):
        splits.fault_filtered(["other"])
    with pytest.raises(DatasetError, match="no part 'dev'"):
        gtzan.fault_filtered("dev")


@pytest.mark.parametrize("fractions", [THREE, FOUR])
def test_stratified_gives_each_genre_its_share(fractions: dict[str, float]) -> None:
    split = splits.stratified(NAMES, LABELS, fractions, seed=1)
    splits.check(split)
    assert sorted(n for names in split.values() for n in names) == sorted(NAMES)
    for part, by_genre in splits.counts(split, NAMES, LABELS).items():
        assert set(by_genre.values()) == {round(100 * fractions[part])}


def test_many_small_genres_still_fill_every_part() -> None:
    names = [f"t{i}" for i in range(900)]
    labels = [f"g{i // 3}" for i in range(900)]
    split = splits.stratified(names, labels, THREE, seed=0)
    assert {part: len(members) for part, members in split.items()} == pytest.approx(
        {"train": 720, "valid": 90, "test": 90}, abs=15
    )


def test_a_split_depends_on_the_seed_and_not_on_the_order() -> None:
    split = splits.stratified(NAMES, LABELS, THREE, seed=1)
    turned = splits.stratified(NAMES[::-1], LABELS[::-1], THREE, seed=1)
    other = splits.stratified(NAMES, LABELS, THREE, seed=2)
    assert {part: set(names) for part, names in split.items()} == {part: set(names) for part, names in turned.items()}
    assert set(split["test"]) != set(other["test"])
    assert list(split["train"]) == sorted(split["train"])  # within a part, the order given


@pytest.mark.parametrize("fractions", [THREE, FOUR])
def test_artist_disjoint_on_gtzan(fractions: dict[str, float]) -> None:
    artists = gtzan.artists()
    split = splits.artist_disjoint(NAMES, LABELS, artists, fractions, seed=0)
    splits.check(split, artists=artists)
    for part, by_genre in splits.counts(split, NAMES, LABELS).items():
        assert sum(by_genre.values()) == pytest.approx(1000 * fractions[part], abs=15)
        assert len(by_genre) == 10
        # blues has ten artists in all, so whole artists can't give exact shares
        assert all(n == pytest.approx(100 * fractions[part], abs=12) for n in by_genre.values())


def test_a_random_split_of_gtzan_is_caught() -> None:
    split = splits.stratified(NAMES, LABELS, THREE, seed=0)
    with pytest.raises(DatasetError, match="parts train and valid hold tracks of the same artist: blues"):
        splits.check(split, artists=gtzan.artists())


def test_spellings_of_an_artist_are_one_artist() -> None:
    assert artist_key("Earth, Wind & Fire") == artist_key("earth wind and fire")
    assert artist_key("!!!") == "!!!"
    split = {"train": ("a",), "test": ("b",)}
    with pytest.raises(DatasetError, match="same artist: a, b"):
        splits.check(split, artists={"a": "Rage Against the Machine", "b": "Rage Against The Machine "})


def test_kfold_tests_every_track_once() -> None:
    folds = splits.kfold(NAMES, LABELS, 5, seed=0, artists=gtzan.artists())
    assert len(folds) == 5
    assert sorted(n for fold in folds for n in fold["test"]) == sorted(NAMES)
    for fold in folds:
        splits.check(fold, artists=gtzan.artists())
        assert len(fold["train"]) + len(fold["test"]) == 1000
    with pytest.raises(ConfigError, match="at least 2"):
        splits.kfold(NAMES, LABELS, 1, seed=0)


def test_identical_audio_stays_in_one_part() -> None:
    contents = {name: f"{name.split('.')[0]} {int(name[-5:]) // 2}" for name in NAMES}
    for split in (
        splits.stratified(NAMES, LABELS, THREE, seed=0, contents=contents),
        splits.artist_disjoint(NAMES, LABELS, gtzan.artists(), THREE, seed=0, contents=contents),
        *splits.kfold(NAMES, LABELS, 4, seed=0, contents=contents),
    ):
        splits.check(split, contents=contents)


def test_groups_are_linked_through_others() -> None:
    names = [f"t{i}" for i in range(10)]
    artists = {"t0": "A", "t1": "A", "t2": "B", "t3": "B"}
    contents = {"t1": "same", "t2": "same"}
    split = splits.artist_disjoint(names, ["g"] * 10, artists, {"a": 0.5, "b": 0.5}, seed=0, contents=contents)
    (home,) = [part for part, members in split.items() if "t0" in members]
    assert {"t0", "t1", "t2", "t3"} <= set(split[home])


def test_violations_are_named() -> None:
    with pytest.raises(DatasetError, match="parts a and b hold the same tracks: y"):
        splits.check({"a": ("x", "y"), "b": ("y", "z")})
    with pytest.raises(DatasetError, match="parts a and b hold identical audio: x, z"):
        splits.check({"a": ("x", "y"), "b": ("z",)}, contents={"x": "1", "y": "2", "z": "1"})
    with pytest.raises(DatasetError, match="part a holds a track twice: x"):
        splits.check({"a": ("x", "x"), "b": ("y",)})
    with pytest.raises(DatasetError, match="part b is empty"):
        splits.check({"a": ("x",), "b": ()})


def test_requests_that_cannot_be_met() -> None:
    for fractions in ({}, {"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": 1.0, "b": 0.0}):
        with pytest.raises(ConfigError, match="add up to 1"):
            splits.stratified(NAMES, LABELS, fractions, seed=0)
    with pytest.raises(DatasetError, match="unique"):
        splits.stratified(["a", "a"], ["x", "y"], {"a": 1.0}, seed=0)
    with pytest.raises(DatasetError, match="2 names and 1 labels"):
        splits.stratified(["a", "b"], ["x"], {"a": 1.0}, seed=0)
    with pytest.raises(DatasetError, match=r"1 separable group.* is empty"):
        splits.artist_disjoint(["a", "b"], ["x", "y"], {"a": "A", "b": "A"}, {"train": 0.5, "test": 0.5}, seed=0)


@given(
    labels=st.lists(st.sampled_from("rpj"), min_size=20, max_size=60),
    owners=st.lists(st.integers(0, 30), min_size=60, max_size=60),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_any_artist_disjoint_split_is_disjoint_and_complete(labels: list[str], owners: list[int], seed: int) -> None:
    names = [f"t{i}" for i in range(len(labels))]
    artists = {name: f"artist {o}" for name, o in zip(names, owners, strict=False) if o}
    try:
        split = splits.artist_disjoint(names, labels, artists, {"train": 0.7, "test": 0.3}, seed)
    except DatasetError:
        assert len({artists.get(name, name) for name in names}) < 2
        return
    splits.check(split, artists=artists)
    assert sorted(split["train"] + split["test"]) == sorted(names)


def test_no_split_by_artists_where_none_is_known(tmp_path: Path) -> None:
    """It would be a random split with another name: refused, whichever command is asked for it."""
    rng, names = np.random.default_rng(0), [f"song {i}" for i in range(40)]
    labels = [("jazz", "rock")[i % 2] for i in range(40)]
    x = rng.integers(0, 256, (40, 128, 140), dtype=np.uint8)
    store, table = tmp_path / "store.npz", tmp_path / "table.csv"
    FeatureStore(x=x, names=np.array(names), labels=np.array(labels), features=FeatureConfig()).save(store)
    columns = tuple(f"f{i}" for i in range(3))
    Table(rng.normal(size=(40, 3)), columns, tuple(names), tuple(labels)).save(table)
    for command in (
        ("lab", "data", "split", store, "-o", tmp_path / "parts"),
        ("lab", "handmade", "evaluate", table, "--classifier", "guess"),
    ):
        done = zhanr(*command, code=1)
        assert "no artist is known" in done.stderr
        assert "artist in one" not in done.stdout
    with pytest.raises(DatasetError, match="no artist is known"):
        load_stores(DataConfig(store=str(store), split="artist_disjoint"))
