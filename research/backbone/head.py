"""Fitting the head: a radial-basis network by regularised least squares, and an embedding white within the genres."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from research.backbone.network import EMBEDDING_SIZE, ClassicFrames, Tower
from zhanr.aggregate import log_softmax
from zhanr.lab.datasets import gtzan

Array = NDArray[Any]
Head = tuple[Array, Array]
"""Weights (centres, genres) and bias (genres,)."""

GENRES = gtzan.GENRES
CHANNELS = Tower.channels + ClassicFrames.channels
LOGIT_SCALE = 8.0  # least-squares scores lie in about 0..1
N_FOLDS = 5
COPIES = ("shifted", "filtered", "filtered")  # augmented windows to fit on; the spoilt ones count twice


@dataclass(frozen=True)
class Settings:
    """Share of the tower in squared distances, width of the Gaussians, ridge, share of values held on either side."""

    tower_share: float = 0.7
    gamma: float = 0.35
    ridge: float = 0.4
    cut: float = 0.1


@dataclass(frozen=True)
class Rows:
    """Training or scoring rows: features (m, d), the excerpt each belongs to (m,), weights (m,)."""

    x: Array
    excerpt: Array
    weight: Array


class Problem:
    """The standardised features of all excerpts, and everything that is fitted on them.

    `use` (n,) bool is throughout the excerpts to fit on.
    """

    def __init__(self, data: dict[str, Array], settings: Settings) -> None:
        self.names, self.n = data["names"], len(data["names"])
        self.y = np.array([GENRES.index(label) for label in data["labels"]])
        self.artists = artist_groups(self.names.tolist())
        self.settings = settings
        self.mean, self.scale = standardisation(data["whole"], settings)
        self.centres = self.standardise(data["whole"])
        seen = np.concatenate([data["whole"], data["windows"].reshape(-1, data["whole"].shape[1])])
        self.low, self.high = np.quantile(self.standardise(seen), [settings.cut, 1 - settings.cut], axis=0)
        self.middle = self.centres.mean(axis=0)
        self.axes = np.linalg.svd(self.centres - self.middle, full_matrices=False)[2][:EMBEDDING_SIZE].T
        self._take_rows(data)

    def _take_rows(self, data: dict[str, Array]) -> None:
        excerpts = np.arange(self.n)
        self.windows = self.rows(data["windows"], excerpts)
        self.clips = {key: self.rows(data[f"clip_{key}"], data["clip_row"]) for key in ("clean", "degraded")}
        self.clip_frames = np.zeros(self.n)
        self.clip_frames[data["clip_row"]] = data["clip_frames"]
        self.other = self.standardise(data["other"])
        copies = [self.rows(data[key], excerpts) for key in COPIES]
        self.training = [self.rows(data["whole"][:, None], excerpts), *copies, *self.clips.values()]

    @property
    def everything(self) -> Array:
        """All excerpts, (n,) bool."""
        return np.ones(self.n, bool)

    def standardise(self, features: Array) -> Array:
        """Features in units whose squared distances are the exponents of the Gaussians."""
        return ((features - self.mean) * self.scale).astype(np.float32)

    def hold(self, x: Array) -> Array:
        """Standardised features within the middle of their range: what the Gaussians see.

        An equaliser, a codec or another collection moves few features far; held, they can't decide (winsorising).
        """
        held: Array = np.clip(x, self.low, self.high).astype(np.float32)
        return held

    def likeness(self, x: Array, use: Array) -> Array:
        """Likeness of features (m, d) to the excerpts `use`: (m, sum of use) in 0..1."""
        return gaussian(self.hold(x), self.hold(self.centres[use]))

    def rows(self, features: Array, excerpts: Array) -> Rows:
        """Rows of one kind; together those of an excerpt weigh 1."""
        if features.ndim == 3:
            excerpts = np.repeat(excerpts, features.shape[1])
            features = features.reshape(-1, features.shape[-1])
        return Rows(self.standardise(features), excerpts, 1 / np.bincount(excerpts, minlength=self.n)[excerpts])

    def folds(self, seed: int) -> Array:
        """The fold of each excerpt, (n,); an artist's are all in one."""
        fold = np.empty(self.n, int)
        splitter = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=seed)
        for number, (_, test) in enumerate(splitter.split(self.y, self.y, self.artists)):
            fold[test] = number
        return fold

    def fit(self, use: Array) -> Head:
        """Regularised least squares on one-hot genres."""
        n_centres = int(use.sum())
        targets = np.eye(len(GENRES))[self.y]
        bias = targets[use].mean(axis=0)
        left = self.settings.ridge * self.likeness(self.centres[use], use) + 1e-4 * np.eye(n_centres)
        right = np.zeros((n_centres, len(GENRES)))
        for rows in self.training:
            mine = use[rows.excerpt]
            kernel = self.likeness(rows.x[mine], use)
            weighted = kernel.T * rows.weight[mine]
            left += weighted @ kernel
            right += weighted @ (targets[rows.excerpt[mine]] - bias)
        return np.linalg.solve(left, right), bias

    def log_probabilities(self, x: Array, use: Array, head: Head) -> Array:
        """What the head fitted on `use` says of features (m, d): (m, genres)."""
        weights, bias = head
        return log_softmax(LOGIT_SCALE * (self.likeness(x, use) @ weights + bias))

    def whiten(self, use: Array) -> tuple[Array, Array]:
        """Projection (d, 40) whose axes are white within the genres, and the genres' means there (genres, 40)."""
        points, y = (self.centres[use] - self.middle) @ self.axes, self.y[use]
        means = {genre: points[y == genre].mean(axis=0) for genre in np.unique(y)}
        rest = points - np.array([means[genre] for genre in y])
        covariance = rest.T @ rest / len(rest)
        mixed = 0.9 * covariance + 0.1 * np.trace(covariance) / EMBEDDING_SIZE * np.eye(EMBEDDING_SIZE)
        white = np.linalg.cholesky(np.linalg.inv(mixed))
        return self.axes @ white, np.array(list(means.values())) @ white

    def embed(self, x: Array, projection: Array) -> Array:
        """Features (m, d) -> embedding (m, 40)."""
        return (x - self.middle) @ projection

    def distance(self, rows: Rows, use: Array) -> Array:
        """Squared distance of each excerpt's mean embedding to the nearest genre, per dimension, (n,)."""
        projection, means = self.whiten(use)
        return nearest(self.aggregate(rows, self.embed(rows.x, projection)), means)

    def aggregate(self, rows: Rows, values: Array) -> Array:
        """Mean of the rows' values (m, k) for each excerpt, (n, k); zero for excerpts without rows."""
        total = np.zeros((self.n, values.shape[1]))
        np.add.at(total, rows.excerpt, values * rows.weight[:, None])
        return total


