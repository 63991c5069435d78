"""The map of the library: neighbours stay together, groups come apart, and it is the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from zhanr.app import projection
from zhanr.app.projection import principal, project, sample


def groups(
    n: int, *, k: int = 6, d: int = 20, noise: float = 0.25, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Songs (n, d) of k kinds, whose middles differ in more than two directions, and their kinds (n,)."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(k, size=n)
    return rng.normal(size=(k, d))[kinds] + noise * rng.normal(size=(n, d)), kinds


def alike(points: NDArray[np.float64], kinds: NDArray[np.int64], k: int = 8) -> float:
    """The share of each point's k nearest that are of its kind."""
    apart = ((points[:, None] - points) ** 2).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    near = np.argsort(apart, axis=1)[:, :k]
    return float((kinds[near] == kinds[:, None]).mean())


def test_neighbours_stay_together_where_two_principal_components_lose_them() -> None:
    x, kinds = groups(400, k=12, noise=0.5)
    assert alike(project(x), kinds) > 0.95
    assert alike(principal(x), kinds) < 0.85


@pytest.mark.parametrize("n", [0, 1, 2, 3, 29, 30, 31, 60, 150])
def test_any_number_of_songs_fits_the_frame(n: int) -> None:
    points = project(groups(n)[0])
    assert points.shape == (n, 2)
    assert np.isfinite(points).all()
    assert ((points >= 0) & (points <= 1)).all()
    if n > 1:
        np.testing.assert_allclose([points.min(axis=0), points.max(axis=0)], [[0, 0], [1, 1]])


@pytest.mark.parametrize("x", [np.zeros((40, 8)), np.ones((40, 8)), np.repeat(groups(10)[0], 8, axis=0)])
def test_equal_songs_are_no_trouble(x: NDArray[np.float64]) -> None:
    assert np.isfinite(project(x)).all()


def test_the_same_songs_give_the_same_map_and_lengths_do_not_count() -> None:
    x, _ = groups(120)
    first = project(x)
    np.testing.assert_array_equal(first, project(x.copy()))
    np.testing.assert_allclose(project(x * 4), first, atol=1e-9)


def test_progress_is_told() -> None:
    told: list[float] = []
    project(groups(60)[0], steps=10, progress=told.append)
    assert told == pytest.approx([i / 10 for i in range(1, 11)])


def test_neighbours_among_many_songs_are_nearly_all_found(monkeypatch: pytest.MonkeyPatch) -> None:
    x = projection._unit(groups(1500, k=30)[0]).astype(np.float32)
    exact, squared = projection._nearest(x, 10)
    expected = ((x[:, None] - x[exact]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(squared, expected, atol=1e-5)
    assert not (exact == np.arange(len(x))[:, None]).any()
    monkeypatch.setattr(projection, "WHOLE", 100)
    quick, _ = projection._nearest(x, 10)
    assert not (quick == np.arange(len(x))[:, None]).any()
    found = [len(set(a) & set(b)) / 10 for a, b in zip(exact.tolist(), quick.tolist(), strict=True)]
    assert np.mean(found) > 0.8


@pytest.mark.parametrize(("cell", "error"), [(projection.CELL, 0.12), (0.1, 0.01)])
def test_what_pushes_on_the_grid_is_what_pushes_between_all_pairs(
    monkeypatch: pytest.MonkeyPatch, cell: float, error: float
) -> None:
    monkeypatch.setattr(projection, "CELL", cell)
    y = np.random.default_rng(1).normal(size=(300, 2)) * 6
    apart = y[:, None] - y
    q = 1 / (1 + (apart**2).sum(axis=-1))
    np.fill_diagonal(q, 0)
    exact = (q[..., None] ** 2 * apart).sum(axis=1) / q.sum()
    assert np.linalg.norm(projection._Grid().push(y) - exact) < error * np.linalg.norm(exact)


def test_a_sample_is_even_and_whole_where_it_can_be() -> None:
    assert sample(5).tolist() == [0, 1, 2, 3, 4]
    some = sample(1000, limit=10)
    assert len(set(some.tolist())) == 10
    assert (some[0], some[-1]) == (0, 999)
    assert set(np.diff(some).tolist()) == {111}
