"""Optimisers and learning-rate schedules by name. A new one is one entry in `OPTIMISERS` or `SCHEDULES`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

from zhanr.errors import ConfigError
from zhanr.lab.training.config import OptimizerConfig, ScheduleConfig
from zhanr.lab.training.rmsprop import RMSprop


class OptimiserEntry(NamedTuple):
    """What makes it, and the options it takes with their defaults."""

    create: Callable[..., Any]
    options: Mapping[str, Any]


OPTIMISERS: dict[str, OptimiserEntry] = {
    "rmsprop": OptimiserEntry(torch.optim.RMSprop, {"alpha": 0.9, "eps": 1e-8, "momentum": 0.0, "centered": False}),
    "rmsprop_paper": OptimiserEntry(RMSprop, {"alpha": 0.9, "eps": 1e-8}),
    "adam": OptimiserEntry(torch.optim.Adam, {"betas": (0.9, 0.999), "eps": 1e-8, "amsgrad": False}),
    "adamw": OptimiserEntry(torch.optim.AdamW, {"betas": (0.9, 0.999), "eps": 1e-8, "amsgrad": False}),
    "adagrad": OptimiserEntry(torch.optim.Adagrad, {"eps": 1e-10}),
    "adadelta": OptimiserEntry(torch.optim.Adadelta, {"rho": 0.9, "eps": 1e-6}),
    "sgd": OptimiserEntry(torch.optim.SGD, {"momentum": 0.0, "nesterov": False, "dampening": 0.0}),
    "momentum": OptimiserEntry(torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": OptimiserEntry(partial(torch.optim.SGD, nesterov=True), {"momentum": 0.9}),
}


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimiser of a model's parameters; only weights (two or more axes) decay."""
    entry = _find(OPTIMISERS, config.name, "optimizer")
    options = _fill(entry.options, config.options, f"optimizer {config.name}")
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    try:
        optimizer: torch.optim.Optimizer = entry.create([g for g in groups if g["params"]], lr=config.lr, **options)
    except ValueError as error:
        raise ConfigError(f"optimizer {config.name}: {error}") from error
    return optimizer


class Now(NamedTuple):
    """Where a run stands: `epoch` counts from 0 in steps of a batch, `losses` are the validations so far."""

    epoch: float
    epochs: int
    losses: Sequence[float]


def constant(_now: Now) -> float:
    """Always the full learning rate."""
    return 1.0


def cosine(now: Now, *, warmup: float, final: float) -> float:
    """Rise linearly over `warmup` epochs, then fall along half a cosine to the share `final` at the end."""
    if now.epoch < warmup:
        return (now.epoch + 0.01) / (warmup + 0.01)
    done = (now.epoch - warmup) / max(now.epochs - warmup, 1e-9)
    return final + (1 - final) * (1 + math.cos(math.pi * min(done, 1.0))) / 2


def step(now: Now, *, every: float, factor: float) -> float:
    """Multiply by `factor` after every `every` epochs."""
    return float(factor ** (now.epoch // every))


def one_cycle(now: Now, *, peak: float, start: float, final: float) -> float:
    """From the share `start` up to 1 at the share `peak` of the run, then down to `final` (Smith 2018), in cosines."""
    done = now.epoch / now.epochs
    rising = done < peak
    low, part = (start, done / peak) if rising else (final, (1 - done) / (1 - peak))
    return low + (1 - low) * (1 - math.cos(math.pi * part)) / 2


def plateau(now: Now, *, patience: int, factor: float, least: float) -> float:
    """Multiply by `factor` whenever `patience` epochs brought no lower validation loss, down to `least`."""
    value, best, waited = 1.0, math.inf, 0
    for loss in now.losses:
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited == patience:
            value, waited = max(value * factor, least), 0
    return value


SCHEDULES: dict[str, OptimiserEntry] = {
    "constant": OptimiserEntry(constant, {}),
    "cosine": OptimiserEntry(cosine, {"warmup": 3.0, "final": 0.0}),
    "step": OptimiserEntry(step, {"every": 20.0, "factor": 0.5}),
    "one_cycle": OptimiserEntry(one_cycle, {"peak": 0.3, "start": 0.04, "final": 0.0}),
    "plateau": OptimiserEntry(plateau, {"patience": 8, "factor": 0.5, "least": 0.01}),
}


def make_schedule(config: ScheduleConfig) -> Callable[[Now], float]:
    """The factor on the learning rate as a pure function of where the run stands, so that it needs no state."""
    entry = _find(SCHEDULES, config.name, "schedule")
    options = _fill(entry.options, config.options, f"schedule {config.name}")
    for name, low, high in (("peak", 0, 1), ("every", 0, math.inf), ("patience", 0, math.inf), ("factor", 0, math.inf)):
        if name in options and not low < options[name] < high:
            raise ConfigError(f"schedule {config.name}: {name} must be between {low} and {high}, got {options[name]}")
    return lambda now: float(entry.create(now, **options))


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def _find(entries: Mapping[str, OptimiserEntry], name: str, what: str) -> OptimiserEntry:
    if name not in entries:
        raise ConfigError(f"{what}.name: {name!r} is not known (known: {', '.join(sorted(entries))})")
    return entries[name]


def _fill(defaults: Mapping[str, Any], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The defaults with those given put over them; an unknown name or another type is a `ConfigError`."""
    if unknown := sorted(set(given) - set(defaults)):
        known = ", ".join(defaults) or "none"
        raise ConfigError(f"{where}: unknown option {', '.join(unknown)} (known: {known})")
    return {
        name: _alike(given[name], like, f"{where}: {name}") if name in given else like
        for name, like in defaults.items()
    }


def _alike(value: Any, like: Any, where: str) -> Any:
    if isinstance(like, tuple) and isinstance(value, list | tuple) and len(value) == len(like):
        return tuple(_alike(v, one, where) for v, one in zip(value, like, strict=True))
    if isinstance(like, float) and type(value) is int:
        return float(value)
    if type(value) is not type(like):
        raise ConfigError(f"{where} must be like {like!r}, got {value!r}")
    return value
