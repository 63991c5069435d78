"""How the accuracy falls with the number of genres."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from zhanr.lab.studies.material import Material
from zhanr.lab.studies.study import Case, Study
from zhanr.lab.studies.training import BASE, Training, configure


def subset(genres: Sequence[str], count: int, seed: int) -> tuple[str, ...]:
    """The genres of one run: `count` at random, another choice for each seed; a smaller set is part of a larger."""
    order = np.random.default_rng(seed).permutation(len(genres))
    return tuple(sorted(genres[i] for i in order[:count]))


def task(material: Material, count: int, seed: int) -> Training:
    """Train and score on the songs of a random choice of genres, with as many steps as for all of them."""
    every = material.train.genres
    settings = {"crops": round(BASE["training"]["crops"] * len(every) / count), "select": "accuracy"}
    config = configure(material, seed, data={"genres": subset(every, count, seed)}, training=settings)
    return Training(config, material.train, material.valid)


def cases(material: Material) -> list[Case]:
    """From two genres to all."""
    most = len(material.train.genres)
    counts = {2, most // 2, most} if material.quick else {2, 3, 4, 5, 6, 8, most}
    wanted = sorted(count for count in counts if 2 <= count <= most)
    return [Case(f"{count} genres", partial(task, material, count), x=count) for count in wanted]


GENRES = Study(
    name="genres",
    title="Number of genres",
    question="How does the accuracy fall as there are more genres to choose from?",
    protocol="Fault-filtered split of GTZAN: trained on its training part, scored on its validation part, which also "
    "chose the epoch (by accuracy: with few songs the loss is lowest before the network has learned them), so that the "
    "scores are optimistic, most so where there are few genres and songs. Each seed draws another choice of genres, so "
    "that the spread is mostly that between easy and hard genres.",
    cases=cases,
    xlabel="number of genres",
)
