"""Stage 1: from real audio to pairs (store picture, MSD_musicnn features on the same grid).

Every recording is cut in segments of up to 30 s and scaled so that its loudest store bin is at +30 dB (the store does
not know the level). With --augment a segment is also resampled to be 12 % shorter to 14 % longer and equalised, and the
targets follow. Each segment has a second, degraded picture (low-pass, MP3 at 32 to 64 kbit/s or noise) with the same,
clean target. No label is read.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from research.backbone import grid, musicnn
from zhanr import features
from zhanr.audio import MIN_SECONDS, AudioReader
from zhanr.config import FeatureConfig
from zhanr.errors import AudioError
from zhanr.scan.walk import find_audio

Array = NDArray[Any]
SEGMENT_SECONDS = 30
LEVEL_DB = 30.0
QUIETEST_PEAK = 1e-3
TEACHER_MEL = FeatureConfig(
    sample_rate=musicnn.SAMPLE_RATE,
    n_fft=musicnn.N_FFT,
    win_length=musicnn.N_FFT,
    hop_length=musicnn.HOP,
    n_mels=musicnn.N_MELS,
    fmax=musicnn.SAMPLE_RATE / 2,
    log=False,
    scale="none",
)


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    teacher = musicnn.load_musicnn(arguments.musicnn)
    rng = np.random.default_rng(arguments.augment)
    rows = [pair(teacher, name, wave, rng, arguments.augment > 0) for name, wave in segments(arguments.folders)]
    arrays = {key: np.concatenate([row[key] for row in rows], axis=1) for key in ("clean", "degraded", "target")}
    lengths = np.array([row["clean"].shape[1] for row in rows])
    names = np.array([row["name"] for row in rows])
    np.savez(arguments.out, allow_pickle=False, names=names, lengths=lengths, **arrays)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--musicnn", type=Path, required=True, help="folder MSD_musicnn of the unpacked wheel")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--augment", type=int, default=0, help="seed of the augmentation; 0: none")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def segments(folders: list[Path]) -> Iterator[tuple[str, Array]]:
    """Yield (recording, waveform of up to 30 s) of every recording below the folders."""
    for path in find_audio(folders):
        try:
            with AudioReader(path, sample_rate=grid.SAMPLE_RATE) as reader:
                for part in reader.blocks(SEGMENT_SECONDS * grid.SAMPLE_RATE):
                    if len(part) >= MIN_SECONDS * grid.SAMPLE_RATE and np.abs(part).max() > QUIETEST_PEAK:
                        yield path.stem, part
        except AudioError as error:
            print(f"left out: {error}", file=sys.stderr)


def pair(teacher: musicnn.Musicnn, name: str, wave: Array, rng: np.random.Generator, augment: bool) -> dict[str, Any]:
    """One segment: clean and degraded (128, time) uint8, target (254, time) float16."""
    if augment:
        speed = rng.uniform(0.88, 1.14)
        wave = equalise(soxr.resample(wave, grid.SAMPLE_RATE, grid.SAMPLE_RATE * speed), rng)
        wave = wave[: SEGMENT_SECONDS * grid.SAMPLE_RATE]
    power = grid.power_mel(wave)
    wave = wave * (10 ** (LEVEL_DB / 20) / np.sqrt(power.max()))
    clean, degraded = grid.to_store(power), grid.to_store(grid.power_mel(degrade(wave, rng)))
    target = on_grid(teacher_frames(teacher, wave), clean.shape[1])
    time = target.shape[1]
    return {"name": name, "clean": clean[:, :time], "degraded": degraded[:, :time], "target": target}


@torch.inference_mode()
def teacher_frames(teacher: musicnn.Musicnn, wave: Array) -> Array:
    """The parent's features every 16 ms, (254, time)."""
    low = soxr.resample(wave, grid.SAMPLE_RATE, musicnn.SAMPLE_RATE)
    mel = features.extract(low, TEACHER_MEL)
    compressed = torch.tensor(np.log10(1 + 10_000 * mel.T).astype(np.float32))
    frames: Array = teacher(compressed[None])[0].numpy()
    return frames


def on_grid(frames: Array, n_frames: int) -> Array:
    """Mean of the 16 ms frames nearest to each of our frames, (254, fine) -> (254, time) float16."""
    nearest = np.round(np.arange(frames.shape[1]) * musicnn.FRAME_SECONDS / grid.FRAME_SECONDS).astype(int)
    nearest = np.minimum(nearest, n_frames - 1)
    starts = np.flatnonzero(np.diff(nearest, prepend=-1))
    counts = np.diff(np.append(starts, len(nearest)))
    return (np.add.reduceat(frames, starts, axis=1) / counts).astype(np.float16)


def equalise(wave: Array, rng: np.random.Generator) -> Array:
    """Random smooth equalisation, standard deviation 3 dB at six points of the mel axis."""
    spectrum = np.fft.rfft(wave)
    mel = features.hz_to_mel(np.fft.rfftfreq(len(wave), 1 / grid.SAMPLE_RATE), scale="slaney")
    decibels = np.interp(mel, np.linspace(0, mel[-1], 6), rng.normal(0, 3, 6))
    return np.fft.irfft(spectrum * 10 ** (decibels / 20), len(wave)).astype(np.float32)


def degrade(wave: Array, rng: np.random.Generator) -> Array:
    """Low-pass, MP3 or white noise, one of the three at random, same length."""
    kind = rng.integers(3)
    if kind == 0:
        sections = butter(8, rng.uniform(3500, 8000), fs=grid.SAMPLE_RATE, output="sos")
        return sosfilt(sections, wave).astype(np.float32)
    if kind == 1:
        return mp3_round_trip(wave, int(rng.choice([32_000, 48_000, 64_000])))
    noise = rng.normal(0, np.abs(wave).max() * 10 ** (-rng.uniform(45, 75) / 20), len(wave))
    return wave + noise.astype(np.float32)


def mp3_round_trip(wave: Array, bit_rate: int) -> Array:
    """Encode and decode, aligned with the original and of the same length."""
    pcm = (wave / np.abs(wave).max() * 0.9 * 32767).astype(np.int16)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        stream = container.add_stream("mp3", rate=grid.SAMPLE_RATE, bit_rate=bit_rate, layout="mono", format="s16p")
        for start in range(0, len(pcm) - 1151, 1152):
            frame = av.AudioFrame.from_ndarray(pcm[None, start : start + 1152], format="s16p", layout="mono")
            frame.sample_rate = grid.SAMPLE_RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as source:
        decoded = np.concatenate([frame.to_ndarray().reshape(-1) for frame in source.decode(audio=0)])
    decoded = decoded[delay(decoded, pcm) :][: len(wave)].astype(np.float32)
    return np.pad(decoded, (0, len(wave) - len(decoded)))


def delay(decoded: Array, original: Array) -> int:
    """Samples by which an encoder has shifted a signal, by cross-correlation over the first seconds."""
    length = min(len(decoded), len(original), 60_000)
    a, b = (np.fft.rfft(signal[:length].astype(float), 2 * length) for signal in (decoded, original))
    return int(np.argmax(np.fft.irfft(a * np.conj(b))[:4000]))


if __name__ == "__main__":
    main()
