"""A training as a task: a configuration and its stores to the scores of the best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zhanr.errors import FileError
from zhanr.lab.datasets.store import FeatureStore
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.study import Scores
from zhanr.lab.training import validation
from zhanr.lab.training.config import TrainConfig
from zhanr.lab.training.data import Songs, TrainingData, all_windows, prepare, songs
from zhanr.lab.training.loop import Trainer, resolve_device, settings_of
from zhanr.lab.training.progress import Progress

BASE: dict[str, dict[str, Any]] = {
    "data": {"train": "mel128_train.npz", "valid": "mel128_valid.npz"},
    "windows": {"frames": 64, "hop": 64, "segment_frames": 193},
    "model": {"name": "paper", "options": {"channels": [8, 16, 32, 64], "dropout": 0.3}},
    "optimizer": {"name": "rmsprop", "lr": 5e-4, "weight_decay": 1e-4, "options": {"alpha": 0.99}},
    "schedule": {"name": "cosine", "options": {"warmup": 1}},
    "training": {"epochs": 10, "batch_size": 32, "crops": 2, "clip_norm": 5, "threads": 1, "device": "cpu"},
}
"""What every study starts from, so that its cases differ in one thing: the paper's network at half its width, windows
of 9.9 s, pictures of half the resolution (see `Material.train`), and the paper's optimiser, RMSprop."""

QUICK_EPOCHS = 2


def configure(material: Material, seed: int, **sections: Mapping[str, Any]) -> TrainConfig:
    """The base configuration with the settings of some sections replaced one by one; a `model` replaces the base's."""
    whole = {name: dict(values) for name, values in BASE.items()}
    for name, values in sections.items():
        whole[name] = dict(values) if name == "model" else whole.get(name, {}) | dict(values)
    whole["training"]["seed"] = seed
    if material.quick:
        whole["training"]["epochs"] = min(QUICK_EPOCHS, whole["training"]["epochs"])
    return TrainConfig.from_dict(whole, where="study")


@dataclass(frozen=True)
class Training:
    """Train on one store, choose the epoch on another, and score a third, or where there is none the second."""

    config: TrainConfig
    train: FeatureStore
    valid: FeatureStore
    test: FeatureStore | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """The configuration without what changes nothing, and the content of the stores."""
        parts = {"train": self.train, "valid": self.valid} | ({"test": self.test} if self.test else {})
        hashes = {name: store.sha256() for name, store in parts.items()}
        return {"task": "training", "config": settings_of(self.config), "data": hashes}

    def run(self, at: Path) -> Scores:
        """See `measure`."""
        data = prepare(self.train, self.valid, self.config.data.genres)
        return measure(self.config, data, songs(self.test, data.labels) if self.test else data.valid, at)


def measure(config: TrainConfig, data: TrainingData, scored: Songs, at: Path) -> dict[str, float]:
    """Train, going on from where an interrupted run was, and score some songs with the best epoch.

    The logits of all windows are kept in `at`.npz, with the number of windows and the genre of each song.
    """
    checkpoint = at.with_suffix(".safetensors")
    trainer = _fit(Trainer(config, data), checkpoint)
    best, student = trainer.history[trainer.best_epoch - 1], trainer.best_student()
    windows = all_windows(scored, config.windows)
    logits = validation.window_logits(student, windows, resolve_device("cpu"))
    np.savez_compressed(at.with_suffix(".npz"), logits=logits, counts=windows.counts, genres=windows.genres)
    checkpoint.unlink(missing_ok=True)
    v = validation.validate(logits, windows, config.training.aggregation)
    return {
        "song_accuracy": v.song_accuracy,
        "n": len(windows.genres),
        "clip_accuracy": v.accuracy,
        "n_clips": len(windows.x),
        "song_loss": v.song_loss,
        "valid_song_accuracy": best.valid_song_accuracy,
        "valid_clip_accuracy": best.valid_accuracy,
        "train_clip_accuracy": best.train_accuracy,
        "best_epoch": trainer.best_epoch,
        "epochs": len(trainer.history),
        "parameters": sum(p.numel() for p in student.network.parameters()),
    }


def _fit(trainer: Trainer, checkpoint: Path) -> Trainer:
    """Train to the end, with a checkpoint after each epoch."""
    if checkpoint.exists():
        try:
            trainer.restore(checkpoint)
        except FileError:  # damaged: begin again
            checkpoint.unlink()
    trainer.fit(Progress(), stop=lambda: False, after_epoch=lambda: trainer.save(checkpoint))
    return trainer
