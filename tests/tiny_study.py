"""A study of tiny trainings on invented songs: what the processes of tests/test_studies.py load, and nothing more."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from zhanr.config import FeatureConfig
from zhanr.lab.datasets.store import FeatureStore
from zhanr.lab.studies import training
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.runner import run_study
from zhanr.lab.studies.study import Case, Study
from zhanr.lab.training.progress import Epoch, Progress

LABELS = ("bass", "middle", "treble")
TINY: dict[str, dict[str, Any]] = {
    **training.BASE,
    "windows": {"frames": 8, "hop": 8, "segment_frames": 24},
    "model": {"name": "paper", "options": {"channels": [2, 2, 2, 2], "dense": [4, 4]}},
    "training": {"epochs": 2, "batch_size": 4, "crops": 1, "threads": 1, "device": "cpu"},
}


def store(n: int, first: int) -> FeatureStore:
    """Songs whose genre is where their energy lies."""
    x = np.random.default_rng(first).integers(0, 90, (n, 12, 48)).astype(np.uint8)
    for i in range(n):
        x[i, i % 3 * 4 : i % 3 * 4 + 4] += 120
    names = np.array([f"song{first + i}" for i in range(n)])
    artists = np.array([f"artist{(first + i) // 2}" for i in range(n)])
    return FeatureStore(
        x, names, np.array([LABELS[i % 3] for i in range(n)]), FeatureConfig(n_mels=12), artists=artists
    )


def tiny_task(material: Material, seed: int) -> training.Training:
    return training.Training(training.configure(material, seed), material.train, material.valid)


if __name__ == "__main__":  # the process that is killed

    class Telling(Progress):
        def on_epoch(self, row: Epoch, *, best: bool) -> None:
            del best
            print(row.epoch, flush=True)
            time.sleep(0.3 if os.environ.get("SLOW") else 0)

    more_epochs = TINY | {"training": TINY["training"] | {"epochs": 3}}
    of_three = Study("three", "", "", "", lambda m: [Case("one", partial(tiny_task, m))])
    with mock.patch.multiple(training, BASE=more_epochs, Progress=Telling):
        run_study(of_three, Material(Path(sys.argv[1])), folder=Path(sys.argv[2]))
