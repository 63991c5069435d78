"""From feature stores to tensors: random crops for training, every window for validation, cut as serving cuts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zhanr.config import FeatureConfig, WindowConfig
from zhanr.errors import DatasetError
from zhanr.features import dequantise
from zhanr.lab.datasets import splits
from zhanr.lab.datasets.store import TRACKS, FeatureStore
from zhanr.lab.training.config import DataConfig, DistillConfig
from zhanr.lab.training.distill import load_targets
from zhanr.windows import cut

Rows = NDArray[np.int64]


def seed_of(*path: int) -> int:
    """A seed for one place in a run, such as (seed, epoch, batch).

    Whatever is random in a batch follows from where the batch is. So nothing is lost when a run is interrupted, and
    no state of a generator has to be kept.
    """
    state = int(np.random.SeedSequence(path).generate_state(1, np.uint64)[0])
    return state // 2  # torch takes 63 bits


@dataclass(frozen=True)
class Songs:
    """Pictures (n_bins, t) uint8, their genres (n,) as indices into the labels of the run, and what to learn.

    Pictures may also be float32, of any range, if they never were in a store.
    `targets` is float32 (n, n_genres + d): 1 for the genre and 0 for the others, then a teacher's features if any.
    """

    pictures: tuple[NDArray[Any], ...]
    genres: Rows
    targets: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.genres)


@dataclass(frozen=True)
class TrainingData:
    """The two parts of a run, what their pictures are, and which genre an index means."""

    train: Songs
    valid: Songs
    labels: tuple[str, ...]
    features: FeatureConfig
    about: dict[str, dict[str, Any]]
    """For the card: the name, size and content hash of each part, and of the teacher's features of the first."""

    @property
    def teacher_size(self) -> int:
        """The number of a teacher's features, 0 without one."""
        return int(self.train.targets.shape[1]) - len(self.labels)


def load_stores(config: DataConfig) -> tuple[FeatureStore, FeatureStore]:
    """The stores for training and for validation that the configuration means."""
    if config.store is None:
        assert config.train is not None
        assert config.valid is not None
        return FeatureStore.load(config.train), FeatureStore.load(config.valid)
    store = FeatureStore.load(config.store)
    if config.genres is not None:
        store = keep_genres(store, config.genres)
    names, labels = store.names.tolist(), store.labels.tolist()
    shares = {"train": 1 - config.valid_fraction, "valid": config.valid_fraction}
    if config.split == "fault_filtered":
        split = splits.fault_filtered(names)
    elif config.split == "artist_disjoint":
        splits.check_artists_known(config.store, names, store.artist_of)
        split = splits.artist_disjoint(
            names, labels, store.artist_of, shares, config.split_seed, contents=store.contents()
        )
    else:
        split = splits.stratified(names, labels, shares, config.split_seed, contents=store.contents())
    if missing := {"train", "valid"} - set(split):
        raise DatasetError(config.store, f"the split {config.split} has no songs for {', '.join(sorted(missing))}")
    return store.subset(split["train"]), store.subset(split["valid"])


def prepare(
    train: FeatureStore,
    valid: FeatureStore,
    genres: Sequence[str] | None = None,
    distill: DistillConfig | None = None,
) -> TrainingData:
    """Check that two stores belong together, and turn them into songs.

    Raises
    ------
    DatasetError
        Other features, a genre that only validation has, fewer than two genres, or a track or picture in both parts.
    """
    if train.features != valid.features:
        raise DatasetError(
            _name(valid), f"its features differ from those of {_name(train)}: {_difference(train, valid)}"
        )
    if genres is not None:
        train, valid = keep_genres(train, genres), keep_genres(valid, genres)
    labels = tuple(genres) if genres is not None else train.genres
    if unknown := sorted(set(valid.genres) - set(labels)):
        raise DatasetError(_name(valid), f"it has genres that {_name(train)} lacks: {', '.join(unknown)}")
    if len(labels) < 2:
        raise DatasetError(_name(train), f"a classifier needs two genres or more, and here is {', '.join(labels)}")
    parts = {"train": tuple(train.names.tolist()), "valid": tuple(valid.names.tolist())}
    splits.check(parts, contents=train.contents() | valid.contents())
    about: dict[str, dict[str, Any]] = {
        part: {"store": store.path.name if store.path else "", "songs": len(store), "sha256": store.sha256()}
        for part, store in (("train", train), ("valid", valid))
    }
    about["train"][TRACKS] = train.tracks()
    teacher = load_targets(distill, parts["train"]) if distill else None
    if distill and teacher is not None:
        digest = hashlib.sha256(teacher.tobytes()).hexdigest()
        about["teacher"] = {"store": Path(distill.path).name, "songs": len(teacher), "sha256": digest}
    return TrainingData(songs(train, labels, teacher), songs(valid, labels), labels, train.features, about)


