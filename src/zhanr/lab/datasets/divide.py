"""Dividing a feature store or a data set of audio, and writing one store or manifest for each part."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from zhanr.errors import ConfigError, DatasetError
from zhanr.files import read_failure, replacing
from zhanr.lab.datasets import splits
from zhanr.lab.datasets.base import Dataset
from zhanr.lab.datasets.splits import Split
from zhanr.lab.datasets.store import FeatureStore

Way = Literal["artist", "random", "fault-filtered"]


def divide(target: FeatureStore | Dataset, way: Way, shares: Mapping[str, float], seed: int) -> Split:
    """The track names of each part. Identical audio is never in two parts, nor with "artist" a known artist.

    Parameters
    ----------
    way
        "artist" and "random" deal the songs of each genre by `shares`; "fault-filtered" is GTZAN's published split,
        for which `shares` and `seed` mean nothing.

    Raises
    ------
    ConfigError, DatasetError
        Shares that do not add up to 1; a part that would be empty; no GTZAN.
    """
    if isinstance(target, FeatureStore):
        names, labels, artists = target.names.tolist(), target.labels.tolist(), target.artist_of
    else:
        names, labels, artists = list(target.names), list(target.labels), target.artists
    if way == "fault-filtered":
        return splits.fault_filtered(names)
    contents = target.contents() if isinstance(target, FeatureStore) else file_hashes(target)
    if way == "artist":
        splits.check_artists_known(_name(target), names, artists)
    known = artists if way == "artist" else None
    split = splits.hold_out(names, labels, seed, fractions=shares, artists=known, contents=contents)
    splits.check(split, artists=known, contents=contents)
    return split


def _name(target: FeatureStore | Dataset) -> str:
    return str(target.path or "the store") if isinstance(target, FeatureStore) else target.name


def file_hashes(dataset: Dataset) -> dict[str, str]:
    """A hash of each track's file by name."""
    try:
        return {track.name: hashlib.sha256(track.path.read_bytes()).hexdigest() for track in dataset.tracks}
    except OSError as error:
        raise DatasetError(error.filename or dataset.name, read_failure(error)) from error


def parse_shares(text: str) -> dict[str, float]:
    """Read "train=60,valid=20,test=20" (parts of any whole) into shares that add up to 1."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        try:
            shares[name] = float(number)
        except ValueError:
            shares[name] = 0.0
        if not name.isidentifier() or not 0 < shares[name] < float("inf"):
            raise ConfigError(f"shares: expected parts and numbers such as train=80,test=20, got {part!r}")
    whole = sum(shares.values())
    return {name: share / whole for name, share in shares.items()}


def write(target: FeatureStore | Dataset, split: Split, folder: Path) -> dict[str, Path]:
    """Write each part to `folder`: a store as PART.npz, audio as a manifest PART.csv; the files by part."""
    folder.mkdir(parents=True, exist_ok=True)
    suffix = "npz" if isinstance(target, FeatureStore) else "csv"
    files = {part: folder / f"{part}.{suffix}" for part in split}
    for part, names in split.items():
        if isinstance(target, FeatureStore):
            target.subset(list(names)).save(files[part])
        else:
            _write_manifest(target, part, frozenset(names), files[part])
    return files


def _write_manifest(dataset: Dataset, part: str, names: frozenset[str], path: Path) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "genre", "artist", "split", "name"])
        for track in dataset.tracks:
            if track.name in names:
                row = [_beside(track.path, path.parent), track.genre, track.artist or "", part, track.name]
                writer.writerow(row)


def _beside(file: Path, folder: Path) -> str:
    """A file as seen from a folder; in full where there is no such way (another drive)."""
    try:
        return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return str(file.resolve())
