"""Learning from a teacher: beside the genre, the network learns to predict a teacher's features of each song.

The features are targets only, needed while training and never afterwards (Hinton et al. 2015, "Distilling the
knowledge in a neural network"; with features as targets, Romero et al. 2015, "FitNets").
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from zhanr.errors import DatasetError
from zhanr.lab.networks import GenreModel
from zhanr.lab.training.config import DistillConfig


def load_targets(config: DistillConfig, names: Sequence[str]) -> NDArray[np.float32]:
    """The teacher's features (n, d) of the songs `names`, each standardised over these songs.

    The file is an `.npz` with `names` (m,) and, for each of `config.keys`, an array (m, d).
    """
    try:
        with np.load(config.path, allow_pickle=False) as file:
            row = {name: i for i, name in enumerate(file["names"].tolist())}
            features = np.concatenate([file[key] for key in config.keys], axis=1)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DatasetError(config.path, f"the teacher's features can't be read ({error})") from error
    if missing := [name for name in names if name not in row]:
        raise DatasetError(config.path, f"the teacher has no features of {', '.join(missing[:5])}")
    chosen = features[[row[name] for name in names]].astype(np.float64)
    result: NDArray[np.float32] = ((chosen - chosen.mean(0)) / (chosen.std(0) + 1e-6)).astype(np.float32)
    return result


class Student(nn.Module):
    """A network and, where there is a teacher, the linear map from its embedding to the teacher's features."""

    def __init__(self, network: GenreModel, teacher_size: int = 0) -> None:
        super().__init__()
        self.network = network
        self.head = nn.Linear(network.embedding_size, teacher_size) if teacher_size else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Windows (n, n_bins, n_frames) to logits (n, n_genres) and the guess (n, d) of the teacher's features."""
        logits, embedding = self.network(x)
        return logits, None if self.head is None else self.head(embedding)


def distance(guess: Tensor, target: Tensor) -> Tensor:
    """Mean squared error with large deviations damped: a teacher's outliers are not worth learning."""
    return functional.smooth_l1_loss(guess, target)
