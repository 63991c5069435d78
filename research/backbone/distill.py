"""Stage 2: train the tower so that its features match those of MSD_musicnn on real audio.  Reads no label.

One twelfth of the recordings is held out; their errors are printed as fractions of the features' variance:
frames, mean over 7.4 s, standard deviation over 7.4 s.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from research.backbone import grid, musicnn
from research.backbone.network import N_MELS, Filters, Tower

Array = NDArray[Any]
Spread = tuple[Tensor, Tensor, Tensor]
"""Standard deviations of frames, of crop means and of crop deviations, each (254,)."""

LONG, SHORT = 96, 26  # frames of a crop: 7.4 s and 2 s
BATCH = {LONG: 12, SHORT: 32}
HELD_OUT = 12
DEGRADED_SHARE = 0.4
TYPICAL_MAX_DB = 18.0  # of the parent's S, when the store's own maximum is at +30 dB
LN10 = math.log(10)


@dataclass
class Pairs:
    """All segments end to end: clean and degraded (128, total) uint8, target (254, total) float16."""

    clean: Array
    degraded: Array
    target: Array
    starts: Array
    lengths: Array
    names: Array

    def held_out(self) -> Array:
        """Whether each segment's recording is kept for the error report."""
        recordings = np.array(sorted(set(self.names)))
        chosen = np.random.default_rng(0).choice(recordings, len(recordings) // HELD_OUT, replace=False)
        return np.isin(self.names, chosen)


def main() -> None:
    arguments = parse()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    pairs = read_pairs(arguments.pairs)
    tower = Tower()
    if arguments.init:
        tower.load_state_dict(load_file(arguments.init))
    else:
        start_from_parent(tower, musicnn.load_musicnn(arguments.musicnn))
    for average in train(tower, pairs, arguments.steps, arguments.rate, np.random.default_rng(arguments.seed)):
        save_file({key: value.contiguous() for key, value in average.items()}, arguments.out)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+", type=Path)
    parser.add_argument("--musicnn", type=Path, required=True, help="folder MSD_musicnn of the unpacked wheel")
    parser.add_argument("--init", type=Path, help="a tower to go on from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def read_pairs(paths: list[Path]) -> Pairs:
    files = [np.load(path) for path in paths]
    joined = {key: np.concatenate([file[key] for file in files], axis=-1) for key in files[0].files}
    return Pairs(starts=np.cumsum(joined["lengths"]) - joined["lengths"], **joined)


@torch.no_grad()
def start_from_parent(tower: Tower, parent: musicnn.Musicnn) -> None:
    """Copy the parent's kernels, resampled to our frames; the corrections start at zero."""
    tower.mel.weight.copy_(torch.tensor(grid.mel_interpolation(musicnn.N_MELS, 8000.0))[:, :, None] * 8 * LN10)
    assert tower.mel.bias is not None
    tower.mel.bias.fill_((TYPICAL_MAX_DB / 10 - 8 + 4) * LN10)
    tower.gain.fill_(parent.input_scale / LN10)
    tower.offset.fill_(parent.input_shift)
    step = musicnn.FRAME_SECONDS / grid.FRAME_SECONDS
    for ours, theirs in zip([*tower.front, *tower.middle], [*parent.front, *parent.middle], strict=True):
        copy_block(ours, theirs, step)
    for correction in [tower.front_correction, *tower.corrections]:
        for parameter in correction.parameters():
            nn.init.zeros_(parameter)


def copy_block(ours: Filters, theirs: musicnn.Block, step: float) -> None:
    kernel = grid.resample_kernel(theirs.kernel.detach().numpy(), theirs.centre, step)
    ours.conv.weight.copy_(torch.tensor(kernel))
    assert ours.conv.bias is not None
    ours.conv.bias.copy_(theirs.bias)
    ours.scale.copy_(theirs.scale)
    ours.shift.copy_(theirs.shift)


def train(tower: Tower, pairs: Pairs, steps: int, rate: float, rng: np.random.Generator) -> Iterator[dict[str, Tensor]]:
    """Yield the exponential moving average of the weights every 200 steps."""
    held_out = pairs.held_out()
    spread = spreads(pairs, ~held_out)
    optimizer = torch.optim.AdamW(tower.parameters(), lr=rate, weight_decay=1e-2)
    average = {key: value.clone() for key, value in tower.state_dict().items()}
    batches = endless_batches(pairs, ~held_out, rng)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * step / steps) + 0.005)
        x, target = next(batches)
        x = jitter(x)
        with torch.autocast("cpu", torch.bfloat16):
            out = tower(x)
        frame, mean, deviation = errors(out.float(), target, spread)
        loss = (0.5 * frame + mean + 0.5 * deviation).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimizer.step()
        update_average(average, tower, decay=min(0.995, (step + 1) / (step + 10)))
        if (step + 1) % 200 == 0 or step + 1 == steps:
            print(step + 1, report(average, pairs, held_out, spread), flush=True)
            yield average


