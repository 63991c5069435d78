"""How often the answer stays the same when the recording is spoilt: a table of agreement rates, from real audio.

python research/benchmarks/robustness.py FOLDER [--songs 60]

Each song is decoded, spoilt in one way, encoded and classified through the whole serving path. "same genre" is the
share of songs whose likeliest genre is that of the untouched song; "moved" is the median change of its probability.
"""

from __future__ import annotations

import argparse
import io
import random
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from zhanr import AudioError, Classifier, Prediction
from zhanr.audio import load
from zhanr.scan.walk import find_audio

RATE = 44100
Samples = NDArray[np.float32]


def encode(y: Samples, container: str, codec: str, bit_rate: int | None = None, channels: int = 1) -> bytes:
    """Samples (n,) at 44,100 Hz as the bytes of a music file."""
    rate = 48000 if codec == "libopus" else RATE
    buffer, layout = io.BytesIO(), "stereo" if channels == 2 else "mono"
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        if bit_rate:
            stream.bit_rate = bit_rate
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=rate)
        for begin in range(0, len(y), RATE):
            block = np.ascontiguousarray(np.repeat(y[None, begin : begin + RATE], channels, axis=0))
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), begin
            for part in resampler.resample(frame):
                output.mux(stream.encode(part))
        for part in resampler.resample(None):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def wav(y: Samples, channels: int = 1) -> bytes:
    """Float samples, so that nothing is clipped."""
    return encode(y, "wav", "pcm_f32le", channels=channels)


def low_pass(y: Samples, hertz: float) -> Samples:
    """Nothing is left above a frequency."""
    spectrum = np.fft.rfft(y)
    spectrum[int(hertz * len(y) / RATE) :] = 0
    filtered: Samples = np.fft.irfft(spectrum, len(y)).astype(np.float32)
    return filtered


def speed(y: Samples, factor: float) -> Samples:
    """Played faster, and so higher, by linear interpolation."""
    at = np.arange(0, len(y) - 1, factor)
    faster: Samples = np.interp(at, np.arange(len(y)), y).astype(np.float32)
    return faster


SPOILT: dict[str, Callable[[Samples], bytes]] = {
    "mp3, 64 kbit/s": lambda y: encode(y, "mp3", "libmp3lame", 64_000),
    "AAC, 64 kbit/s": lambda y: encode(y, "adts", "aac", 64_000),
    "Opus, 48 kbit/s": lambda y: encode(y, "ogg", "libopus", 48_000),
    "12 dB louder": lambda y: wav(y * np.float32(4)),
    "12 dB softer": lambda y: wav(y * np.float32(0.25)),
    "bandwidth of 8 kHz": lambda y: wav(low_pass(y, 8000)),
    "bandwidth of 4 kHz": lambda y: wav(low_pass(y, 4000)),
    "stereo": lambda y: wav(y, channels=2),
    "one second later": lambda y: wav(y[RATE:]),
    "5 % faster": lambda y: wav(speed(y, 1.05)),
    "5 % slower": lambda y: wav(speed(y, 1 / 1.05)),
}


def answer(classifier: Classifier, source: bytes) -> Prediction | None:
    """The prediction, or None where there is too little sound."""
    try:
        return classifier.predict(source)
    except AudioError:
        return None


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--songs", type=int, default=60, help="so many, chosen at random with seed 0")
    parser.add_argument("--least", type=float, default=10.0, help="only songs of so many seconds or more")
    parser.add_argument("--model")
    options = parser.parse_args()
    classifier = Classifier.load(options.model)
    files = list(find_audio([options.folder]))
    random.Random(0).shuffle(files)
    same: dict[str, list[bool]] = {name: [] for name in SPOILT}
    moved: dict[str, list[float]] = {name: [] for name in SPOILT}
    count = 0
    for file in files:
        y = load(file, sample_rate=RATE, duration=30).samples
        if len(y) < options.least * RATE or count == options.songs:
            continue
        count += 1
        before = classifier.predict(wav(y))
        for name, spoil in SPOILT.items():
            after = answer(classifier, spoil(y))
            same[name].append(after is not None and after.best == before.best)
            if after is not None:
                moved[name].append(abs(after.probabilities[before.best] - before.confidence))
    print(f"{count} songs of {options.folder}, model {classifier.card.name}\n")
    print("| change | same genre | moved |\n|---|---|---|")
    for name in SPOILT:
        print(f"| {name} | {np.mean(same[name]):.0%} | {np.median(moved[name]):.3f} |")


if __name__ == "__main__":
    main()
