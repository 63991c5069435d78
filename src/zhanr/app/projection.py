"""A map of the library: embeddings as points of a plane, where songs that sound alike lie side by side.

The two principal components alone lay genres over each other, so they are only where it begins. From there t-SNE moves
each song towards its nearest neighbours and away from all others (van der Maaten and Hinton, "Visualizing Data using
t-SNE", 2008). What pushes is computed on a grid with the fast Fourier transform (Linderman et al., "Fast
interpolation-based t-SNE", 2019), so that the work grows with the number of songs and not with its square. There is no
randomness: the same songs give the same map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT = 20_000
"""Songs on one map; of more, a part is taken, evenly."""
FEW = 30
NEIGHBOURS = 15
CELL = 0.5
"""The width of the grid's cells, in units of the kernel 1 / (1 + d²), which is that wide itself."""
MARGIN = 4
WHOLE = 3_000
"""Up to so many songs, neighbours are looked for among all."""
STEPS = 180
EXAGGERATED = 60
"""So many steps at first pull `EXAGGERATION` times as hard: groups form before they push each other apart."""
EXAGGERATION = 12.0
FARTHEST = 5.0
"""How far a song may move in a step; where a few are piled up, the slope would throw them out of the map."""

Floats = NDArray[np.float64]
Progress = Callable[[float], Any]


def sample(n: int, limit: int = LIMIT) -> NDArray[np.int64]:
    """Which of n songs are on the map, (<= limit,): all, or evenly spaced ones."""
    return np.arange(n) if n <= limit else np.linspace(0, n - 1, limit).round().astype(np.int64)


def principal(embeddings: NDArray[Any]) -> Floats:
    """The first two principal components (n, 2) of embeddings (n, d), each scaled to a standard deviation of 1."""
    x = _unit(embeddings)
    if not len(x):
        return np.zeros((0, 2))
    x -= x.mean(axis=0)
    _, vectors = np.linalg.eigh(x.T @ x)
    first = vectors[:, ::-1][:, :2]
    first = first * np.where(first[np.abs(first).argmax(axis=0), range(first.shape[1])] < 0, -1, 1)
    points = np.zeros((len(x), 2))
    points[:, : first.shape[1]] = x @ first
    result: Floats = points / np.maximum(points.std(axis=0), 1e-12)
    return result


def project(embeddings: NDArray[Any], *, steps: int = STEPS, progress: Progress | None = None) -> Floats:
    """Points (n, 2), each coordinate from 0 to 1, for embeddings (n, d). `progress` hears how much is done, 0 to 1.

    Directions count and lengths don't, as in `similar`. Fewer than `FEW` songs lie at their principal components.
    """
    points = principal(embeddings)
    if len(points) >= FEW:
        edges = _edges(_unit(embeddings), min(NEIGHBOURS, len(points) - 2))
        points = _descend(1e-2 * points, edges, steps, progress or (lambda _: None))
    return _framed(points)


def _unit(embeddings: NDArray[Any]) -> Floats:
    x = np.asarray(embeddings, np.float64)
    result: Floats = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    return result


def _framed(points: Floats) -> Floats:
    if not len(points):
        return points
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.maximum(high - low, 1e-12)
    result: Floats = np.where(high > low, (points - low) / span, 0.5)
    return result


@dataclass(frozen=True)
class Edges:
    """For each song its nearest ones (n, k), and how strongly they pull: (n, k), of sum 1 over all."""

    nearest: NDArray[np.intp]
    strength: Floats


def _edges(x: Floats, k: int) -> Edges:
    nearest, squared = _nearest(x.astype(np.float32), k)
    strength = _strengths(squared.astype(np.float64), perplexity=k / 3)
    return Edges(nearest, strength / len(x))


