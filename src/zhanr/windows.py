"""From a picture (n_bins, n_frames) to windows of equal width: the one place where anything is cut or padded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhanr.config import WindowConfig


def starts(n_frames: int, config: WindowConfig) -> NDArray[np.intp]:
    """The first frame of every window, (n_windows,); at least one.

    Windows lie `hop` frames apart; one more ends with the last frame where at least half a hop would stay unseen.
    """
    if n_frames <= config.frames:
        return np.zeros(1, dtype=np.intp)
    regular = np.arange(0, n_frames - config.frames + 1, config.hop)
    unseen = n_frames - (regular[-1] + config.frames)
    return np.append(regular, n_frames - config.frames) if 2 * unseen >= config.hop else regular


def pad(picture: NDArray[Any], frames: int) -> NDArray[Any]:
    """Repeat a picture (n_bins, t) in time until it has `frames` frames; a longer one stays as it is."""
    missing = frames - picture.shape[1]
    return np.pad(picture, ((0, 0), (0, missing)), mode="wrap") if missing > 0 else picture


def cut(picture: NDArray[Any], config: WindowConfig) -> NDArray[Any]:
    """Cut a picture (n_bins, n_frames) into (n_windows, n_bins, config.frames), same type; n_frames >= 1.

    A picture shorter than a window gives one of its own width, but of `config.shortest` frames at least.
    """
    if picture.ndim != 2 or picture.shape[1] == 0:
        raise ValueError(f"cut needs a picture of (n_bins, n_frames >= 1), got an array of shape {picture.shape}")
    padded = pad(picture, config.shortest or config.frames)
    return np.stack([padded[:, s : s + config.frames] for s in starts(picture.shape[1], config)])
