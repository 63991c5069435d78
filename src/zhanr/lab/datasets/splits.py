"""Dividing a data set into parts that share no track, no artist and no audio. Pure functions of names and a seed.

The order in which tracks are dealt out is that of a hash of their names, so a split does not depend on the order
of the files, on the machine, or on the version of a random generator.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from zhanr.errors import ConfigError, DatasetError
from zhanr.lab.datasets import gtzan
from zhanr.stratify import amounts, deal
from zhanr.words import artist_key, connected

Split = dict[str, tuple[str, ...]]
"""The track names of each part: ``{"train": (...), "valid": (...), "test": (...)}``."""

HOLD_OUT = {"train": 0.6, "valid": 0.2, "test": 0.1, "holdout": 0.1}
"""The shares of the protocol with a hold-out group: see `hold_out`."""

Parts = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Overlap:
    """Two parts of a split that share something: a track, an artist, or identical audio."""

    kind: Literal["track", "artist", "audio"]
    parts: tuple[str, str]
    names: tuple[str, ...]
    """The tracks concerned, of both parts."""

    def __str__(self) -> str:
        what = {"track": "the same tracks", "artist": "tracks of the same artist", "audio": "identical audio"}[
            self.kind
        ]
        shown = ", ".join(self.names[:6]) + (f" and {len(self.names) - 6} more" if len(self.names) > 6 else "")
        return f"the parts {self.parts[0]} and {self.parts[1]} hold {what}: {shown}"


def fault_filtered(names: Sequence[str]) -> Split:
    """The fault-filtered split of GTZAN (see `gtzan.fault_filtered`), restricted to the names given."""
    given = set(names)
    split = {part: tuple(n for n in gtzan.fault_filtered(part) if n in given) for part in gtzan.PARTS}
    if not any(split.values()):
        raise DatasetError(
            "fault-filtered split", "none of these tracks is of GTZAN (they are called like blues.00042)"
        )
    return {part: members for part, members in split.items() if members}


def stratified(
    names: Sequence[str],
    labels: Sequence[str],
    fractions: Mapping[str, float],
    seed: int,
    *,
    contents: Mapping[str, str] | None = None,
) -> Split:
    """Parts of the given sizes in which each genre has its share.

    Parameters
    ----------
    names, labels
        The tracks and their genres.
    fractions
        The share of each part; they add up to 1.
    seed
        Another seed gives another split.
    contents
        A hash of the audio by track name: tracks with equal hashes are kept in one part.
    """
    return _deal(names, labels, fractions, seed, [contents])


def check_artists_known(where: str, names: Sequence[str], artists: Mapping[str, str]) -> int:
    """How many tracks have a known artist. Raises `DatasetError` for none: no artist can be kept together then."""
    known = sum(bool(artists.get(name)) for name in names)
    if not known:
        raise DatasetError(
            where, "no artist is known, so a split by artists would be a random one: choose stratified, or name artists"
        )
    return known


def artist_disjoint(
    names: Sequence[str],
    labels: Sequence[str],
    artists: Mapping[str, str],
    fractions: Mapping[str, float],
    seed: int,
    *,
    contents: Mapping[str, str] | None = None,
) -> Split:
    """Like `stratified`, with all tracks of an artist in one part; a track of no known artist stands alone.

    Genres are balanced as well as whole artists allow: where one artist made half of a genre, the parts show it.
    """
    return _deal(names, labels, fractions, seed, [_keys(artists), contents])


def hold_out(
    names: Sequence[str],
    labels: Sequence[str],
    seed: int,
    *,
    fractions: Mapping[str, float] = HOLD_OUT,
    artists: Mapping[str, str] | None = None,
    contents: Mapping[str, str] | None = None,
) -> Split:
    """Four parts: one trains, one chooses the epoch, one compares ideas, and the hold-out group is scored once.

    Who compares many ideas on the test part has, by and by, chosen on it; what the best of them is worth shows on the
    hold-out group, which nobody looked at. Artists stay in one part where they are given.
    """
    return _deal(names, labels, fractions, seed, [_keys(artists or {}), contents])


def kfold(
    names: Sequence[str],
    labels: Sequence[str],
    n_folds: int,
    seed: int,
    artists: Mapping[str, str] | None = None,
    *,
    contents: Mapping[str, str] | None = None,
) -> tuple[Split, ...]:
    """Folds for cross-validation, each ``{"train": ..., "test": ...}``; every track is in one test part."""
    if n_folds < 2:
        raise ConfigError(f"cross-validation needs at least 2 folds, got {n_folds}")
    fractions = {f"fold{i}": 1 / n_folds for i in range(n_folds)}
    folds = _deal(names, labels, fractions, seed, [_keys(artists or {}), contents])
    return tuple({"train": tuple(n for p, ns in folds.items() if p != f for n in ns), "test": folds[f]} for f in folds)


def overlaps(
    split: Parts, *, artists: Mapping[str, str] | None = None, contents: Mapping[str, str] | None = None
) -> tuple[Overlap, ...]:
    """What the parts of a split share that they should not; empty for a clean split."""
    sharing: list[tuple[Literal["track", "artist", "audio"], Mapping[str, str]]] = [
        ("track", {name: name for members in split.values() for name in members}),
        ("artist", _keys(artists or {})),
        ("audio", contents or {}),
    ]
    found = []
    for kind, key in sharing:
        for a, b in combinations(split, 2):
            shared = {key[n] for n in split[a] if n in key} & {key[n] for n in split[b] if n in key}
            names = [n for part in (a, b) for n in split[part] if key.get(n) in shared]
            if names:
                found.append(Overlap(kind, (a, b), tuple(dict.fromkeys(names))))
    return tuple(found)


def check(split: Parts, *, artists: Mapping[str, str] | None = None, contents: Mapping[str, str] | None = None) -> None:
    """Raise a `DatasetError` that names the tracks where parts share a track, an artist or identical audio.

    Parameters
    ----------
    split
        Any split; a part must not be empty.
    artists
        The artist by track name, for a split that claims to be artist-disjoint; None skips that.
    contents
        A hash of the audio by track name (`FeatureStore.contents`); None skips that.
    """
    if empty := [part for part, members in split.items() if not members]:
        raise DatasetError("split", f"the part {', '.join(empty)} is empty")
    for part, members in split.items():
        if twice := [name for name, count in Counter(members).items() if count > 1]:
            raise DatasetError("split", f"the part {part} holds a track twice: {', '.join(twice[:6])}")
    if found := overlaps(split, artists=artists, contents=contents):
        raise DatasetError("split", "; ".join(map(str, found)))


def counts(split: Parts, names: Sequence[str], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many tracks of each genre are in each part: part -> genre -> number."""
    genre = dict(zip(names, labels, strict=True))
    return {part: dict(sorted(Counter(genre[n] for n in members).items())) for part, members in split.items()}


