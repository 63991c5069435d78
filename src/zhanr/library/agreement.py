"""Does a file's own tag say the same as zhanr? Tags write genres in a hundred ways, so names are compared loosely."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from zhanr.library.columns import Song
from zhanr.words import ALIASES, folded, genre_key


class Verdict(Enum):
    """What the comparison of a tag and an answer gives."""

    AGREE = "agree"
    DISAGREE = "disagree"
    UNKNOWN = "unknown"  # the tag names no genre that the model knows, or the model is not sure


@dataclass(frozen=True)
class Names:
    """Which of the model's genres a tag means; `mapping` (tag -> genre) is asked before anything else."""

    mapping: Mapping[str, str] = field(default_factory=dict)

    def meant(self, tag: str, labels: tuple[str, ...]) -> set[str]:
        """The genres a tag means: "Indie Rock" is rock, "Pop/Rock" both, and "Soundtrack" none."""
        given = {genre_key(name): genre for name, genre in self.mapping.items()}
        known = {genre_key(label): label for label in labels}
        found: set[str] = set()
        for value in re.split(r"[;,/|\0]", tag):
            plain = genre_key(value)
            if plain in given:
                found.add(given[plain])
            elif plain:
                words = f" {_spaced(value)} "
                squeezed = {label for name, label in known.items() if name == plain or f" {name} " in words}
                aliases = {genre for name, genre in ALIASES.items() if f" {name} " in words and genre in labels}
                two_words = {known[p] for p in _pairs(words) if p in known}  # "Hip Hop", "Hip-Hop"
                found |= squeezed | two_words | aliases
        return found

    def compare(self, song: Song) -> Verdict:
        """Whether the tag and zhanr's genre (not the person's word) agree."""
        meant = self.meant(song.tag_genre or "", tuple(song.probabilities))
        if not meant or song.genre is None:
            return Verdict.UNKNOWN
        return Verdict.AGREE if song.genre in meant else Verdict.DISAGREE


def given_genre(song: Song, *, trust_tags: bool) -> str | None:
    """The genre that a person gave the song: the correction, or its tag where that is one genre and trusted."""
    if song.correction or not trust_tags or not song.tag_genre:
        return song.correction
    values = {genre_key(v): v.strip() for v in song.tag_genre.split(";") if v.strip()}
    return next(iter(values.values())) if len(values) == 1 else None


def _spaced(text: str) -> str:
    return re.sub(r"[\W_]+", " ", folded(text)).strip()


def _pairs(words: str) -> list[str]:
    parts = words.split()
    return [a + b for a, b in pairwise(parts)]