def endless_batches(pairs: Pairs, use: Array, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Crops of 96 frames of the longer segments and of 26 frames of the shorter ones, in random order, for ever."""
    while True:
        batches = []
        for length in (LONG, SHORT):
            items = crops(pairs, use, length, rng)
            rng.shuffle(items)
            size = BATCH[length]
            batches += [(items[i : i + size], length) for i in range(0, len(items) - size + 1, size)]
        rng.shuffle(batches)
        for items, length in batches:
            yield gather(pairs, items, length, rng)


def crops(pairs: Pairs, use: Array, length: int, rng: np.random.Generator) -> list[int]:
    """First frames of the crops of one pass."""
    starts = []
    for begin, time in zip(pairs.starts[use], pairs.lengths[use], strict=True):
        if length == LONG:
            offset = int(rng.integers(0, LONG)) if time > 2 * LONG else 0
            starts += [begin + i for i in range(offset, time - LONG + 1, LONG)]
        elif SHORT <= time < LONG:
            starts.append(begin + int(rng.integers(0, time - SHORT + 1)))
    return starts


def gather(pairs: Pairs, starts: list[int], length: int, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
    """Pictures (n, 128, length) in 0..1 and targets (n, 254, length); clean pictures only if rng is None."""
    pictures = []
    for start in starts:
        degraded = rng is not None and rng.random() < DEGRADED_SHARE
        pictures.append((pairs.degraded if degraded else pairs.clean)[:, start : start + length])
    targets = [pairs.target[:, start : start + length] for start in starts]
    return torch.tensor(np.stack(pictures)).float() / 255, torch.tensor(np.stack(targets)).float()


def jitter(x: Tensor) -> Tensor:
    """A little equalisation (1.5 dB) and noise, of the pictures only."""
    curve = functional.interpolate(torch.randn(len(x), 1, 6) * 1.5 / 80, N_MELS, mode="linear", align_corners=True)
    x = torch.where(x > 0, x + curve.transpose(1, 2), x) + 0.004 * torch.randn_like(x)
    return (x - x.amax((1, 2), keepdim=True).clamp(min=1) + 1).clamp(0, 1)


def errors(out: Tensor, target: Tensor, spread: Spread) -> Spread:
    """Squared errors of frames, means and deviations per feature, each (254,), in units of their spread.

    Outliers are clipped.
    """
    frame = ((out - target) / spread[0][:, None]).pow(2).clamp(max=25).mean((0, 2))
    mean = ((out.mean(2) - target.mean(2)) / spread[1]).pow(2).clamp(max=25).mean(0)
    deviation = ((out.std(2) - target.std(2)) / spread[2]).pow(2).clamp(max=25).mean(0)
    return frame, mean, deviation


def spreads(pairs: Pairs, use: Array) -> Spread:
    """How much the features of the segments `use` vary."""
    rng = np.random.default_rng(0)
    _, target = gather(pairs, crops(pairs, use, LONG, rng)[::3], LONG, None)
    frames = target.transpose(0, 1).flatten(1)
    return (
        frames.std(1).clamp_min(1e-2),
        target.mean(2).std(0).clamp_min(1e-2),
        target.std(2).std(0).clamp_min(1e-2),
    )


@torch.no_grad()
def update_average(average: dict[str, Tensor], tower: Tower, decay: float) -> None:
    for key, value in tower.state_dict().items():
        if value.dtype.is_floating_point:
            average[key].lerp_(value, 1 - decay)
        else:
            average[key].copy_(value)


@torch.no_grad()
def report(state: dict[str, Tensor], pairs: Pairs, held_out: Array, spread: Spread) -> list[float]:
    """Mean errors on the held-out recordings: frames, means, deviations."""
    tower = Tower()
    tower.load_state_dict(state)
    tower.eval()
    x, target = gather(pairs, crops(pairs, held_out, LONG, np.random.default_rng(0)), LONG, None)
    out = torch.cat([tower(part) for part in torch.split(x, 16)])
    return [round(float(error.mean()), 3) for error in errors(out, target, spread)]


if __name__ == "__main__":
    main()
