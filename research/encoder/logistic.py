"""Multinomial logistic regression with weighted rows, on standardised numbers that are held within six deviations."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

Array = NDArray[Any]
EXTREME = 6.0  # deviations


class Linear(NamedTuple):
    """Mean and deviation (d,), weight (d, k) and bias (k,)."""

    mean: Array
    deviation: Array
    weight: Array
    bias: Array

    def logits(self, x: Array) -> Array:
        """x (n, d) to (n, k)."""
        return np.clip((x - self.mean) / self.deviation, -EXTREME, EXTREME) @ self.weight + self.bias


def fit(x: Array, y: Array, weights: Array, n_classes: int, *, l2: float, steps: int = 60) -> Linear:
    """Rows x (n, d), classes y (n,), weights of rows (n,); `l2` times the squared norm of what is fitted is added."""
    mean = np.average(x, axis=0, weights=weights)
    deviation = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weights)) + 1e-3
    z = torch.tensor(((x - mean) / deviation).astype(np.float32)).clamp(-EXTREME, EXTREME)
    truth, shares = torch.tensor(y), torch.tensor((weights / weights.sum()).astype(np.float32))
    weight = torch.zeros(z.shape[1], n_classes, requires_grad=True)
    bias = torch.zeros(n_classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimiser.zero_grad()
        value = (functional.cross_entropy(z @ weight + bias, truth, reduction="none") * shares).sum()
        value = value + l2 * weight.square().sum()
        torch.autograd.backward(value)
        return float(value.detach())

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return Linear(mean, deviation, weight.detach().numpy(), bias.detach().numpy())


def softmax(z: Array) -> Array:
    """Over the last axis."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))
