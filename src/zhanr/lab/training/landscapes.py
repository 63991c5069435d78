"""Optimisers on two surfaces of two parameters, where one can watch them: a saddle point and a long valley."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from zhanr.lab.training.config import OptimizerConfig
from zhanr.lab.training.optim import make_optimizer


@dataclass(frozen=True)
class Landscape:
    """A surface to go down.

    - `height(x, y)` takes tensors and arrays alike. `formula` is the same for a reader.
    - `start`: where all optimisers begin. `arrived(x, y)`: whether a place is as far as one wants them to come.
    - `rate`: the learning rate of those that step by the gradient; `adaptive_rate`: of those that divide the gradient
      by its own size, so that it is about the length of a step.
    - `x_range`, `y_range`: what is worth drawing.
    """

    title: str
    formula: str
    height: Callable[[Any, Any], Any]
    start: tuple[float, float]
    arrived: Callable[[Any, Any], Any]
    goal: str
    rate: float
    adaptive_rate: float
    steps: int
    x_range: tuple[float, float]
    y_range: tuple[float, float]


LANDSCAPES: dict[str, Landscape] = {
    "saddle": Landscape(
        title="Saddle point",
        formula="x² - y²",
        height=lambda x, y: x * x - y * y,
        start=(-1.0, 0.001),  # beside the ridge by a hair: exactly on it, all would stay at the saddle for ever
        arrived=lambda _x, y: abs(y) > 1,
        goal="leave the saddle (y beyond 1)",
        rate=0.02,
        adaptive_rate=0.03,
        steps=150,
        x_range=(-1.25, 0.75),
        y_range=(-0.35, 1.25),
    ),
    "valley": Landscape(
        title="Long valley",
        formula="x² / 100 + y²",
        height=lambda x, y: x * x / 100 + y * y,
        start=(-9.0, 1.0),
        arrived=lambda x, y: x * x / 100 + y * y < 0.01,
        goal="come below a height of 0.01",
        rate=0.05,
        adaptive_rate=0.07,
        steps=300,
        x_range=(-10.0, 3.0),
        y_range=(-1.25, 1.25),
    ),
}

BY_GRADIENT = ("sgd", "momentum", "nesterov")
OPTIONS: Mapping[str, Mapping[str, Any]] = {"adadelta": {"eps": 1e-3}}
"""Adadelta, whose rate is 1 by its making, sets out in steps of about the root of that: too small ones with 1e-6."""


class Journey(NamedTuple):
    """The way of one optimiser: its rate, its places (steps + 1, 2), and the step at which it arrived, if it did."""

    lr: float
    path: NDArray[np.float64]
    arrived: int | None


def journey(landscape: Landscape, optimiser: str) -> Journey:
    """Let an optimiser of `OPTIMISERS` go down a landscape from its start, by torch's own gradients."""
    lr = landscape.rate if optimiser in BY_GRADIENT else landscape.adaptive_rate
    lr = 1.0 if optimiser == "adadelta" else lr
    path = descend(landscape, optimiser, lr=lr, steps=landscape.steps)
    there = np.flatnonzero(landscape.arrived(path[:, 0], path[:, 1]))
    return Journey(lr, path, int(there[0]) if len(there) else None)


def descend(landscape: Landscape, optimiser: str, *, lr: float, steps: int) -> NDArray[np.float64]:
    """The places (steps + 1, 2) of an optimiser with a constant learning rate."""
    place = nn.ParameterDict({"xy": torch.tensor(landscape.start, dtype=torch.float64)})
    optimizer = make_optimizer(place, OptimizerConfig(optimiser, lr, options=dict(OPTIONS.get(optimiser, {}))))
    path = [place["xy"].detach().clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        landscape.height(*place["xy"]).backward()
        optimizer.step()
        path.append(place["xy"].detach().clone())
    places: NDArray[np.float64] = torch.stack(path).numpy()
    return places
