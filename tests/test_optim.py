"""RMSprop written out against torch's, and the ways of all optimisers down two landscapes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from zhanr.errors import ConfigError
from zhanr.lab.plots import paths
from zhanr.lab.studies import optimisers as study
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.study import Case, Scores
from zhanr.lab.training import checkpoint
from zhanr.lab.training.config import OptimizerConfig
from zhanr.lab.training.landscapes import LANDSCAPES, Journey, descend, journey
from zhanr.lab.training.optim import OPTIMISERS, make_optimizer

ISSUE = {"rmsprop_paper", "rmsprop", "sgd", "momentum", "nesterov", "adagrad", "adadelta", "adam", "adamw"}
STEPS = 300


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def network() -> nn.Module:
    """No bias before a normalisation: its gradient is rounding noise, which RMSprop blows up to full steps."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv1d(3, 4, 3, bias=False), nn.BatchNorm1d(4), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 6, 3)
    )


def train(model: nn.Module, optimizer: torch.optim.Optimizer, first: int, last: int) -> None:
    """Steps `first` to `last` of a training in which every batch follows from its number."""
    for step in range(first, last):
        generator = torch.Generator().manual_seed(step)
        x, y = torch.randn(8, 3, 8, generator=generator), torch.randint(3, (8,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def optimizer_of(model: nn.Module, name: str, **options: Any) -> torch.optim.Optimizer:
    return make_optimizer(model, OptimizerConfig(name, lr=1e-3, weight_decay=0.01, options=options))


@pytest.mark.parametrize("options", [{}, {"alpha": 0.99, "eps": 1e-3}, {"alpha": 0.0}], ids=str)
def test_rmsprop_as_the_paper_writes_it_is_torchs(options: dict[str, Any]) -> None:
    ours, theirs = network(), network()
    train(ours, optimizer_of(ours, "rmsprop_paper", **options), 0, STEPS)
    train(theirs, optimizer_of(theirs, "rmsprop", **options), 0, STEPS)
    start = network().state_dict()
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-5, atol=1e-6)
        assert not torch.equal(value, start[name])  # and they did go somewhere


def test_its_first_steps_are_those_of_the_formula() -> None:
    w = nn.Parameter(torch.tensor([2.0, -3.0], dtype=torch.float64))
    optimizer = OPTIMISERS["rmsprop_paper"].create([w], lr=0.1, alpha=0.9, eps=0.0)
    mean, expected = np.zeros(2), np.array([2.0, -3.0])
    for _ in range(4):
        optimizer.zero_grad()
        (w**2).sum().backward()  # type: ignore[no-untyped-call]
        g = 2 * expected
        mean = 0.9 * mean + 0.1 * g**2
        expected = expected - 0.1 * g / np.sqrt(mean)
        optimizer.step()
        np.testing.assert_allclose(w.detach().numpy(), expected, rtol=1e-12)


def test_it_resumes_from_a_checkpoint_to_the_last_bit(tmp_path: Path) -> None:
    whole = network()
    train(whole, optimizer_of(whole, "rmsprop_paper"), 0, 40)
    first = network()
    train(first, optimizer := optimizer_of(first, "rmsprop_paper"), 0, 25)
    tensors, numbers = checkpoint.flatten_optimizer(optimizer)
    assert tensors
    checkpoint.save(tmp_path / "half", tensors, numbers)
    second = copy.deepcopy(first)
    checkpoint.restore_optimizer(again := optimizer_of(second, "rmsprop_paper"), *checkpoint.load(tmp_path / "half"))
    train(second, again, 25, 40)
    fresh = copy.deepcopy(first)
    train(fresh, optimizer_of(fresh, "rmsprop_paper"), 25, 40)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), second.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(whole.parameters(), fresh.parameters(), strict=True))


def test_it_leaves_alone_what_has_no_gradient_and_takes_no_closure() -> None:
    still, moved = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = OPTIMISERS["rmsprop_paper"].create([still, moved], lr=0.1)
    moved.sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert still.tolist() == [1, 1]
    assert moved.tolist() != [1, 1]
    with pytest.raises(ValueError, match="closure"):
        optimizer.step(lambda: 0.0)


def test_an_impossible_share_is_named() -> None:
    with pytest.raises(ConfigError, match=r"rmsprop_paper: alpha must be in \[0, 1\), got 1\.5"):
        optimizer_of(network(), "rmsprop_paper", alpha=1.5)


def test_all_optimisers_of_the_paper_are_there() -> None:
    assert set(OPTIMISERS) >= ISSUE