def artist_groups(names: Iterable[str]) -> Array:
    """A number per artist; an excerpt of an unknown artist is its own group.

    The numbers, and so the spelling that orders them, decide how the folds fall.
    """
    known = gtzan.artists()
    plain = {name: re.sub("[^a-z0-9]|the ", "", artist.lower().replace("&", "and")) for name, artist in known.items()}
    return np.unique([plain.get(name) or name for name in names], return_inverse=True)[1]


def standardisation(features: Array, settings: Settings) -> tuple[Array, Array]:
    """Mean and scale per feature, so that squared distances are gamma times a mean of squared z-scores."""
    of_tower = np.tile(np.arange(CHANNELS) < Tower.channels, 2)
    share = np.where(of_tower, settings.tower_share / of_tower.sum(), (1 - settings.tower_share) / (~of_tower).sum())
    return features.mean(axis=0), np.sqrt(settings.gamma * share) / (features.std(axis=0) + 1e-6)


def gaussian(a: Array, b: Array) -> Array:
    """(n, d), (m, d) -> likeness (n, m) in 0..1."""
    return np.exp(-squared_distances(a, b))


def nearest(embedding: Array, means: Array) -> Array:
    """Squared distance to the nearest mean, per dimension: (n, d), (genres, d) -> (n,)."""
    return squared_distances(embedding, means).min(axis=1) / EMBEDDING_SIZE


def squared_distances(a: Array, b: Array) -> Array:
    """(n, d), (m, d) -> (n, m)."""
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0).astype(np.float64)