def _keys(artists: Mapping[str, str]) -> dict[str, str]:
    return {name: artist_key(artist) for name, artist in artists.items() if artist}


def _deal(
    names: Sequence[str],
    labels: Sequence[str],
    fractions: Mapping[str, float],
    seed: int,
    together: Sequence[Mapping[str, str] | None],
) -> Split:
    """Deal whole groups of tracks to the parts, the largest first (`stratify`)."""
    _check_request(names, labels, fractions)
    groups = _groups(names, together, seed)
    genre_of = dict(zip(names, labels, strict=True))
    number = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    _, genre = np.unique([genre_of[name] for group in groups for name in group], return_inverse=True)
    home = deal(amounts(number, genre), np.array(list(fractions.values())))
    parts: dict[str, list[str]] = {part: [] for part in fractions}
    for group, p in zip(groups, home, strict=True):
        parts[list(parts)[p]] += group
    if empty := [part for part, members in parts.items() if not members]:
        raise DatasetError(
            "split", f"{len(groups)} separable groups of tracks are too few: {', '.join(empty)} is empty"
        )
    order = {name: i for i, name in enumerate(names)}
    return {part: tuple(sorted(members, key=order.__getitem__)) for part, members in parts.items()}


def _check_request(names: Sequence[str], labels: Sequence[str], fractions: Mapping[str, float]) -> None:
    if len(names) != len(labels):
        raise DatasetError("split", f"{len(names)} names and {len(labels)} labels")
    if len(set(names)) != len(names):
        raise DatasetError("split", "track names must be unique")
    if not fractions or min(fractions.values()) <= 0 or abs(sum(fractions.values()) - 1) > 1e-6:
        raise ConfigError(f"the fractions of a split must be positive and add up to 1, got {dict(fractions)}")


def _groups(names: Sequence[str], together: Sequence[Mapping[str, str] | None], seed: int) -> list[list[str]]:
    """Tracks that must not be parted (same artist, same audio, or linked through others), largest group first."""
    shared = [[(i, keys[name]) for i, keys in enumerate(together) if keys and name in keys] for name in names]
    group = dict(zip(names, connected(shared), strict=True))
    members: dict[int, list[str]] = {}
    for name in sorted(names, key=lambda n: _rank(n, seed)):
        members.setdefault(group[name], []).append(name)
    return sorted(members.values(), key=len, reverse=True)


def _rank(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode("utf-8", "replace")).digest()
