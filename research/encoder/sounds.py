"""Stage 4: sounds that are no music: noises and tones made here, and the sound effects of games.

    python -m research.encoder.sounds --games games --out sounds.npz

The model must not call them a genre (`novelty`), so the gate learns what they are like.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.encoder.music import SHORTEST_SONG, SMALLEST_SONG
from research.encoder.picture import PICTURE, picture
from zhanr.audio import load, probe
from zhanr.errors import AudioError
from zhanr.scan.walk import find_audio

Array = NDArray[Any]
Maker = Callable[[Array, np.random.Generator], Array]
RATE = PICTURE.sample_rate
EACH = 14  # noises of a kind, and effects of a folder
MOST_EFFECTS = 420
EFFECT_SECONDS = (2.0, 20.0)  # the shortest that is taken, and how much of a long one
NOT_EFFECTS = ("music", "drascula", "campaigns")  # folders of games that hold short pieces of music or spoken text
SEED = 5


class Sound(NamedTuple):
    """The picture (103, frames) uint8 of one sound; `group` sounds alike: a kind of noise, or the effects of a game."""

    name: str
    group: str
    picture: NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=Path, required=True, help="folder with one folder for each package")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rng = np.random.default_rng(SEED)
    write(arguments.out, [*synthetic(rng), *effects(arguments.games, rng)])


def write(path: Path, sounds: list[Sound]) -> None:
    """All sounds in one file."""
    pictures = {str(i): sound.picture for i, sound in enumerate(sounds)}
    names, groups = [sound.name for sound in sounds], [sound.group for sound in sounds]
    np.savez(path, allow_pickle=False, names=np.array(names), groups=np.array(groups), **pictures)


def read(path: Path) -> list[Sound]:
    """The sounds of a file of `write`."""
    with np.load(path) as file:
        about = zip(file["names"], file["groups"], strict=True)
        return [Sound(str(name), str(group), file[str(i)]) for i, (name, group) in enumerate(about)]


def synthetic(rng: np.random.Generator) -> Iterator[Sound]:
    """Some of each kind of noise, 10 to 30 s long."""
    for kind, make in MAKERS.items():
        for number in range(EACH):
            seconds = np.arange(int(RATE * rng.choice([10, 20, 30]))) / RATE
            yield Sound(f"{kind} {number}", kind, levelled(make(seconds, rng), rng))


def effects(folder: Path, rng: np.random.Generator) -> Iterator[Sound]:
    """The short sounds of games, at most `EACH` of a folder."""
    paths = [path for path in find_audio([folder]) if not path.is_symlink() and is_effect(path.relative_to(folder))]
    random.Random(SEED).shuffle(paths)
    taken: Counter[Path] = Counter()
    for path in paths:
        if taken.total() == MOST_EFFECTS:
            return
        if taken[path.parent] == EACH:
            continue
        try:
            wave = read_effect(path)
        except AudioError:  # most are shorter than anything that zhanr reads
            continue
        if wave is not None:
            taken[path.parent] += 1
            yield Sound(path.name, path.relative_to(folder).parts[0], levelled(wave, rng))


def is_effect(path: Path) -> bool:
    """Whether a file of a game may be a sound, by its folders' names."""
    return not any(word in part.lower() for part in path.parts[:-1] for word in NOT_EFFECTS)


def read_effect(path: Path) -> Array | None:
    """Up to 20 s of a file, (n,) at 16 kHz; None where it is too short, or long enough for music."""
    shortest, longest = EFFECT_SECONDS
    seconds = probe(path).duration or 0.0
    music = seconds >= SHORTEST_SONG and path.stat().st_size >= SMALLEST_SONG
    return None if music or seconds < shortest else load(path, sample_rate=RATE, duration=longest).samples


