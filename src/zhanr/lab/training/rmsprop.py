"""RMSprop as the paper writes it, to read beside torch's, which gives the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class RMSprop(torch.optim.Optimizer):
    """Divide every step by the root of a running mean of the squared gradient (Tieleman & Hinton 2012).

        E[g2] = b E[g2] + (1 - b) g2
        w     = w - n g / (sqrt(E[g2]) + eps)

    E[g2] starts at 0. `eps` stands where torch has it, outside the root; the paper has none, and then the first
    gradient that is 0 divides by 0. Weight decay adds its share of w to g, as torch does.

    Parameters
    ----------
    params
        Parameters, or groups of them with settings of their own.
    lr : float
        n, the learning rate.
    alpha : float
        b, the share of the mean that stays; by torch's name.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        alpha: float = 0.9,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if not 0 <= alpha < 1:
            raise ValueError(f"alpha must be in [0, 1), got {alpha}")
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient."""
        if closure is not None:
            raise ValueError("this optimiser takes its step from the gradients that are there, and not from a closure")
        for group in self.param_groups:
            b, n, eps = group["alpha"], group["lr"], group["eps"]
            for w in group["params"]:
                if w.grad is None:
                    continue
                g: Tensor = w.grad + group["weight_decay"] * w
                mean = self.state[w].setdefault("mean_of_squares", torch.zeros_like(w))
                mean.copy_(b * mean + (1 - b) * g**2)
                w.sub_(n * g / (mean.sqrt() + eps))
