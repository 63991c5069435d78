"""What every network of zhanr is: a module from pictures to (logits, embedding), and how its pooling fits any size."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from torch import Tensor, nn


class GenreModel(nn.Module, ABC):
    """A network over windows. `embedding_size` is the length of the vector it gives beside the logits."""

    embedding_size: int

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map windows to genres.

        Parameters
        ----------
        x : Tensor (n, n_bins, n_frames), float32
            Windows of a spectrogram, scaled to 0..1.

        Returns
        -------
        logits : Tensor (n, n_genres)
            Before softmax.
        embedding : Tensor (n, embedding_size)
            What the last dense layer sees.
        """


def pool_sizes(size: int, groups: int, *, target: int = 8) -> tuple[int, ...]:
    """How much each of `groups` pooling layers shrinks an axis, so that about `target` cells remain and never none.

    128 cells give (2, 2, 2, 2), the usual halving. A longer axis shrinks faster, so that the dense layer behind it
    stays as large as before; an axis that is used up is left alone: 5 cells give (2, 2, 1, 1).
    """
    sizes = []
    for left in range(groups, 0, -1):
        wanted = math.ceil((size / target) ** (1 / left) - 1e-9)
        sizes.append(min(max(wanted, 2), size))
        size //= sizes[-1]
    return tuple(sizes)


def pooled(size: int, sizes: tuple[int, ...]) -> int:
    """The cells of an axis that remain behind the pooling layers `sizes`."""
    for factor in sizes:
        size //= factor
    return size


def pools_like(paper: tuple[int, ...], size: int) -> tuple[int, ...]:
    """The pooling layers of a published network on an axis of another length, so that one cell remains behind them.

    `paper` pooled an axis of about prod(paper) cells down to one. On an axis of that length it comes back as it is; on
    others each layer takes the same share of the shrinking on a logarithmic scale, and the last one what is left.
    """
    share = math.log(size) / math.log(math.prod(paper))
    sizes = []
    for factor in paper[:-1]:
        sizes.append(min(max(round(factor**share), 1), size))
        size //= sizes[-1]
    return (*sizes, size)


def pools_until(paper: tuple[int, ...], size: int, least: int) -> tuple[int, ...]:
    """The pooling layers of a published network, as long as at least `least` cells of an axis remain."""
    sizes = []
    for factor in paper:
        sizes.append(max(min(factor, size // least), 1))
        size //= sizes[-1]
    return tuple(sizes)
