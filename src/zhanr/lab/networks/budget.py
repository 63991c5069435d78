"""Networks of as many parameters as one asks for: all widths of a network grow by one factor."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

import torch
from torch import nn

from zhanr.config import Config
from zhanr.errors import ConfigError

TOLERANCE = 0.03
MIN_WIDTH = 4


@dataclass(frozen=True)
class SizedOptions(Config):
    """The options of a network with widths, the fields named in `WIDTHS`.

    `parameters`: about how many there shall be; all widths are then multiplied by the one factor that gives so many.
    0 leaves the widths as they are.
    """

    WIDTHS: ClassVar[tuple[str, ...]] = ("channels",)

    parameters: int = 0

    def __post_init__(self) -> None:
        if self.parameters < 0:
            raise ConfigError(f"model: parameters must not be negative, got {self.parameters}")

    def scaled(self, factor: float) -> Self:
        """The same with every width multiplied by `factor`; one of 4 or more does not fall below 4."""
        widths: dict[str, Any] = {name: _scaled(getattr(self, name), factor) for name in self.WIDTHS}
        return dataclasses.replace(self, parameters=0, **widths)


Options = TypeVar("Options", bound=SizedOptions)


def _scaled(width: Any, factor: float) -> Any:
    if isinstance(width, tuple):
        return tuple(_scaled(w, factor) for w in width)
    return max(round(width * factor), min(width, MIN_WIDTH))


def count_parameters(model: nn.Module) -> int:
    """The number of weights that are trained."""
    return sum(p.numel() for p in model.parameters())


def fitted(options: Options, create: Callable[[Options], nn.Module]) -> Options:
    """The options with the widths that give about `options.parameters` parameters.

    Raises
    ------
    ConfigError
        No widths come within 3 % of it.
    """

    def count(factor: float) -> int:
        with torch.device("meta"):  # shapes only: no memory, no random numbers
            return count_parameters(create(options.scaled(factor)))

    factor = width_for(options.parameters, count)
    if abs(count(factor) / options.parameters - 1) > TOLERANCE:
        raise ConfigError(f"model: {options.parameters} parameters can't be had; the nearest are {count(factor)}")
    return options.scaled(factor)


def width_for(parameters: int, count: Callable[[float], int]) -> float:
    """The factor in 1/64..64 for which `count(factor)`, which grows with it, is nearest to `parameters`."""
    low, high = 1 / 64, 64.0
    for _ in range(24):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if count(middle) < parameters else (low, middle)
    return min(low, high, key=lambda factor: abs(count(factor) - parameters))