def keep_genres(store: FeatureStore, genres: Sequence[str]) -> FeatureStore:
    """The songs of these genres only; one that the store has no song of is an error."""
    if missing := sorted(set(genres) - set(store.genres)):
        raise DatasetError(_name(store), f"it has no songs of the genre {', '.join(missing)}")
    return store.subset(np.isin(store.labels, list(genres)))


def songs(store: FeatureStore, labels: Sequence[str], teacher: NDArray[np.float32] | None = None) -> Songs:
    """A store's pictures without padding, its genres as indices, and its targets with a teacher's features (n, d)."""
    index = {genre: i for i, genre in enumerate(labels)}
    pictures = tuple(x[:, :n] for x, n in zip(store.x, store.n_frames, strict=True))
    genres = np.array([index[genre] for genre in store.labels.tolist()], dtype=np.int64)
    one_hot = np.eye(len(labels), dtype=np.float32)[genres]
    return Songs(pictures, genres, one_hot if teacher is None else np.hstack([one_hot, teacher]))


def to_tensor(windows: NDArray[Any]) -> Tensor:
    """Stored values as the network sees them: float32 in 0..1, bit for bit those of `FeatureStore.picture`.

    Pictures that never were in a store (float32, of any range) are taken as they are.
    """
    return torch.from_numpy(windows if windows.dtype == np.float32 else dequantise(windows))


def plan(n_songs: int, crops: int, generator: np.random.Generator) -> Rows:
    """The songs of one epoch in random order: each once, then each once more, `crops` times."""
    return np.concatenate([generator.permutation(n_songs) for _ in range(crops)])


def n_batches(n_songs: int, crops: int, batch_size: int) -> int:
    """The number of batches of an epoch; a last one of a single window would break batch normalisation."""
    full, rest = divmod(n_songs * crops, batch_size)
    return max(full + (rest > 1), 1)


def training_batches(
    part: Songs, windows: WindowConfig, *, crops: int, batch_size: int, seed: int, epoch: int, first: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of one epoch from number `first` on: windows (n, n_bins, frames) and targets (n, n_genres + d)."""
    order = plan(len(part), crops, np.random.default_rng(seed_of(seed, epoch)))
    for batch in range(first, n_batches(len(part), crops, batch_size)):
        rows = order[batch * batch_size : (batch + 1) * batch_size]
        generator = np.random.default_rng(seed_of(seed, epoch, batch, 0))
        crop = [random_window(part.pictures[row], windows, generator) for row in rows]
        yield to_tensor(np.stack(crop)), torch.from_numpy(part.targets[rows])


def random_window(
    picture: NDArray[np.uint8], windows: WindowConfig, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """One window (n_bins, frames) from anywhere in a picture; what is not longer than a window is cut as in serving."""
    spare = picture.shape[1] - windows.frames
    start = int(generator.integers(0, max(spare, 0) + 1))
    part: NDArray[np.uint8] = cut(picture[:, start : start + windows.frames] if spare > 0 else picture, windows)[0]
    return part


@dataclass(frozen=True)
class WindowSet:
    """Every window of every song: `x` uint8 (n, n_bins, frames), and how many windows each song has."""

    x: NDArray[np.uint8]
    counts: Rows
    genres: Rows
    """Of each song."""

    def tensors(self, batch_size: int = 64) -> Iterator[Tensor]:
        """All windows in order, float32."""
        for start in range(0, len(self.x), batch_size):
            yield to_tensor(self.x[start : start + batch_size])

    def by_song(self, logits: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Logits (n, n_genres) of all windows, as one array per song."""
        return np.split(logits, np.cumsum(self.counts)[:-1])


def all_windows(part: Songs, windows: WindowConfig) -> WindowSet:
    """Cut every song as serving does."""
    pieces = [cut(picture, windows) for picture in part.pictures]
    return WindowSet(np.concatenate(pieces), np.array([len(p) for p in pieces], dtype=np.int64), part.genres)


def _name(store: FeatureStore) -> str:
    return str(store.path or "feature store")


def _difference(one: FeatureStore, other: FeatureStore) -> str:
    a, b = one.features.to_dict(), other.features.to_dict()
    return ", ".join(f"{key} is {b[key]!r} and not {a[key]!r}" for key in a if a[key] != b[key] and key != "note")
