"""How much of an accuracy on GTZAN is leakage: the same amount of music, divided in different ways."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from zhanr.lab.datasets import splits
from zhanr.lab.datasets.splits import Split
from zhanr.lab.datasets.store import FeatureStore
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.study import Case, Study
from zhanr.lab.studies.training import BASE, Training, configure

VALID_SHARE = 0.1
"""The share of all songs that chooses the epoch."""

Divide = Callable[[FeatureStore, FeatureStore, int], Split]
"""From the two parts of the fault-filtered split and a seed to train, valid, test of the same sizes."""


def shares(first: FeatureStore, second: FeatureStore) -> dict[str, float]:
    """As many songs to test on as the second store has."""
    test = len(second) / (len(first) + len(second))
    return {"train": 1 - test - VALID_SHARE, "valid": VALID_SHARE, "test": test}


def at_random(first: FeatureStore, second: FeatureStore, seed: int) -> Split:
    """Genre by genre at random, as most papers on GTZAN did it."""
    names, labels = _songs(first, second)
    return splits.stratified(names, labels, shares(first, second), seed)


def by_artist(first: FeatureStore, second: FeatureStore, seed: int) -> Split:
    """At random, with all songs of an artist in one part."""
    names, labels = _songs(first, second)
    artists = first.artist_of | second.artist_of
    return splits.artist_disjoint(names, labels, artists, shares(first, second), seed)


def fault_filtered(first: FeatureStore, second: FeatureStore, seed: int) -> Split:
    """Test on the second store; the songs that choose the epoch are artists of the first by themselves."""
    valid = VALID_SHARE * (len(first) + len(second)) / len(first)
    names, labels = first.names.tolist(), first.labels.tolist()
    inner = splits.artist_disjoint(names, labels, first.artist_of, {"train": 1 - valid, "valid": valid}, seed)
    return inner | {"test": tuple(second.names.tolist())}


def task(material: Material, store: FeatureStore, divide: Divide, seed: int) -> Training:
    """Divide the songs of a store, train, choose the epoch, and score the test part."""
    of_first = set(material.full_train.names.tolist())
    names = store.names.tolist()
    first = store.subset([name for name in names if name in of_first])
    second = store.subset([name for name in names if name not in of_first])
    parts = {part: store.subset(list(members)) for part, members in divide(first, second, seed).items()}
    crops = round(BASE["training"]["crops"] * len(material.both) / len(store))  # as many steps with fewer songs
    return Training(configure(material, seed, training={"crops": crops}), parts["train"], parts["valid"], parts["test"])


def cases(material: Material) -> list[Case]:
    """Three ways to divide; with all songs, and with those of which there is real audio, from store and audio."""
    audio = material.partial_audio
    same = material.both.subset(audio.names.tolist())
    ways: dict[str, Divide] = {
        "random split": at_random,
        "artist-disjoint split": by_artist,
        "fault-filtered split": fault_filtered,
    }
    stores = {"all songs": material.both, "373 songs, 30 s of each": same, "373 songs, partial audio": audio}
    return [
        Case(way, partial(task, material, store, divide), series=what.replace("373", str(len(store))))
        for what, store in stores.items()
        for way, divide in ways.items()
        if what == "all songs" or divide is not by_artist
    ]


def _songs(first: FeatureStore, second: FeatureStore) -> tuple[list[str], list[str]]:
    return [*first.names.tolist(), *second.names.tolist()], [*first.labels.tolist(), *second.labels.tolist()]


DATASET = Study(
    name="dataset",
    title="The data and how they are divided",
    question="How much of an accuracy on GTZAN comes from knowing the artist, and how much from the music?",
    protocol="The songs are the training and validation part of the fault-filtered split, divided anew by each seed "
    "into parts of equal sizes: 59 % to train on, 10 % to choose the epoch, 31 % to test on. The scores are those of "
    "the test part, which chose nothing. In the fault-filtered split the test part is that split's validation part.",
    cases=cases,
    seeds=(0, 1, 2, 3, 4),
    columns=("clip_accuracy", "valid_song_accuracy"),
    notes=(
        "These songs are already without the repetitions and distortions of the whole GTZAN, of which most papers had "
        "copies on both sides; the random split here leaks artists and albums only, and so shows less than all of it.",
        "Partial audio: of most songs there are 2 to 3 s at an unknown place, of some 15 s or more. A piece shorter "
        "than a window is repeated until it fills it. The songs with 30 s of each are the same ones, from the stores.",
    ),
)
