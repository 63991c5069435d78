"""Changes to training windows that leave the genre as it is. Pure functions of (tensor, strength, generator).

Every function takes windows (n, n_bins, n_frames) scaled to 0..1 and returns new ones of the same shape and range.
The generator lives on the CPU whatever the device of the windows, so that a seed means the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor
from torch.nn import functional

from zhanr.config import Config
from zhanr.errors import ConfigError


@dataclass(frozen=True)
class AugmentConfig(Config):
    """How strong each change is; 0 switches it off. Fractions are of the whole axis.

    - `stretch`: tempo by a factor of up to 1 +- this.
    - `shift`: along the frequency axis by up to this fraction (a transposition where the axis is logarithmic).
    - `equalise`: a smooth random curve over frequency of about this deviation, as of another mastering.
    - `level`, `slope`: x -> (1 +- slope) (x - 0.5) + 0.5 +- level, as of another loudness and compression.
    - `noise`: white noise of up to this deviation.
    - `time_mask`, `freq_mask`: the longest stretch that SpecAugment blanks out; `masks` of each kind.
    - `mixup`: the alpha of the Beta distribution from which the share of a second song is drawn.
    """

    stretch: float = 0.0
    shift: float = 0.0
    equalise: float = 0.0
    level: float = 0.0
    slope: float = 0.0
    noise: float = 0.0
    time_mask: float = 0.0
    freq_mask: float = 0.0
    masks: int = 1
    mixup: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ConfigError(f"augment.{field.name} must not be negative, got {getattr(self, field.name)}")
        for name in ("stretch", "shift", "slope", "time_mask", "freq_mask"):
            if getattr(self, name) >= 1:
                raise ConfigError(f"augment.{name} must be below 1, got {getattr(self, name)}")


def uniform(n: int, low: float, high: float, like: Tensor, generator: Generator) -> Tensor:
    """(n, 1, 1) numbers in [low, high), on the device of `like`."""
    return (low + (high - low) * torch.rand(n, 1, 1, generator=generator)).to(like)


def warp(x: Tensor, stretch: float, shift: float, generator: Generator) -> Tensor:
    """Time stretch about a random fixed point, and frequency shift, by bilinear interpolation; edges are repeated."""
    n = len(x)
    speed = uniform(n, -stretch, stretch, x, generator) + 1
    fixed = uniform(n, -1, 1, x, generator)
    theta = torch.zeros(n, 2, 3).to(x)
    theta[:, 0, 0] = speed[:, 0, 0]
    theta[:, 0, 2] = ((1 - speed) * fixed)[:, 0, 0]
    theta[:, 1, 1] = 1
    theta[:, 1, 2] = 2 * uniform(n, -shift, shift, x, generator)[:, 0, 0]
    grid = functional.affine_grid(theta, [n, 1, *x.shape[1:]], align_corners=False)
    return functional.grid_sample(x[:, None], grid, padding_mode="border", align_corners=False)[:, 0].clamp(0, 1)


def equalise(x: Tensor, strength: float, generator: Generator, *, knots: int = 6) -> Tensor:
    """Add a smooth random curve over frequency, the same at all times; what is silent (0) stays silent."""
    points = torch.randn(len(x), 1, knots, generator=generator).to(x) * strength
    curve = functional.interpolate(points, size=x.shape[1], mode="linear", align_corners=True)
    return torch.where(x > 0, x + curve.transpose(1, 2), x).clamp(0, 1)


def affine(x: Tensor, level: float, slope: float, generator: Generator) -> Tensor:
    """Another loudness (offset) and dynamic range (slope about the middle) for each window."""
    gain = uniform(len(x), 1 - slope, 1 + slope, x, generator)
    return ((x - 0.5) * gain + 0.5 + uniform(len(x), -level, level, x, generator)).clamp(0, 1)


def noise(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Add white noise, of another deviation in [0, strength) for each window."""
    deviation = uniform(len(x), 0, strength, x, generator)
    return (x + deviation * torch.randn(x.shape, generator=generator).to(x)).clamp(0, 1)


def mask(x: Tensor, fraction: float, axis: int, generator: Generator) -> Tensor:
    """Replace one random stretch of an axis by the window's mean (SpecAugment; Park et al. 2019)."""
    size = x.shape[axis]
    length = uniform(len(x), 0, fraction, x, generator) * size
    start = uniform(len(x), 0, 1, x, generator) * (size - length)
    cells = torch.arange(size, device=x.device).view((1, -1, 1) if axis == 1 else (1, 1, -1))
    hidden = (cells >= start) & (cells < start + length)
    return torch.where(hidden, x.mean(dim=(1, 2), keepdim=True), x)


def augment(x: Tensor, config: AugmentConfig, generator: Generator) -> Tensor:
    """Apply every change of `config` that is switched on, except mixup, which needs the labels as well."""
    c = config
    if c.stretch or c.shift:
        x = warp(x, c.stretch, c.shift, generator)
    if c.equalise:
        x = equalise(x, c.equalise, generator)
    if c.level or c.slope:
        x = affine(x, c.level, c.slope, generator)
    if c.noise:
        x = noise(x, c.noise, generator)
    for fraction, axis in ((c.time_mask, 2), (c.freq_mask, 1)) * c.masks:
        x = mask(x, fraction, axis, generator) if fraction else x
    return x


def mixup(x: Tensor, targets: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Blend every window and its target with those of another of the batch (Zhang et al. 2018).

    Parameters
    ----------
    x : Tensor (n, n_bins, n_frames)
    targets : Tensor (n, n_genres)
        Probabilities.
    alpha : float
        The share of the first is drawn from Beta(alpha, alpha), and taken as at least a half; 0 blends nothing.
    """
    if alpha <= 0:
        return x, targets
    share = beta(len(x), alpha, generator)
    share = torch.maximum(share, 1 - share).to(x)
    other = torch.randperm(len(x), generator=generator).to(x.device)
    mixed = share[:, None, None] * x + (1 - share)[:, None, None] * x[other]
    return mixed, share[:, None] * targets + (1 - share)[:, None] * targets[other]


def beta(n: int, alpha: float, generator: Generator) -> Tensor:
    """(n,) numbers from Beta(alpha, alpha), as the share of one of two gamma variates."""
    both = torch._standard_gamma(torch.full((2, n), alpha, dtype=torch.float64), generator=generator)
    return (both[0] / both.sum(dim=0).clamp_min(1e-300)).float()
