"""The fingerprint of a recording: the same through every codec, level and cut, and that of no other one."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from audio_files import FORMATS, Samples, encode
from test_check import song
from zhanr.audio import load
from zhanr.scan.fingerprint import (
    HOP,
    MOST_ERRORS,
    SAMPLE_RATE,
    Fingerprint,
    Fingerprinter,
    compare,
    find_matches,
    fingerprint,
)

RATE = 44100


@pytest.mark.parametrize("name", ["mp3", "vorbis", "opus", "aac", "wma", "wav-mulaw", "wav-u8"])
def test_a_recording_is_found_through_every_codec(name: str) -> None:
    fmt = FORMATS[name]
    stereo = np.repeat(0.25 * resampled(song(8), fmt.rate), 2, axis=1)
    changed = load(encode(stereo, fmt), sample_rate=SAMPLE_RATE).samples
    original = load(encode(song(8), FORMATS["wav-f32"]), sample_rate=SAMPLE_RATE).samples
    (match,) = find_matches([fingerprint(original), fingerprint(changed)])
    assert match.error_rate < 0.15
    assert abs(match.offset) < 0.1


def resampled(y: Samples, rate: int) -> Samples:
    at = np.arange(0, len(y) - 1, RATE / rate)
    made: Samples = np.interp(at, np.arange(len(y)), y[:, 0]).astype(np.float32)[:, None]
    return made


def test_different_songs_do_not_match() -> None:
    prints = [fingerprint(song(seed, rate=SAMPLE_RATE)[:, 0]) for seed in range(12)]
    assert find_matches(prints) == []


def test_music_of_exact_loops_is_found() -> None:
    loop = song(9, 0.5, SAMPLE_RATE)[:, 0]
    a = fingerprint(np.tile(loop, 60))
    b = fingerprint(np.tile(loop, 60)[3000:] * np.float32(0.5))
    assert len(find_matches([a, b])) == 1


def test_silence_has_no_fingerprint_to_share() -> None:
    quiet = np.zeros(5 * SAMPLE_RATE, np.float32)
    a, b = (np.concatenate([song(s, 3, SAMPLE_RATE)[:, 0], quiet]) for s in (1, 2))
    assert find_matches([fingerprint(x) for x in (a, b, quiet, quiet)]) == []
    assert not fingerprint(quiet).loud.any()


def test_fingerprints_of_nothing() -> None:
    nothing = fingerprint(np.zeros(0, np.float32))
    short = fingerprint(song(1, 0.3, SAMPLE_RATE)[:, 0])
    assert len(nothing.words) == len(short.words) == 0
    assert find_matches([]) == find_matches([nothing]) == find_matches([nothing, short]) == []


def test_the_fingerprint_does_not_depend_on_the_blocks() -> None:
    y = song(1, 4, SAMPLE_RATE)[:, 0]
    printer = Fingerprinter()
    for block in np.split(y, [10, 5000, 13193, 60000]):
        printer.add(block)
    np.testing.assert_array_equal(printer.finish().words, fingerprint(y).words)


def test_error_rate_of_known_words() -> None:
    words = np.arange(1000, dtype=np.uint32)
    loud = np.ones(1000, np.bool_)
    a, b = Fingerprint(words, loud), Fingerprint(words[100:] ^ np.uint32(0b1111), loud[100:])
    assert compare(a, b, 100) == (4 / 32, 900 * HOP / SAMPLE_RATE)
    assert compare(a, b, 2000) is None
    assert compare(a, b, 950) is None  # less than a second


def test_memory_does_not_grow_with_the_length() -> None:
    block = song(1, 6, SAMPLE_RATE)[:, 0]
    printer = Fingerprinter()
    printer.add(block)
    tracemalloc.start()
    for _ in range(10):
        printer.add(block)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 200_000  # one minute: 5168 frames of a word and an energy


# real music


def test_real_songs_are_told_apart_and_recognised(shared: Path) -> None:
    """The whole of it was measured once (see `MOST_ERRORS`); this is a sample of each kind, to notice a change."""
    files = sorted((shared / "gtzan" / "audio").glob("*/*.ogg"))[::25]
    waves = [load(file, sample_rate=SAMPLE_RATE).samples for file in files]
    prints = [fingerprint(y) for y in waves]
    assert find_matches(prints, most_errors=MOST_ERRORS + 0.05) == []
    changed = [load(encode(resampled_up(y), FORMATS["mp3"]), sample_rate=SAMPLE_RATE).samples for y in waves[::4]]
    matches = find_matches([*prints, *(fingerprint(y[4000:] * np.float32(0.2)) for y in changed)])
    assert [(m.first, m.second) for m in matches] == [(4 * i, len(prints) + i) for i in range(len(changed))]


def resampled_up(y: Samples) -> Samples:
    return np.repeat(y, 2)[:, None]