def test_nesterov_momentum_and_plain_descent_differ() -> None:
    ends = {
        name: descend(LANDSCAPES["valley"], name, lr=0.05, steps=20)[-1] for name in ("sgd", "momentum", "nesterov")
    }
    assert len({tuple(end.round(6)) for end in ends.values()}) == 3


# ---- landscapes


@pytest.fixture(scope="module")
def journeys() -> dict[str, dict[str, Journey]]:
    return {name: {o: journey(landscape, o) for o in sorted(ISSUE)} for name, landscape in LANDSCAPES.items()}


@pytest.mark.parametrize("name", sorted(LANDSCAPES))
def test_all_go_downhill_from_one_start(name: str, journeys: dict[str, dict[str, Journey]]) -> None:
    landscape = LANDSCAPES[name]
    for found in journeys[name].values():
        assert found.path.shape == (landscape.steps + 1, 2)
        assert found.path[0].tolist() == list(landscape.start)
        assert 0.01 < np.hypot(*(found.path[1] - found.path[0])) < 0.35
        assert landscape.height(*found.path[-1]) < landscape.height(*landscape.start)


def test_descent_stays_at_the_saddle_where_others_leave(journeys: dict[str, dict[str, Journey]]) -> None:
    steps = {name: found.arrived for name, found in journeys["saddle"].items()}
    assert steps["sgd"] is None
    for quick in ("adam", "rmsprop", "adadelta"):  # a step of about the same length on every axis, however flat it is
        assert (steps[quick] or 1000) < 100


def test_descent_crawls_through_the_valley_where_momentum_runs(journeys: dict[str, dict[str, Journey]]) -> None:
    x = {name: abs(found.path[-1, 0]) for name, found in journeys["valley"].items()}
    assert x["momentum"] < 0.1 * x["sgd"]
    assert x["adam"] < 0.1 * x["sgd"]


@pytest.mark.parametrize("name", sorted(LANDSCAPES))
def test_rmsprop_goes_the_same_way_in_both_forms(name: str, journeys: dict[str, dict[str, Journey]]) -> None:
    np.testing.assert_allclose(journeys[name]["rmsprop_paper"].path, journeys[name]["rmsprop"].path, rtol=1e-9)


def test_arriving_is_the_first_step_there(journeys: dict[str, dict[str, Journey]]) -> None:
    landscape, found = LANDSCAPES["valley"], journeys["valley"]["adam"]
    assert found.arrived is not None
    assert landscape.height(*found.path[found.arrived]) < 0.01 <= landscape.height(*found.path[found.arrived - 1])
    assert journeys["valley"]["sgd"].arrived is None


# ---- the study


def test_the_study_tries_every_optimiser_at_several_rates(tmp_path: Path) -> None:
    cases = study.OPTIMISERS.cases(Material(tmp_path))
    assert set(study.TRIED) == ISSUE
    for name, (title, rates, _) in study.TRIED.items():
        assert [case.x for case in cases if case.series == title] == list(rates)
        make_optimizer(network(), OptimizerConfig(name, **{"lr": rates[0]} | study.TRIED[name][2]))
    quick = study.OPTIMISERS.cases(Material(tmp_path, quick=True))
    assert {case.series for case in quick} == {case.series for case in cases}


def measured(*rows: tuple[str, float, float]) -> list[tuple[Case, Scores]]:
    task: Any = None  # none of these is run
    return [(Case(f"rate {x:g}", task, x=x, series=name), {"song_accuracy": y}) for name, x, y in rows]


def test_the_best_rate_is_the_one_with_the_best_mean() -> None:
    rows = measured(("A", 0.1, 0.4), ("A", 0.1, 0.6), ("A", 1, 0.7), ("A", 1, 0.1), ("B", 1, 0.55))
    first, second = list(study.best_rates(rows))[2:]
    assert first == "| B | 1 | 55.0 % | 55.0 |"
    assert second == "| A | 0.1 (lowest) | 50.0 % | 40.0, 60.0 |"


def test_the_page_shows_both_landscapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    for function in ("animate", "trajectories"):
        monkeypatch.setattr(paths, function, lambda _height, _paths, path, **_: drawn.append(path.name))
    (text,) = study.extra(measured(("Adam", 0.1, 0.5)), tmp_path)
    names = set(drawn)
    assert names == {f"optimisers-{name}{end}" for name in LANDSCAPES for end in (".gif", ".png")}
    assert all(f"({name})" in text for name in names)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {4, 5}  # no cell holds a bar of its own
    assert text.count("| SGD |") == 2
