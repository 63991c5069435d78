"""Data sets of labelled music: GTZAN, a folder per genre, a CSV manifest; their splits and their feature stores."""

from __future__ import annotations

import os
from pathlib import Path

from zhanr.errors import DatasetError
from zhanr.lab.datasets import folder, gtzan, manifest, splits
from zhanr.lab.datasets.base import Dataset, Track
from zhanr.lab.datasets.splits import Split
from zhanr.lab.datasets.store import FeatureStore

__all__ = [
    "Dataset",
    "FeatureStore",
    "Split",
    "Track",
    "folder",
    "gtzan",
    "manifest",
    "open_dataset",
    "open_labelled",
    "splits",
]


def open_dataset(path: str | os.PathLike[str], *, strict: bool = True) -> Dataset:
    """List the tracks of a data set without decoding them.

    Parameters
    ----------
    path
        A folder with one folder per genre (GTZAN in its published layout is one, also when its parent is given),
        or a CSV manifest with the columns ``file,genre[,artist,split]``.
    strict
        False also lists what nothing can be learned from: files in no genre folder (their genre is ""), and data
        sets of which no file can be used at all. It is for checking.

    Returns
    -------
    Dataset
        Its tracks, and as `problems` whatever was left out and why. One bad row or file never stops the rest.

    Raises
    ------
    DatasetError
        When there is nothing to use: no such path, no audio, no genres, a manifest without its columns.
    """
    path = Path(path)
    if path.is_dir():
        dataset = folder.read(path, strict=strict)
    elif path.is_file():
        dataset = manifest.read(path, strict=strict)
    else:
        raise DatasetError(path, "there is no such file or folder")
    return gtzan.recognise(dataset)


def open_labelled(path: str | os.PathLike[str]) -> FeatureStore | Dataset:
    """A feature store (.npz), or whatever `open_dataset` opens. Raises `DatasetError`."""
    return FeatureStore.load(path) if Path(path).suffix == ".npz" else open_dataset(path)
