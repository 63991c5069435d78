"""The feature store: one `.npz` of spectrogram pictures with names and genres, which is all that training reads."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zhanr.config import FeatureConfig
from zhanr.errors import ConfigError, DatasetError
from zhanr.files import read_failure, replacing
from zhanr.lab.datasets import gtzan

REQUIRED = ("x", "names", "labels", "features")
TRACKS = "tracks"
"""The key under which a card holds the beginnings of hashes of what a model was trained on."""
HASH_DIGITS = 12  # of a sha256: two of a million pictures are alike by chance once in 500 collections
OPTIONAL = ("n_frames", "frame_index", "artists")
_EPOCH = (1980, 1, 1, 0, 0, 0)

Strings = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class FeatureStore:
    """Pictures of labelled tracks, all of one feature configuration.

    Parameters
    ----------
    x : uint8 (n, n_bins, n_frames)
        Features scaled 0..1, stored as 0..255; shorter tracks are padded at the end.
    names, labels : str (n,)
        A unique name and a genre for each.
    features : FeatureConfig
        How the pictures were made; its `scale` is not ``"none"``, which would not fit in 0..255.
    n_frames : int (n,), optional
        How many frames of each are not padding; by default all.
    frame_index : int (n, n_frames), optional
        Which frame of a finer grid each column is (the shared GTZAN stores have this).
    artists : str (n,), optional
        The artist of each, empty where unknown.
    path : Path, optional
        Where it was read from; errors name it.

    Raises
    ------
    DatasetError
        When the arrays don't fit each other or the configuration.
    """

    x: NDArray[np.uint8]
    names: Strings
    labels: Strings
    features: FeatureConfig
    n_frames: NDArray[np.int64] = dataclasses.field(default_factory=lambda: np.empty(0, np.int64))
    frame_index: NDArray[np.integer[Any]] | None = None
    artists: Strings | None = None
    path: Path | None = None

    def __post_init__(self) -> None:
        _check_pictures(self)
        if self.n_frames.size == 0:
            object.__setattr__(self, "n_frames", np.full(len(self.x), self.x.shape[2], np.int64))
        _check_rows(self)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres, sorted."""
        return tuple(sorted(set(self.labels.tolist())))

    @property
    def artist_of(self) -> dict[str, str]:
        """The artist by track name, where known: from `artists`, or without it from GTZAN's index if this is GTZAN."""
        rows = zip(self.names.tolist(), self.labels.tolist(), strict=True)
        if self.artists is not None:
            return {n: a for (n, _), a in zip(rows, self.artists.tolist(), strict=True) if a}
        known = gtzan.artists()
        return {n: known[n] for n, label in rows if n in known and gtzan.is_excerpt(n, label)}

    def picture(self, index: int) -> NDArray[np.float32]:
        """The features of one track, float32 (n_bins, n_frames[index]) in 0..1, without padding."""
        return self.x[index, :, : self.n_frames[index]].astype(np.float32) / np.float32(255)

    def subset(self, keep: NDArray[Any] | Sequence[str] | Sequence[int]) -> FeatureStore:
        """The tracks of a boolean mask, of row numbers, or of names (in the order given)."""
        wanted = np.asarray(keep)
        if wanted.dtype.kind == "U":
            wanted = self._rows_of(wanted.tolist())
        elif wanted.dtype == bool and wanted.shape != (len(self),):
            raise self._error(f"a mask of {wanted.shape} does not fit {len(self)} tracks")
        elif wanted.size == 0:
            wanted = wanted.astype(np.int64)
        rows = [f for f in ("x", "names", "labels", *OPTIONAL) if getattr(self, f) is not None]
        return dataclasses.replace(self, **{f: getattr(self, f)[wanted] for f in rows})

    def contents(self) -> dict[str, str]:
        """A hash of each picture by track name: equal hashes mean identical audio (see `splits.check`)."""
        return {n: hashlib.sha256(self.picture(i).tobytes()).hexdigest() for i, n in enumerate(self.names.tolist())}

    def tracks(self) -> list[str]:
        """The beginnings of these hashes, sorted: by them a model's card knows what it was trained on."""
        return sorted(content[:HASH_DIGITS] for content in self.contents().values())

    def sha256(self) -> str:
        """A hash of the content (pictures, their lengths, names, labels, features), whatever the compression."""
        digest = hashlib.sha256()
        features = {k: v for k, v in self.features.to_dict().items() if k != "note"}
        about = [self.x.shape, self.n_frames.tolist(), self.names.tolist(), self.labels.tolist(), features]
        digest.update(json.dumps(about, sort_keys=True).encode())
        digest.update(np.ascontiguousarray(self.x).data)
        return digest.hexdigest()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as one compressed `.npz`: whole or not at all, and the same bytes for the same content."""
        path = Path(path)
        with replacing(path, error=DatasetError) as temporary, temporary.open("wb") as file:
            _write(file, self._arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read and check a store; nothing in the file is executed. `DatasetError` says what is wrong with it."""
        path = Path(path)
        arrays = _read(path)
        if missing := [key for key in REQUIRED if key not in arrays]:
            raise DatasetError(path, f"it is not a feature store: it lacks {', '.join(missing)}")
        features = _features(path, arrays.pop("features"))
        if "n_frames" in arrays:
            arrays["n_frames"] = _integers(path, "n_frames", arrays["n_frames"])
        return cls(features=features, path=path, **arrays)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        features = np.array(json.dumps(self.features.to_dict(), ensure_ascii=False))
        arrays = {"x": self.x, "names": self.names, "labels": self.labels, "features": features}
        return arrays | {key: getattr(self, key) for key in OPTIONAL if getattr(self, key) is not None}

    def _rows_of(self, names: list[str]) -> NDArray[np.int64]:
        row = {name: i for i, name in enumerate(self.names.tolist())}
        if unknown := [name for name in names if name not in row]:
            raise self._error(f"it has no track named {_some(unknown)}")
        return np.array([row[name] for name in names], np.int64)

    def _error(self, reason: str) -> DatasetError:
        return DatasetError(self.path or "feature store", reason)