def _nearest(x: NDArray[np.float32], k: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The k nearest rows of each row (n, k), and their squared distances; nearly always the very nearest.

    Many rows are divided among some of them, and each is compared with the rows of the closest divisions only.
    """
    rows = np.empty((len(x), k), np.intp)
    squared = np.empty((len(x), k), np.float32)
    for some, others in _divisions(x, k):
        part = 2 - 2 * x[some] @ x[others].T
        part[some[:, None] == others] = np.inf
        near = np.argpartition(part, k - 1, axis=1)[:, :k]
        rows[some] = others[near]
        squared[some] = np.maximum(np.take_along_axis(part, near, axis=1), 0)
    return rows, squared


def _divisions(x: NDArray[np.float32], k: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Groups of rows, and for each the rows among which to look for their neighbours: more than k."""
    n = len(x)
    if n <= WHOLE:
        yield np.arange(n), np.arange(n)
        return
    middles = x[sample(n, int(n**0.5))]
    home = np.argmax(x @ middles.T, axis=1)
    order = np.argsort(home, kind="stable")
    members = np.split(order, np.searchsorted(home[order], np.arange(1, len(middles))))
    for middle, group in zip(middles, members, strict=True):
        closest = np.argsort(-(middles @ middle), kind="stable")
        enough = np.searchsorted(np.cumsum([len(members[c]) for c in closest]), 12 * (n // len(middles)) + k) + 1
        others = np.concatenate([members[c] for c in closest[:enough]])
        for start in range(0, len(group), 512):
            yield group[start : start + 512], others


def _strengths(squared: Floats, perplexity: float) -> Floats:
    """exp(-b d²), normalised in each row, with the b that makes the row's perplexity what is asked for."""
    squared = squared - squared.min(axis=1, keepdims=True)
    low, high = np.full(len(squared), -20.0), np.full(len(squared), 30.0)  # of log b
    for _ in range(40):
        middle = (low + high) / 2
        p: Floats = np.exp(-np.exp(middle)[:, None] * squared)
        p /= p.sum(axis=1, keepdims=True)
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return p


def _descend(y: Floats, edges: Edges, steps: int, progress: Progress) -> Floats:
    """Gradient descent with momentum and gains of their own for each number (Jacobs, 1988), as t-SNE does it."""
    rate = len(y) / EXAGGERATION
    update, gains = np.zeros_like(y), np.ones_like(y)
    grid = _Grid()
    for step in range(steps):
        early = step < EXAGGERATED
        slope = 4 * (_pull(y, edges) * (EXAGGERATION if early else 1.0) - grid.push(y))
        same = np.sign(slope) == np.sign(update)
        gains = np.maximum(np.where(same, gains * 0.8, gains + 0.2), 0.01)
        update = (0.5 if early else 0.8) * update - rate * gains * slope
        update = np.clip(update, -FARTHEST, FARTHEST)
        y = y + update
        y -= y.mean(axis=0)
        progress((step + 1) / steps)
    return y


def _pull(y: Floats, edges: Edges) -> Floats:
    """What draws songs to their neighbours, and these to them: sum of p (y_i - y_j) / (1 + d²)."""
    to = edges.nearest.ravel()
    apart = [axis[:, None] - axis[edges.nearest] for axis in np.ascontiguousarray(y.T)]
    weight = edges.strength / (1 + apart[0] ** 2 + apart[1] ** 2)
    forces = [weight * axis for axis in apart]
    result = [force.sum(axis=1) - np.bincount(to, force.ravel(), len(y)) for force in forces]
    return np.stack(result, axis=1) / 2


class _Grid:
    """Sums over all pairs of songs, of kernels of their distance: spread on a grid, convolved there, read off again."""

    def __init__(self) -> None:
        self._size = 0

    def push(self, y: Floats) -> Floats:
        """What keeps all songs apart: sum of q² (y_i - y_j), divided by the sum of q, with q = 1 / (1 + d²)."""
        origin = y.min(axis=0) - MARGIN * CELL
        self._prepare(int((np.ptp(y, axis=0).max()) / CELL) + 2 * MARGIN)
        place = (y - origin) / CELL
        corner = place.astype(np.intp)
        weights, cells = self._corners(place - corner, corner)
        mass = np.bincount(cells.ravel(), weights.ravel(), self._size**2).reshape(self._size, self._size)
        spectrum = np.fft.rfft2(mass, s=(2 * self._size, 2 * self._size))
        fields = np.fft.irfft2(spectrum * self._kernels, s=(2 * self._size, 2 * self._size))
        fields = fields[:, : self._size, : self._size].reshape(3, -1)
        total, x, z = (np.einsum("ij,ij->j", weights, field[cells]) for field in fields)
        result: Floats = np.stack([x, z], axis=1) / max(float(total.sum()) - len(y), 1e-12)
        return result

    def _corners(self, part: Floats, corner: NDArray[np.intp]) -> tuple[Floats, NDArray[np.intp]]:
        """How much of each point each of the four nodes around it gets, and which these are: both (4, n)."""
        u, v = part.T
        weights = np.stack([(1 - u) * (1 - v), (1 - u) * v, u * (1 - v), u * v])
        first = corner[:, 0] * self._size + corner[:, 1]
        return weights, np.stack([first, first + 1, first + self._size, first + self._size + 1])

    def _prepare(self, needed: int) -> None:
        """Make the kernels' spectra for a grid of at least so many nodes a side, in steps so that it is rare."""
        if needed <= self._size:
            return
        self._size = -(-needed // 32) * 32
        nodes = np.arange(2 * self._size)
        offset = np.where(nodes < self._size, nodes, nodes - 2 * self._size) * CELL
        x, z = np.meshgrid(offset, offset, indexing="ij")
        q = 1 / (1 + x**2 + z**2)
        self._kernels = np.fft.rfft2(np.stack([q, q**2 * x, q**2 * z]))
