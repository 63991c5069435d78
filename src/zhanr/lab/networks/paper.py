"""The paper's convolutional network: four convolution groups and three dense layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from zhanr.errors import ConfigError
from zhanr.lab.networks.base import GenreModel, pool_sizes, pooled
from zhanr.lab.networks.budget import SizedOptions


@dataclass(frozen=True)
class PaperOptions(SizedOptions):
    """`channels`: one number per convolution group; `dense`: the widths of the two hidden dense layers."""

    WIDTHS: ClassVar[tuple[str, ...]] = ("channels", "dense")

    channels: tuple[int, ...] = (16, 32, 64, 128)
    kernel: int = 3
    dense: tuple[int, ...] = (256, 128)
    dropout: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.channels) != 4 or min(self.channels) < 1:
            raise ConfigError(f"model paper: channels must be four positive numbers, got {list(self.channels)}")
        if len(self.dense) != 2 or min(self.dense) < 1:
            raise ConfigError(f"model paper: dense must be two positive numbers, got {list(self.dense)}")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ConfigError(f"model paper: kernel must be odd and positive, got {self.kernel}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model paper: dropout must be in [0, 1), got {self.dropout}")


class PaperCNN(GenreModel):
    """Four groups of Conv2d -> ReLU -> BatchNorm -> MaxPool, flatten, dense + dropout, dense + dropout, dense.

    The activation directly follows its convolution or dense layer, so that a group is read as the paper writes it:
    convolution (with its ReLU), batch normalisation, max-pooling. The embedding is the second hidden dense layer.
    """

    def __init__(self, n_bins: int, n_frames: int, n_genres: int, options: PaperOptions) -> None:
        super().__init__()
        groups = len(options.channels)
        over_bins, over_frames = pool_sizes(n_bins, groups), pool_sizes(n_frames, groups)
        layers: list[nn.Module] = []
        before = 1
        for after, pool in zip(options.channels, zip(over_bins, over_frames, strict=True), strict=True):
            layers += convolution_group(before, after, options.kernel, pool)
            before = after
        self.convolutions = nn.Sequential(*layers)
        flat = before * pooled(n_bins, over_bins) * pooled(n_frames, over_frames)
        first, second = options.dense
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Linear(flat, first),
            nn.ReLU(),
            nn.Dropout(options.dropout),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.Dropout(options.dropout),
        )
        self.output = nn.Linear(second, n_genres)
        self.embedding_size = second

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `GenreModel.forward`."""
        embedding = self.dense(self.convolutions(x.unsqueeze(1)))
        return self.output(embedding), embedding


def convolution_group(before: int, after: int, kernel: int, pool: tuple[int, int]) -> list[nn.Module]:
    """One group: a convolution that keeps the size, its ReLU, batch normalisation, max-pooling by `pool`."""
    return [
        nn.Conv2d(before, after, kernel, padding=kernel // 2),
        nn.ReLU(),
        nn.BatchNorm2d(after),
        nn.MaxPool2d(pool),
    ]
