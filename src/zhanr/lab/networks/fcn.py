"""FCN-4 and FCN-5: the fully convolutional networks of Choi, Fazekas & Sandler 2016.

"Automatic tagging using deep convolutional neural networks", ISMIR 2016, arXiv:1606.00298.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from zhanr.errors import ConfigError
from zhanr.lab.networks.base import GenreModel, pools_like
from zhanr.lab.networks.budget import SizedOptions


@dataclass(frozen=True)
class FCNOptions(SizedOptions):
    """`channels`: the feature maps of each group."""

    NAME: ClassVar[str]
    POOLS: ClassVar[tuple[tuple[int, int], ...]]
    """(bins, frames) of each max-pooling, for pictures of 96 bins and 1366 frames."""

    channels: tuple[int, ...] = ()
    dropout: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        groups = len(self.POOLS)
        if len(self.channels) != groups or min(self.channels) < 1:
            raise ConfigError(f"model {self.NAME}: channels must be {groups} positive numbers, got {self.channels}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model {self.NAME}: dropout must be in [0, 1), got {self.dropout}")


@dataclass(frozen=True)
class FCN4Options(FCNOptions):
    """Four groups, with the widths and poolings of the paper."""

    NAME = "fcn4"
    POOLS = ((2, 4), (4, 5), (3, 8), (4, 8))

    channels: tuple[int, ...] = (128, 384, 768, 2048)


@dataclass(frozen=True)
class FCN5Options(FCNOptions):
    """Five groups, with the widths and poolings of the paper."""

    NAME = "fcn5"
    POOLS = ((2, 4), (2, 4), (2, 4), (3, 5), (4, 4))

    channels: tuple[int, ...] = (128, 256, 512, 1024, 2048)


class FCN(GenreModel):
    """Groups of Conv2d 3x3 -> BatchNorm -> ReLU -> MaxPool -> Dropout that shrink the picture to one cell, then genres.

    As in the paper: the order and number of layers, the kernels, the ratio of the widths, dropout 0.5 after every
    pooling, no dense layer but the output. Different here:

    - The paper's pictures are 96 x 1366 (29 s). Its pooling sizes are kept in proportion for other sizes, and are
      exactly the paper's for its own size; the last pooling always leaves one cell.
    - The paper tags: 50 sigmoid outputs. Here the output gives the logits of genres that exclude each other.

    The embedding is the one cell that remains.
    """

    def __init__(self, n_bins: int, n_frames: int, n_genres: int, options: FCNOptions) -> None:
        super().__init__()
        over_bins, over_frames = (
            pools_like(tuple(paper), size)
            for paper, size in zip(zip(*options.POOLS, strict=True), (n_bins, n_frames), strict=True)
        )
        layers: list[nn.Module] = []
        before = 1
        for after, pool in zip(options.channels, zip(over_bins, over_frames, strict=True), strict=True):
            layers += convolution_group(before, after, nn.ReLU(), pool, options.dropout)
            before = after
        *groups, last_dropout = layers
        self.convolutions = nn.Sequential(*groups, nn.Flatten())
        self.dropout = last_dropout
        self.output = nn.Linear(before, n_genres)
        self.embedding_size = before

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `GenreModel.forward`."""
        embedding = self.convolutions(x.unsqueeze(1))
        return self.output(self.dropout(embedding)), embedding


def convolution_group(
    before: int, after: int, activation: nn.Module, pool: tuple[int, int], dropout: float
) -> list[nn.Module]:
    """One group of Choi's networks: a 3x3 convolution, batch normalisation, activation, max-pooling, dropout."""
    return [
        nn.Conv2d(before, after, 3, padding=1),
        nn.BatchNorm2d(after),
        activation,
        nn.MaxPool2d(pool),
        nn.Dropout(dropout),
    ]
