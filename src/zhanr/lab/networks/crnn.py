"""CRNN: convolutions, then a recurrent network over time, of Choi, Fazekas, Sandler & Cho 2017.

"Convolutional recurrent neural networks for music classification", ICASSP 2017, arXiv:1609.04243.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from zhanr.errors import ConfigError
from zhanr.lab.networks.base import GenreModel, pools_like, pools_until
from zhanr.lab.networks.budget import SizedOptions
from zhanr.lab.networks.fcn import convolution_group

POOLS = (2, 3, 4, 4)
"""Of each max-pooling on both axes, for pictures of 96 bins and 1440 frames."""

STEPS = 15
"""What the paper's poolings leave of the time axis for the recurrent layers."""


@dataclass(frozen=True)
class CRNNOptions(SizedOptions):
    """`channels`: the feature maps of each group; `recurrent`: the units of each recurrent layer."""

    WIDTHS: ClassVar[tuple[str, ...]] = ("channels", "recurrent")

    channels: tuple[int, ...] = (68, 137, 137, 137)
    recurrent: int = 68
    dropout: float = 0.1
    last_dropout: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.channels) != len(POOLS) or min(self.channels) < 1:
            raise ConfigError(f"model crnn: channels must be {len(POOLS)} positive numbers, got {self.channels}")
        if self.recurrent < 1:
            raise ConfigError(f"model crnn: recurrent must be positive, got {self.recurrent}")
        for name in ("dropout", "last_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"model crnn: {name} must be in [0, 1), got {getattr(self, name)}")


class CRNN(GenreModel):
    """Four groups of Conv2d 3x3 -> BatchNorm -> ELU -> MaxPool -> Dropout, then two GRUs over time, then genres.

    As in the paper: the order and number of layers, the kernels, the ratio of the widths (the defaults are those of its
    network with half a million parameters), no bins left before the GRU, and its last state as what the output sees.
    The two dropout rates are those of the code that its first author published. Different here:

    - The paper's pictures are 96 x 1366, padded to 1440, and its poolings leave 15 steps for the GRU. On the bins they
      are kept in proportion. On the frames they are used as long as 15 steps remain: 128 frames give 21 steps.
    - The output gives logits of genres, and not 50 sigmoids.

    The embedding is the last state of the second GRU.
    """

    def __init__(self, n_bins: int, n_frames: int, n_genres: int, options: CRNNOptions) -> None:
        super().__init__()
        over_bins, over_frames = pools_like(POOLS, n_bins), pools_until(POOLS, n_frames, STEPS)
        layers: list[nn.Module] = []
        before = 1
        for after, pool in zip(options.channels, zip(over_bins, over_frames, strict=True), strict=True):
            layers += convolution_group(before, after, nn.ELU(), pool, options.dropout)
            before = after
        self.convolutions = nn.Sequential(*layers)
        self.recurrent = nn.GRU(before, options.recurrent, num_layers=2)
        self.dropout = nn.Dropout(options.last_dropout)
        self.output = nn.Linear(options.recurrent, n_genres)
        self.embedding_size = options.recurrent

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `GenreModel.forward`."""
        steps = self.convolutions(x.unsqueeze(1)).squeeze(2).permute(2, 0, 1)  # (steps, n, channels)
        embedding = self.recurrent(steps)[0][-1]
        return self.output(self.dropout(embedding)), embedding
