"""Stage 3: pooled features of the stores and of the real clips, for the head.

What is written comes from windows of 129 frames (10 s) side by side, as the classifier cuts an excerpt of 30 s (where
much is left at the end of another length, it takes one more window, and these do not):

- windows (n, 3, d) of the excerpts, and whole (n, d), all 30 s at once
- shifted, filtered (n, 3, d): windows of two augmented copies
- clip_clean, clip_degraded: one row per window of the real recordings that are named like excerpts of the stores
- other (m, d): windows of all other recordings

Names, labels and, for clips, row numbers and lengths go with them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from research.backbone import grid
from research.backbone.network import Backbone
from zhanr.features import dequantise, mel_to_hz
from zhanr.lab.datasets.store import FeatureStore, concat

Array = NDArray[Any]
WINDOW, HOP = 129, 129
MEL_HZ = mel_to_hz(grid.mel_centres(grid.N_MELS, grid.STORE.fmax), scale="slaney")


class Extractor(nn.Module):
    """(n, 128, time) in 0..1 -> (n, d)."""

    def __init__(self, tower: Path) -> None:
        super().__init__()
        self.backbone = Backbone(n_centres=1)  # its head is not asked
        self.backbone.tower.load_state_dict(load_file(tower))
        self.eval()

    @torch.inference_mode()
    def forward(self, x: Array) -> Array:
        """Map pictures to what the head reads."""
        picture = torch.tensor(x, dtype=torch.float32)
        pooled: Array = self.backbone.features(picture).numpy()
        return pooled


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    extract = Extractor(arguments.tower)
    excerpts = concat([FeatureStore.load(path) for path in arguments.stores])
    out = store_features(extract, excerpts.x) | clip_features(extract, arguments.pairs, excerpts.names)
    np.savez(arguments.out, allow_pickle=False, names=excerpts.names, labels=excerpts.labels, **out)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--tower", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs made without augmentation")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def store_features(extract: Extractor, x: Array) -> dict[str, Array]:
    rng = np.random.default_rng(0)
    rows: dict[str, list[Array]] = {"whole": [], "windows": [], "shifted": [], "filtered": []}
    for picture in dequantise(x):
        rows["whole"].append(extract(picture[None])[0])
        rows["windows"].append(extract(windows(picture)))
        rows["shifted"].append(extract(windows(equalise(shift(picture, rng), rng), WINDOW)))
        rows["filtered"].append(extract(windows(spoil(equalise(picture, rng), rng), WINDOW)))
    return {key: np.stack(values) for key, values in rows.items()}


def clip_features(extract: Extractor, pairs: Path, names: Array) -> dict[str, Array]:
    data = np.load(pairs, allow_pickle=False)
    row_of = {name: row for row, name in enumerate(names)}
    clips: dict[str, list[Any]] = {"clean": [], "degraded": [], "row": [], "frames": []}
    other = []
    begins = np.cumsum(data["lengths"]) - data["lengths"]
    pictures = {key: data[key] for key in ("clean", "degraded")}
    for name, begin, length in zip(data["names"], begins, data["lengths"], strict=True):
        cut = {key: windows(dequantise(picture[:, begin : begin + length])) for key, picture in pictures.items()}
        if (row := row_of.get(name.split("/")[-1])) is None:
            other.append(extract(cut["clean"]))
            continue
        for key in ("clean", "degraded"):
            clips[key].append(extract(cut[key]))
        clips["row"] += [row] * len(cut["clean"])
        clips["frames"] += [length] * len(cut["clean"])
    joined = {f"clip_{key}": np.concatenate(clips[key]) for key in ("clean", "degraded")}
    numbers = {f"clip_{key}": np.array(clips[key]) for key in ("row", "frames")}
    return {**joined, **numbers, "other": np.concatenate(other)}


def windows(picture: Array, hop: int = HOP) -> Array:
    """(128, time) -> (n, 128, 129), or the whole where it is shorter."""
    starts = range(0, max(1, picture.shape[1] - WINDOW + 1), hop)
    return np.stack([picture[:, start : start + WINDOW] for start in starts])


def shift(picture: Array, rng: np.random.Generator) -> Array:
    """Play up to 5 % faster or slower: time and frequency together."""
    speed, time = rng.uniform(0.95, 1.05), picture.shape[1]
    moments = np.arange(time) * speed
    moments = np.where(moments > time - 1, 2 * (time - 1) - moments, moments)
    picture = interpolate(picture.T, moments).T
    return interpolate(picture, np.interp(MEL_HZ * speed, MEL_HZ, np.arange(len(MEL_HZ))))


def interpolate(rows: Array, positions: Array) -> Array:
    """Read an array at fractional rows."""
    low = np.clip(positions.astype(int), 0, len(rows) - 2)
    weight = (positions - low).astype(np.float32)[:, None]
    return rows[low] * (1 - weight) + rows[low + 1] * weight


def equalise(picture: Array, rng: np.random.Generator) -> Array:
    """Smooth random equalisation, standard deviation 2.5 dB; then relative to the loudest bin again."""
    curve = np.interp(np.arange(grid.N_MELS), np.linspace(0, grid.N_MELS - 1, 5), rng.normal(0, 2.5 / 80, 5))[:, None]
    picture = picture + curve * (picture > 0)
    return np.clip(picture - picture.max() + 1, 0, 1).astype(np.float32)


def spoil(picture: Array, rng: np.random.Generator) -> Array:
    """A third each: cut off above 3.8 to 8.5 kHz, a noise floor, as it is."""
    kind = rng.integers(3)
    if kind == 0:
        picture = picture.copy()
        picture[int(np.searchsorted(MEL_HZ, rng.uniform(3800, 8500))) :] = 0
    elif kind == 1:
        picture = np.maximum(picture, rng.uniform(0.05, 0.3) + rng.normal(0, 0.03, picture.shape))
    return np.clip(picture, 0, 1).astype(np.float32)


if __name__ == "__main__":
    main()