def concat(stores: Sequence[FeatureStore]) -> FeatureStore:
    """One store of several with the same features; shorter pictures are padded with zeros."""
    if not stores:
        raise DatasetError("feature store", "there is nothing to join")
    first = stores[0]
    for store in stores:
        if store.features != first.features:
            raise store._error(f"its features differ from those of {first.path or 'the first store'}")
    width = max(store.x.shape[2] for store in stores)
    x = np.concatenate([np.pad(s.x, ((0, 0), (0, 0), (0, width - s.x.shape[2]))) for s in stores])
    indexed = [s.frame_index for s in stores if s.frame_index is not None and s.x.shape[2] == width]
    return FeatureStore(
        x=x,
        names=np.concatenate([s.names for s in stores]),
        labels=np.concatenate([s.labels for s in stores]),
        features=first.features,
        n_frames=np.concatenate([s.n_frames for s in stores]),
        frame_index=np.concatenate(indexed) if len(indexed) == len(stores) else None,
        artists=_all_artists(stores),
    )


def _all_artists(stores: Sequence[FeatureStore]) -> Strings | None:
    """The artists of several stores one after the other, "" where they aren't known; None where no store has any."""
    if all(store.artists is None for store in stores):
        return None
    return np.concatenate([np.full(len(s), "") if s.artists is None else s.artists for s in stores])


def _check_pictures(store: FeatureStore) -> None:
    x, features = store.x, store.features
    if x.dtype != np.uint8 or x.ndim != 3:
        raise store._error(f"x must be uint8 (n, n_bins, n_frames), and it is {x.dtype} {x.shape}")
    if 0 in x.shape:
        raise store._error("it holds no tracks" if len(x) == 0 else f"its pictures are empty: {x.shape}")
    if x.shape[1] != features.n_bins:
        raise store._error(f"its pictures have {x.shape[1]} bins, and its feature settings say {features.n_bins}")
    if features.scale == "none":
        raise store._error(f"features with scale {features.scale!r} can't be kept as 0..255")


def _check_rows(store: FeatureStore) -> None:
    """Each row has a name of its own and a genre, and the other arrays have as many rows."""
    n, width = len(store.x), store.x.shape[2]
    shapes = {"names": (n,), "labels": (n,), "n_frames": (n,), "frame_index": (n, width), "artists": (n,)}
    for key, shape in shapes.items():
        values = getattr(store, key)
        kind = "iu" if key in ("n_frames", "frame_index") else "U"
        if values is not None and (values.shape != shape or values.dtype.kind not in kind):
            wanted = "whole numbers" if kind == "iu" else "text"
            raise store._error(f"{key} must be {wanted} {shape}, and it is {values.dtype} {values.shape}")
    names = store.names.tolist()
    if twice := [name for name, count in zip(*np.unique(store.names, return_counts=True), strict=True) if count > 1]:
        raise store._error(f"the name {_some(twice)} is there more than once")
    if "" in names or "" in store.labels.tolist():
        raise store._error("a track has no name or no genre")
    if store.n_frames.min() < 1 or store.n_frames.max() > width:
        raise store._error(f"n_frames must be within 1..{width}")


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """The known arrays of an `.npz`, whatever else it holds; everything numpy may raise becomes one sentence."""
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DatasetError(path, "it is not a feature store (.npz) but a single array")
            with archive:
                return {key: archive[key] for key in (*REQUIRED, *OPTIONAL) if key in archive}
    except OSError as error:
        raise DatasetError(path, read_failure(error)) from error
    except (ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise DatasetError(path, f"it is not a feature store, or it is damaged ({error})") from error


def _features(path: Path, value: NDArray[Any]) -> FeatureConfig:
    if value.dtype.kind != "U" or value.ndim != 0:
        raise DatasetError(path, "its feature settings are not a JSON string")
    try:
        return FeatureConfig.from_dict(json.loads(value.item()), where="features")
    except (ConfigError, ValueError) as error:
        raise DatasetError(path, f"its feature settings can't be used: {error}") from error


def _integers(path: Path, key: str, values: NDArray[Any]) -> NDArray[np.int64]:
    if values.dtype.kind not in "iu":
        raise DatasetError(path, f"{key} must be whole numbers, and it is {values.dtype}")
    return values.astype(np.int64)


def _write(file: Any, arrays: dict[str, NDArray[Any]]) -> None:
    """Like `np.savez_compressed`, with a fixed date so that equal content gives equal bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, values in arrays.items():
            entry = zipfile.ZipInfo(f"{key}.npy", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(values, order="C"), allow_pickle=False)


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more