def levelled(wave: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture of a waveform at some level."""
    loud = np.abs(wave).max() + 1e-9
    return picture((wave / loud * rng.uniform(0.05, 0.95)).astype(np.float32))


def coloured(n: int, slope: float, rng: np.random.Generator) -> Array:
    """Noise whose power falls with frequency to the power of `slope`: 0 is white, 1 pink, 2 brown."""
    spectrum, frequency = np.fft.rfft(rng.standard_normal(n)), np.fft.rfftfreq(n, 1 / RATE)
    frequency[0] = frequency[1]
    return np.fft.irfft(spectrum * frequency ** (-slope / 2), n)


def sine(seconds: Array, hertz: float) -> Array:
    return np.asarray(np.sin(2 * np.pi * hertz * seconds))


def pulses(seconds: Array, slowest: float, fastest: float, longest: float, rng: np.random.Generator) -> Array:
    """On and off, so many times a second."""
    on: Array = (seconds * rng.uniform(slowest, fastest)) % 1 < rng.uniform(0.1, longest)
    return on


def noise(t: Array, rng: np.random.Generator) -> Array:
    return coloured(len(t), rng.uniform(-1, 2.5), rng)


def band(t: Array, rng: np.random.Generator) -> Array:
    """Noise with little outside a band."""
    low = rng.uniform(20, 3000)
    spectrum = np.fft.rfft(coloured(len(t), rng.uniform(-0.5, 2), rng))
    frequency = np.fft.rfftfreq(len(t), 1 / RATE)
    spectrum[(frequency < low) | (frequency > low * rng.uniform(1.3, 8))] *= rng.uniform(0, 0.02)
    return np.fft.irfft(spectrum, len(t))


def swelling(t: Array, rng: np.random.Generator) -> Array:
    swell = 1 + rng.uniform(0.3, 1) * np.sin(2 * np.pi * rng.uniform(0.1, 12) * t + rng.uniform(0, 6))
    return coloured(len(t), rng.uniform(0, 2), rng) * swell


def bursts(t: Array, rng: np.random.Generator) -> Array:
    return coloured(len(t), rng.uniform(0, 2), rng) * pulses(t, 0.5, 8, 0.7, rng)


def tone(t: Array, rng: np.random.Generator) -> Array:
    return sine(t, rng.uniform(40, 4000)) + 10 ** rng.uniform(-5, -1) * rng.standard_normal(len(t))


def hum(t: Array, rng: np.random.Generator) -> Array:
    """The mains and its harmonics."""
    mains = rng.choice([50, 60]) * rng.uniform(0.98, 1.02)
    harmonics = sum((rng.uniform(0, 1) / k * sine(t, mains * k) for k in range(1, 12)), np.zeros(len(t)))
    return harmonics + 10 ** rng.uniform(-4, -1) * coloured(len(t), 1, rng) / 3


def chirp(t: Array, rng: np.random.Generator) -> Array:
    rate = rng.uniform(0.05, 2)
    phase = 200 * t + rng.uniform(100, 1500) / rate * ((t * rate) % 1) ** 2 / 2
    return np.asarray(np.sin(2 * np.pi * phase))


def tones(t: Array, rng: np.random.Generator) -> Array:
    return sum((sine(t, rng.uniform(60, 3000)) for _ in range(rng.integers(2, 6))), np.zeros(len(t)))


def square(t: Array, rng: np.random.Generator) -> Array:
    return np.sign(sine(t, rng.uniform(40, 1500)))


def clicks(t: Array, rng: np.random.Generator) -> Array:
    wave = 1e-4 * rng.standard_normal(len(t))
    wave[rng.integers(0, len(t), int(len(t) / RATE * rng.uniform(1, 60)))] += rng.uniform(0.3, 1)
    return wave


def beeps(t: Array, rng: np.random.Generator) -> Array:
    return sine(t, rng.uniform(300, 3000)) * pulses(t, 0.5, 6, 0.6, rng)


MAKERS: dict[str, Maker] = {
    make.__name__: make for make in (noise, band, swelling, bursts, tone, hum, chirp, tones, square, clicks, beeps)
}
"""The kinds of noise: time in seconds (n,) and a generator to a waveform (n,)."""


if __name__ == "__main__":
    main()
