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
