"""One recording in several files: equal audio is known by its hash, music coded anew by its fingerprint.

Embeddings only propose. Two songs of one album may have nearly the same embedding, so what they propose is decoded, and
`zhanr.scan.fingerprint` decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhanr.audio import AudioReader
from zhanr.library import Library, Song
from zhanr.library.similar import close_pairs, same_sound
from zhanr.scan.fingerprint import SAMPLE_RATE, Fingerprint, Fingerprinter, find_matches
from zhanr.scan.worker import Limits, Lost, each
from zhanr.words import connected

DISTANCE = 0.1
"""The cosine distance up to which two embeddings may be of one recording.

`research/benchmarks/duplicates.py` on 40 excerpts of 15-30 s: 95 % of copies in MP3 (64 and 128 kbit/s), AAC and FLAC
are within 0.081, the median is 0.001 to 0.009; of pairs of different songs 1 % are within 0.085. 0.1 finds nearly all
copies and proposes few others, each of which costs the decoding of two files.
"""
SECONDS = 3.0
"""How much longer one of two files of a recording may be."""
COMPARED = 60.0
"""So many seconds of each file are compared; find_matches needs one."""
BLOCK = 1 << 18  # samples decoded at once

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Songs that are one recording, by path. `exact`: their audio is the same, packet for packet."""

    songs: tuple[Song, ...]
    exact: bool


def find_duplicates(
    library: Library,
    *,
    distance: float = DISTANCE,
    seconds: float = SECONDS,
    jobs: int = 1,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> list[Duplicates]:
    """All groups of two or more files of one recording, in order of paths. Files that can't be read are left out."""
    links = [(group[0], other) for group in same_sound(library) for other in group[1:]]
    copies = {other for _, other in links}  # their sound is that of the first of their group, which stands for them
    pairs = [(a, b) for a, b, _ in close_pairs(library, distance=distance, seconds=seconds, without=copies)]
    links += _verified(library, pairs, jobs, limits, progress or (lambda *_: None))
    groups = []
    for numbers in _connected(links):
        songs = sorted(filter(None, map(library.song_by_id, numbers)), key=lambda song: song.path)
        hashes = {song.content_hash for song in songs}
        groups.append(Duplicates(tuple(songs), exact=len(hashes) == 1 and None not in hashes))
    return sorted(groups, key=lambda group: group.songs[0].path)


def _verified(
    library: Library, pairs: list[tuple[int, int]], jobs: int, limits: Limits | None, progress: Progress
) -> list[tuple[int, int]]:
    """Those of the proposed pairs that are one recording. Each file is decoded once."""
    numbers = sorted({number for pair in pairs for number in pair})
    paths = [song.path if (song := library.song_by_id(number)) else Path() for number in numbers]
    prints: dict[int, Fingerprint] = {}
    results = each(fingerprint_of, paths, jobs=jobs, limits=limits)
    for done, (number, found) in enumerate(zip(numbers, results, strict=True), start=1):
        if not isinstance(found, Lost):
            prints[number] = found
        progress(done, len(numbers))
    return [(a, b) for a, b in pairs if a in prints and b in prints and find_matches([prints[a], prints[b]])]


def fingerprint_of(path: Path) -> Fingerprint:
    """The fingerprint of the first minute of a file. Raises `AudioError`."""
    printer = Fingerprinter()
    with AudioReader(path, sample_rate=SAMPLE_RATE, duration=COMPARED) as reader:
        for block in reader.blocks(BLOCK):
            printer.add(block)
    return printer.finish()


def _connected(links: Sequence[tuple[int, int]]) -> list[set[int]]:
    """The groups that links make: 1-2, 2-3, 7-8 -> {1, 2, 3}, {7, 8}."""
    keys: dict[int, list[int]] = defaultdict(list)
    for key, link in enumerate(links):
        for number in link:
            keys[number].append(key)
    groups: dict[int, set[int]] = defaultdict(set)
    for number, group in zip(keys, connected(list(keys.values())), strict=True):
        groups[group].add(number)
    return list(groups.values())
