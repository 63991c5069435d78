"""The optimisers of the paper: on two landscapes where one can watch them, and on the real task."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from zhanr.lab.studies.material import Material
from zhanr.lab.studies.study import Case, Scores, Study
from zhanr.lab.studies.training import BASE, Training, configure
from zhanr.lab.training.landscapes import LANDSCAPES, Journey, Landscape, journey

DECAY = 1e-4
SMOOTH = {"alpha": 0.99}
"""A longer memory than the usual 0.9, with which this task does not get off the ground; see configs/paper.toml."""

# by name in OPTIMISERS: its title, the learning rates to try, and other settings
TRIED: dict[str, tuple[str, tuple[float, ...], dict[str, Any]]] = {
    "sgd": ("SGD", (0.03, 0.1, 0.3), {}),
    "momentum": ("momentum", (0.01, 0.03, 0.1), {}),
    "nesterov": ("Nesterov", (0.01, 0.03, 0.1), {}),
    "adagrad": ("Adagrad", (0.003, 0.01, 0.03), {}),
    "adadelta": ("Adadelta", (0.3, 1.0, 3.0), {}),
    "rmsprop": ("RMSprop", (1.5e-4, BASE["optimizer"]["lr"], 1.5e-3), {"options": SMOOTH}),
    "adam": ("Adam", (3e-4, 1e-3, 3e-3), {}),
    "adamw": ("AdamW", (3e-4, 1e-3, 3e-3), {"weight_decay": 1e-2}),
    "rmsprop_paper": ("RMSprop, written out", (BASE["optimizer"]["lr"],), {"options": SMOOTH}),
}
WATCHED = tuple(name for name in TRIED if name not in ("adamw", "rmsprop_paper"))
"""Without weight decay AdamW is Adam; and RMSprop goes the same way in both forms."""


def training(material: Material, name: str, lr: float, seed: int) -> Training:
    """The base's training with another optimiser."""
    settings = {"name": name, "lr": lr, "weight_decay": DECAY, "options": {}} | TRIED[name][2]
    return Training(configure(material, seed, optimizer=settings), material.train, material.valid)


def cases(material: Material) -> list[Case]:
    """Every optimiser with every rate; quick: with the middle one."""
    return [
        Case(f"rate {lr:g}", partial(training, material, name, lr), x=lr, series=title)
        for name, (title, rates, _) in TRIED.items()
        for lr in (rates[len(rates) // 2 :][:1] if material.quick else rates)
    ]


def extra(measured: Sequence[tuple[Case, Scores]], folder: Path) -> list[str]:
    """The best rate of each optimiser, and the landscapes."""
    said = "The best of the rates that were tried. Where it is the lowest or highest, one beyond may be better still."
    lines = ["## Each at its best rate", "", said, "", *best_rates(measured)]
    for name, landscape in LANDSCAPES.items():
        journeys = {TRIED[optimiser][0]: journey(landscape, optimiser) for optimiser in WATCHED}
        _draw(landscape, journeys, folder / f"optimisers-{name}")
        lines += ["", f"## {landscape.title}", "", *_about(name, landscape, journeys)]
    return ["\n".join(lines)]


def best_rates(measured: Sequence[tuple[Case, Scores]]) -> Iterator[str]:
    """A table with a row for each optimiser: the rate with the best mean over the seeds."""
    found: dict[str, dict[float, list[float]]] = {}
    for case, scores in measured:
        found.setdefault(case.series, {}).setdefault(case.x or 0.0, []).append(scores["song_accuracy"])
    best = {title: max(rates.items(), key=lambda row: statistics.fmean(row[1])) for title, rates in found.items()}
    yield "| optimiser | rate | songs right | by seed |"
    yield "|---|---:|---:|---:|"
    for title, (lr, values) in sorted(best.items(), key=lambda row: -statistics.fmean(row[1][1])):
        by_seed = ", ".join(f"{100 * v:.1f}" for v in values)
        tried = found[title] if len(found[title]) > 1 else [0.0]
        end = " (lowest)" if lr == min(tried) else " (highest)" if lr == max(tried) else ""
        yield f"| {title} | {lr:g}{end} | {100 * statistics.fmean(values):.1f} % | {by_seed} |"


def _draw(landscape: Landscape, journeys: Mapping[str, Journey], stem: Path) -> None:
    from zhanr.lab.plots.paths import animate, trajectories

    paths = {title: found.path for title, found in journeys.items()}
    title = f"{landscape.title}: {landscape.formula}"
    ranges: dict[str, Any] = {"x_range": landscape.x_range, "y_range": landscape.y_range}
    trajectories(landscape.height, paths, stem.with_suffix(".png"), title=title, **ranges)
    animate(landscape.height, paths, stem.with_suffix(".gif"), title=title, **ranges)


def _about(name: str, landscape: Landscape, journeys: Mapping[str, Journey]) -> Iterator[str]:
    """Pictures, and a table of when each arrived."""
    yield f"![{landscape.title}](optimisers-{name}.gif)"
    yield ""
    yield (
        f"The height is {landscape.formula}, the start {landscape.start}. Those that step by the gradient have "
        "one rate, and those that divide it by its own size another. "
        f"[The same as one picture](optimisers-{name}.png)."
    )
    yield ""
    yield f"| optimiser | rate | steps to {landscape.goal} |"
    yield "|---|---:|---:|"
    late = landscape.steps + 1
    for title, found in sorted(journeys.items(), key=lambda row: late if row[1].arrived is None else row[1].arrived):
        arrived = f"more than {landscape.steps}" if found.arrived is None else str(found.arrived)
        yield f"| {title} | {found.lr:.3g} | {arrived} |"


OPTIMISERS = Study(
    name="optimisers",
    title="Optimisers",
    question="Does RMSprop, the paper's choice, do better than the others; and how do they behave at a saddle point "
    "and in a long valley, the paper's two animations?",
    protocol="Fault-filtered split of GTZAN: the base's network (the paper's, at half its width) trained on its "
    "training part, scored on its validation part, which also chose the epoch. The best of three rates is chosen on it "
    "as well, so that the scores are optimistic, and alike for all. The rate warms up and falls along a cosine; "
    "gradients are clipped to a norm of 5.",
    cases=cases,
    xlabel="learning rate",
    log_x=True,
    notes=(
        "Weight decay is 1e-4, and 1e-2 for AdamW, where it is not scaled by the gradients. Every optimiser is torch's "
        "own but the last, the paper's formula written out (`zhanr.lab.training.rmsprop`): equal to torch's to "
        "the precision of the numbers. What rounding grows to in ten epochs is all that tells their two rows apart, so "
        "that single seeds, and rows, that differ by no more than these two do are to be taken for equal.",
    ),
    extra=extra,
)
