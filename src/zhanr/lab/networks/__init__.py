"""The networks, by name. A new one is one file here and one entry in `MODELS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from zhanr.config import Config
from zhanr.errors import ConfigError
from zhanr.lab.networks.base import GenreModel
from zhanr.lab.networks.budget import SizedOptions, fitted
from zhanr.lab.networks.compact import CompactCNN, CompactOptions
from zhanr.lab.networks.crnn import CRNN, CRNNOptions
from zhanr.lab.networks.fcn import FCN, FCN4Options, FCN5Options
from zhanr.lab.networks.paper import PaperCNN, PaperOptions

__all__ = ["MODELS", "GenreModel", "build"]


class NetworkEntry(NamedTuple):
    """How a network is made: `create(n_bins, n_frames, n_genres, options)`, and the type of its options."""

    create: Callable[[int, int, int, Any], GenreModel]
    options: type[Config]


MODELS: dict[str, NetworkEntry] = {
    "paper": NetworkEntry(PaperCNN, PaperOptions),
    "compact": NetworkEntry(CompactCNN, CompactOptions),
    "fcn4": NetworkEntry(FCN, FCN4Options),
    "fcn5": NetworkEntry(FCN, FCN5Options),
    "crnn": NetworkEntry(CRNN, CRNNOptions),
}


def build(name: str, *, n_bins: int, n_frames: int, n_genres: int, **options: Any) -> GenreModel:
    """Make a network with fresh random weights (from torch's global generator).

    Parameters
    ----------
    name : str
        A key of `MODELS`.
    n_bins, n_frames : int
        The size of one window.
    n_genres : int
        At least 2.
    **options
        What this network lets one choose; see its options class. All have `parameters`: about how many there shall be.

    Raises
    ------
    ConfigError
        The name or an option is unknown, or a value is impossible.
    """
    if name not in MODELS:
        raise ConfigError(f"model: {name!r} is not known (known: {', '.join(sorted(MODELS))})")
    for what, size, least in (("n_bins", n_bins, 1), ("n_frames", n_frames, 1), ("n_genres", n_genres, 2)):
        if size < least:
            raise ConfigError(f"model {name}: {what} must be at least {least}, got {size}")
    entry = MODELS[name]
    choice = entry.options.from_dict(options, where=f"model {name}")
    if isinstance(choice, SizedOptions) and choice.parameters:
        choice = fitted(choice, lambda sized: entry.create(n_bins, n_frames, n_genres, sized))
    return entry.create(n_bins, n_frames, n_genres, choice)
