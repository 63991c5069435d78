"""GTZAN (Tzanetakis & Cook 2002): ten genres, a hundred excerpts of thirty seconds each, and what is known of them."""

from __future__ import annotations

import csv
import dataclasses
import re
from functools import cache
from importlib.resources import files

from zhanr.errors import DatasetError
from zhanr.lab.datasets.base import Dataset, Track

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
PARTS = ("train", "valid", "test")
NAME = re.compile(rf"({'|'.join(GENRES)})\.000\d\d")
DAMAGED = "jazz.00054"
"""The excerpt whose published file is damaged in the usual copies."""
_SIGNATURES = (b"RIFF", b".snd", b"OggS", b"fLaC", b"ID3", b"\xff\xfb")


def recognise(dataset: Dataset) -> Dataset:
    """Add what is known about GTZAN if this is it: the artists. The damaged excerpt is reported and left out.

    It is GTZAN where each track is called as GTZAN's excerpts are (`blues.00042`) and labelled accordingly.
    """
    if not dataset.tracks or not all(is_excerpt(track.name, track.genre) for track in dataset.tracks):
        return dataset
    known = artists()
    tracks, problems = [], list(dataset.problems)
    for track in dataset.tracks:
        if track.name == DAMAGED and not _has_signature(track):
            problems.append(
                DatasetError(track.path, "this excerpt is damaged in the published data set; it is left out")
            )
        else:
            tracks.append(dataclasses.replace(track, artist=track.artist or known.get(track.name)))
    return Dataset("gtzan", tuple(tracks), tuple(problems))


def is_excerpt(name: str, genre: str) -> bool:
    """Whether a track carries the name of a GTZAN excerpt and its genre."""
    match = NAME.fullmatch(name)
    return match is not None and match[1] == genre


@cache
def artists() -> dict[str, str]:
    """The artist by excerpt name, of those 919 excerpts where one is known (B. L. Sturm 2012)."""
    rows = csv.DictReader(_lines("gtzan_artists.csv"))
    return {row["name"]: row["artist"] for row in rows}


@cache
def fault_filtered(part: str) -> tuple[str, ...]:
    """The names of one part of the fault-filtered split: train (443), valid (197) or test (290).

    Kereliuk, Sturm & Larsen, "Deep Learning and Music Adversaries", IEEE Trans. Multimedia 17(11), 2015. It leaves
    out repeated, damaged and mislabelled excerpts. No artist of the index is in two parts under one name; the
    duet "Lauryn Hill and Bob Marley" (test) shares one singer with the training part.
    """
    if part not in PARTS:
        raise DatasetError("fault-filtered split", f"it has no part {part!r}; its parts are {', '.join(PARTS)}")
    return tuple(_lines(f"fault_filtered_{part}.txt"))


def _lines(name: str) -> list[str]:
    text = (files("zhanr.lab.datasets") / "data" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _has_signature(track: Track) -> bool:
    """Whether the file begins as an audio file does; a repaired copy of the damaged excerpt is welcome."""
    try:
        with track.path.open("rb") as file:
            return file.read(4).startswith(_SIGNATURES)
    except OSError:
        return False
