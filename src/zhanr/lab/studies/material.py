"""The music that the studies use: two feature stores, and real audio for what stores can't serve."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from zhanr.config import WindowConfig
from zhanr.errors import DatasetError
from zhanr.lab.datasets import open_dataset
from zhanr.lab.datasets.store import FeatureStore, concat
from zhanr.lab.extract import extract_dataset

VARIABLE = "ZHANR_GTZAN"
HELP = (
    f"the studies need GTZAN as feature stores: a folder (--data, or the variable {VARIABLE}) "
    "with mel128_train.npz and mel128_valid.npz, or these two by --train and --valid. Make them from the audio of a "
    "data set with: zhanr lab extract FOLDER -o mel128_train.npz"
)


@dataclass(frozen=True)
class Material:
    """Where the music is, and whether the studies are to be `quick`: the same code, less of everything."""

    folder: Path = Path()
    train_path: Path | None = None
    valid_path: Path | None = None
    audio_path: Path | None = None
    quick: bool = False

    @classmethod
    def default_folder(cls) -> Path:
        """What the variable says, or the current folder."""
        return Path(os.environ.get(VARIABLE, "."))

    @cached_property
    def full_train(self) -> FeatureStore:
        """The training part of the fault-filtered split, 128 mels and 77.5 ms a frame."""
        return self._store(self.train_path or self.folder / "mel128_train.npz")

    @cached_property
    def full_valid(self) -> FeatureStore:
        """Its validation part."""
        return self._store(self.valid_path or self.folder / "mel128_valid.npz")

    @cached_property
    def train(self) -> FeatureStore:
        """The training part at half the resolution, with which most studies work."""
        return halved(self.full_train)

    @cached_property
    def valid(self) -> FeatureStore:
        """The validation part at half the resolution."""
        return halved(self.full_valid)

    @cached_property
    def full_both(self) -> FeatureStore:
        """Both parts together at full resolution."""
        return concat([self.full_train, self.full_valid])

    @cached_property
    def both(self) -> FeatureStore:
        """Training and validation part together, for other splits."""
        return concat([self.train, self.valid])

    @property
    def audio(self) -> Path:
        """The folder (or manifest) of real audio."""
        path = self.audio_path or self.folder / "audio"
        if not path.exists():
            raise DatasetError(path, "this study needs real audio; name a folder with one folder a genre by --audio")
        return path

    @cached_property
    def partial_audio(self) -> FeatureStore:
        """Features of the real audio of these songs, extracted as the stores were, at half the resolution."""
        known = set(self.both.names.tolist())
        audio = open_dataset(self.audio)
        wanted = dataclasses.replace(audio, tracks=tuple(track for track in audio.tracks if track.name in known))
        store, _ = extract_dataset(wanted, self.full_train.features, WindowConfig())
        return halved(store)

    def file(self, name: str) -> Path:
        """Another file of the data's folder, such as features_30_sec.csv."""
        path = self.folder / name
        if not path.exists():
            raise DatasetError(path, "this study needs that file")
        return path

    def _store(self, path: Path) -> FeatureStore:
        if not path.exists():
            raise DatasetError(path, f"there is no such file; {HELP}")
        return FeatureStore.load(path)


def halved(store: FeatureStore) -> FeatureStore:
    """The means of 2 x 2 cells, of half the bins and frames: a quarter of the work, and no worse an answer."""
    n, bins, frames = store.x.shape
    cells = store.x[:, : bins // 2 * 2, : frames // 2 * 2].reshape(n, bins // 2, 2, frames // 2, 2)
    x = np.rint(cells.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)
    features = dataclasses.replace(
        store.features,
        n_mels=bins // 2,
        hop_length=store.features.hop_length * 2,
        note="means of 2 x 2 cells of twice the bins and frames",
    )
    return FeatureStore(
        x=x,
        names=store.names,
        labels=store.labels,
        features=features,
        n_frames=np.maximum(store.n_frames // 2, 1),
        artists=store.artists,
        path=store.path,
    )
