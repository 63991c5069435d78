"""The default network: a small residual CNN that knows where on the frequency axis it is, and not how loud it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zhanr.errors import ConfigError
from zhanr.lab.networks.base import GenreModel, pool_sizes, pooled
from zhanr.lab.networks.budget import SizedOptions


@dataclass(frozen=True)
class CompactOptions(SizedOptions):
    """`channels`: the width of each residual block; `embedding`: the length of the vector before the last layer."""

    WIDTHS: ClassVar[tuple[str, ...]] = ("channels", "embedding")

    channels: tuple[int, ...] = (16, 32, 64, 128)
    embedding: int = 128
    dropout: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels or min(self.channels) < 4:
            raise ConfigError(f"model compact: channels must be one or more numbers >= 4, got {list(self.channels)}")
        if self.embedding < 1:
            raise ConfigError(f"model compact: embedding must be positive, got {self.embedding}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model compact: dropout must be in [0, 1), got {self.dropout}")


class CompactCNN(GenreModel):
    """Standardise -> three views -> residual blocks with channel attention -> bands -> pooling over time -> dense.

    - Each window is standardised by its own mean and deviation. A picture `a x + b` therefore gives what `x` gives:
      the level of a recording and the slope that min-max scaling happened to choose don't matter.
    - The views are the picture, the picture without the mean of each bin (what moves; blind to equalisation), and the
      position on the frequency axis (convolutions alone would treat bass and treble alike).
    - The frequency bands that remain are mixed by one dense layer with a weight for each band and channel, not
      averaged: the same pattern means one thing in the bass and another in the treble.
    - Over time, the mean and the maximum: what the music mostly is, and the most telling moment.
    """

    def __init__(self, n_bins: int, n_frames: int, n_genres: int, options: CompactOptions) -> None:
        super().__init__()
        groups = len(options.channels)
        over_bins, over_frames = pool_sizes(n_bins, groups), pool_sizes(n_frames, groups)
        self.views = Views(n_bins)
        blocks: list[nn.Module] = []
        before = 3
        for after, pool in zip(options.channels, zip(over_bins, over_frames, strict=True), strict=True):
            blocks.append(Block(before, after, pool))
            before = after
        self.blocks = nn.Sequential(*blocks)
        self.bands = nn.Sequential(
            nn.Dropout2d(options.dropout),
            nn.Conv2d(before, options.embedding, (pooled(n_bins, over_bins), 1), bias=False),
            nn.BatchNorm2d(options.embedding),
            nn.ReLU(),
        )
        self.project = nn.Sequential(nn.Linear(2 * options.embedding, options.embedding), nn.ReLU())
        self.dropout = nn.Dropout(options.dropout)
        self.output = nn.Linear(options.embedding, n_genres)
        self.embedding_size = options.embedding

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `GenreModel.forward`."""
        x = self.bands(self.blocks(self.views(x)))
        embedding = self.project(torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1))
        return self.output(self.dropout(embedding)), embedding


class Block(nn.Module):
    """Pool, then two 3x3 convolutions beside a 1x1 shortcut, with the channels weighted by squeeze and excitation."""

    def __init__(self, before: int, after: int, pool: tuple[int, int]) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(pool)
        self.path = nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            SqueezeExcite(after),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """(n, before, bins, frames) to (n, after, bins / pool, frames / pool)."""
        x = self.pool(x)
        return torch.relu(self.path(x) + self.shortcut(x))


class SqueezeExcite(nn.Module):
    """Weights each channel by a gate in 0..1 that sees the mean of all channels (Hu et al. 2018)."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        hidden = max(channels // reduction, 4)
        self.gate = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """Same shape out as in: (n, channels, bins, frames)."""
        weights: Tensor = self.gate(x.mean(dim=(2, 3)))
        return x * weights[:, :, None, None]


class Views(nn.Module):
    """Windows (n, n_bins, n_frames) to three channels (n, 3, n_bins, n_frames)."""

    position: Tensor

    def __init__(self, n_bins: int) -> None:
        super().__init__()
        self.register_buffer("position", torch.linspace(-1, 1, n_bins).view(1, n_bins, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Standardise, and stack the three views."""
        x = standardise(x)
        moving = x - x.mean(dim=2, keepdim=True)
        return torch.stack([x, moving, self.position + torch.zeros_like(x)], dim=1)


def standardise(x: Tensor) -> Tensor:
    """Each window minus its mean, by its standard deviation; a window without any contrast becomes zeros."""
    x = x - x.mean(dim=(1, 2), keepdim=True)
    return x / ((x * x).mean(dim=(1, 2), keepdim=True) + 1e-6).sqrt()
