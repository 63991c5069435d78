"""Which picture of the sound serves best: mel on two scales, STFT, MFCC, mel without logarithm; scaled or not."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zhanr import features
from zhanr.audio import load
from zhanr.config import FeatureConfig
from zhanr.lab.datasets import Track, open_dataset
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.study import Case, Scores, Study
from zhanr.lab.studies.training import configure, measure
from zhanr.lab.training.config import TrainConfig
from zhanr.lab.training.data import Songs, TrainingData
from zhanr.lab.training.loop import settings_of

FRAMES = 32
"""The width of a window: 2.5 s, about what there is of most songs."""

LONGEST = 10.0
"""Of a longer piece only its middle is used, in seconds."""

KINDS = {
    "mel, Slaney": FeatureConfig(),
    "mel, HTK": FeatureConfig(mel_scale="htk", norm=None),
    "STFT": FeatureConfig(kind="stft"),
    "MFCC": FeatureConfig(kind="mfcc"),
    "mel without log": FeatureConfig(log=False),
}


@dataclass(frozen=True)
class PictureTraining:
    """A training on pictures of any kind and range, from audio; a store could keep only what is scaled to 0..1."""

    config: TrainConfig
    features: FeatureConfig
    train: tuple[Track, ...]
    valid: tuple[Track, ...]

    @property
    def identity(self) -> dict[str, Any]:
        """The configurations, and the content of the files."""
        picture = {k: v for k, v in self.features.to_dict().items() if k != "note"} | {"longest": LONGEST}
        hashes = {"train": digest(self.train), "valid": digest(self.valid)}
        return {"task": "pictures", "features": picture, "config": settings_of(self.config), "data": hashes}

    def run(self, at: Path) -> Scores:
        """Make the pictures and train."""
        labels = tuple(sorted({track.genre for track in self.train}))
        train, valid = (pictures(part, self.features, labels) for part in (self.train, self.valid))
        about = {part: {"sha256": digest(tracks)} for part, tracks in (("train", self.train), ("valid", self.valid))}
        return measure(self.config, TrainingData(train, valid, labels, self.features, about), valid, at)


def pictures(tracks: Sequence[Track], config: FeatureConfig, labels: Sequence[str]) -> Songs:
    """The songs as float32 pictures (config.n_bins, t)."""
    made = tuple(features.extract(samples(t.path, config.sample_rate), config) for t in tracks)
    genres = np.array([labels.index(track.genre) for track in tracks], dtype=np.int64)
    return Songs(made, genres, np.eye(len(labels), dtype=np.float32)[genres])


@cache
def samples(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """The middle of a piece of audio, at most `LONGEST` seconds; kept, as every kind of picture asks for it again."""
    y = load(path, sample_rate=sample_rate).samples
    spare = max(0, len(y) - int(LONGEST * sample_rate))
    return y[spare // 2 : len(y) - (spare - spare // 2)]


@cache
def digest(tracks: tuple[Track, ...]) -> str:
    """A hash of names, genres and files."""
    whole = hashlib.sha256()
    for track in tracks:
        whole.update(f"{track.name}\n{track.genre}\n".encode())
        whole.update(hashlib.sha256(track.path.read_bytes()).digest())
    return whole.hexdigest()


def task(material: Material, config: FeatureConfig, seed: int) -> PictureTraining:
    """Train on the songs of the fault-filtered training part of which there is audio, score those of validation."""
    of_train, of_valid = (set(store.names.tolist()) for store in (material.full_train, material.full_valid))
    tracks = open_dataset(material.audio).tracks
    train = tuple(track for track in tracks if track.name in of_train)
    valid = tuple(track for track in tracks if track.name in of_valid)
    windows = {"frames": FRAMES, "hop": FRAMES, "segment_frames": 387}
    settings = configure(material, seed, windows=windows, training={"epochs": 12, "crops": 2})
    return PictureTraining(settings, config, train, valid)


def cases(material: Material) -> list[Case]:
    """Every kind, scaled to 0..1 for each song and as it comes."""
    scaling: dict[str, Literal["minmax", "none"]] = {"scaled to 0..1": "minmax", "not scaled": "none"}
    return [
        Case(name, partial(task, material, dataclasses.replace(kind, scale=scale)), series=series)
        for series, scale in scaling.items()
        for name, kind in KINDS.items()
        if not (material.quick and name in ("STFT", "mel, HTK"))
    ]


PREPROCESSING = Study(
    name="preprocessing",
    title="Pre-processing",
    question="Which picture of the sound serves best, and must it be scaled?",
    protocol="Real audio, since the feature stores hold one kind of picture only: of most songs there are 2 to 3 s, of "
    "longer ones their middle 10 s are used. Trained on the songs of the fault-filtered training part, scored on those "
    "of its validation part, which also chose the epoch, so that the scores are a little optimistic. There it has no "
    "hip-hop and no reggae, and little pop and rock: compare the rows with each other, and with no other study. All "
    "pictures have a frame each 77.5 ms from an FFT of 2048 samples, and windows of 32 frames (2.5 s): mel 128 bins, "
    "STFT 1025, MFCC 20.",
    cases=cases,
    columns=("clip_accuracy", "parameters"),
    notes=(
        "Scaled: the smallest value of a song becomes 0 and the largest 1. Not scaled: decibels below the loudest cell "
        "(-80 to 0), cepstral coefficients of these, or plain power. The mel filters are Slaney's with equal areas, "
        "or HTK's with equal heights.",
    ),
)
