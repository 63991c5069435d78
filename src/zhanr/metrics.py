"""Scores of a classifier, as pure NumPy functions. Each one names its formula and where it comes from.

Throughout, n is the number of songs and k the number of genres. `truth` and `predicted` are (n,) integers in 0..k-1,
`confidence` is (n,) in 0..1 (the probability of the answer that was given) and `correct` is (n,) of 0/1 or booleans.
A score of nothing has no value: every function raises `ValueError` for n == 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zhanr.aggregate import softmax

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Z95 = 1.959963984540054
"""The standard normal quantile at 0.975: two-sided intervals of 95 %."""

N_BINS = 15
"""Bins of the expected calibration error, as in Guo et al. (2017)."""

SMALLEST_PROBABILITY = 1e-12
"""Probabilities are raised to this before a logarithm, so that one certain error costs 27.6 nats and not infinity."""


def accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Share of right answers, (1/n) sum_i [predicted_i == truth_i]."""
    t, p = _pair(truth, predicted)
    return float(np.mean(t == p))


def wilson_interval(successes: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Confidence interval of a proportion (Wilson 1927, "Probable inference", JASA 22:209-212).

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n) with p = successes / n. Unlike p ± z √(p(1-p)/n) it stays within
    0..1 and keeps its coverage for small n and for p near 0 or 1.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"expected 0 <= successes <= n and n >= 1, got {successes} of {n}")
    p, zz = successes / n, z * z / n
    centre, half = p + zz / 2, math.sqrt(zz * (p * (1 - p) + zz / 4))
    # The bounds at p = 0 and p = 1 are exactly 0 and 1; rounding must not put them a hair beside.
    low = 0.0 if successes == 0 else (centre - half) / (1 + zz)
    high = 1.0 if successes == n else (centre + half) / (1 + zz)
    return low, high


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, k: int) -> Ints:
    """Counts (k, k): row = true genre, column = predicted genre; the sum is n."""
    t, p = _pair(truth, predicted)
    both = np.concatenate([t, p])
    if both.min() < 0 or both.max() >= k:
        raise ValueError(f"genre numbers must lie in 0..{k - 1}, got {both.min()}..{both.max()}")
    return np.bincount(t * k + p, minlength=k * k).reshape(k, k).astype(np.int64)


@dataclass(frozen=True)
class GenreScore:
    """How one genre fared: how often its name was right, how many of its songs were found, and of how many."""

    precision: float
    recall: float
    f1: float
    support: int


def genre_scores(confusion: ArrayLike) -> tuple[GenreScore, ...]:
    """Precision tp/(tp+fp), recall tp/(tp+fn) and F1 = 2tp/(2tp+fp+fn) (van Rijsbergen 1979), one per row of (k, k).

    A ratio with nothing below the line (a genre never predicted, or never seen) is 0, as in scikit-learn.
    """
    c = np.asarray(confusion, dtype=np.float64)
    hits, seen, said = np.diagonal(c), c.sum(axis=1), c.sum(axis=0)
    precision, recall, f1 = (_ratio(a, b) for a, b in ((hits, said), (hits, seen), (2 * hits, seen + said)))
    return tuple(
        GenreScore(float(p), float(r), float(f), int(s)) for p, r, f, s in zip(precision, recall, f1, seen, strict=True)
    )


def macro_f1(confusion: ArrayLike) -> float:
    """Mean F1 over the genres that occur in the truth, each weighing the same however many songs it has.

    Genres without a single song are left out: music of six genres measures six, whatever else the model knows. (Songs
    wrongly given such a genre still cost their own genre's recall.)
    """
    present = [score.f1 for score in genre_scores(confusion) if score.support]
    if not present:
        raise ValueError("no songs to score")
    return float(np.mean(present))


def negative_log_likelihood(log_probs: ArrayLike, truth: ArrayLike) -> float:
    """Mean of -ln p(true genre) in nats; `log_probs` (n, k) natural logarithms. Equals ln k for a uniform guess."""
    scores, t = _scores(log_probs, truth)
    own = scores[np.arange(len(t)), t]
    return float(np.mean(-np.maximum(own, math.log(SMALLEST_PROBABILITY))))


def brier(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """(1/n) sum_i sum_j (p_ij - [truth_i = j])², 0 (perfect) to 2 (Brier 1950, Monthly Weather Review 78:1-3)."""
    p, t = _scores(probabilities, truth)
    return float(np.mean(np.sum((p - np.eye(p.shape[1])[t]) ** 2, axis=1)))


@dataclass(frozen=True)
class ReliabilityBins:
    """Songs binned by confidence: bin b holds edges[b] < confidence <= edges[b + 1]; means of empty bins are NaN."""

    edges: Floats
    count: Ints
    confidence: Floats
    accuracy: Floats

    @property
    def ece(self) -> float:
        """Expected calibration error: sum_b (count_b / n) |accuracy_b - confidence_b|."""
        filled = self.count > 0
        gap = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(np.sum(self.count[filled] * gap) / np.sum(self.count))


def reliability_bins(confidence: ArrayLike, correct: ArrayLike, n_bins: int = N_BINS) -> ReliabilityBins:
    """Equal-width bins of confidence with their mean confidence and accuracy (the data of a reliability diagram)."""
    conf, hit = _judged(confidence, correct)
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    which = np.clip(np.searchsorted(edges, conf, side="left") - 1, 0, n_bins - 1)
    count = np.bincount(which, minlength=n_bins).astype(np.int64)
    means = [np.bincount(which, weights=w, minlength=n_bins) / np.where(count, count, np.nan) for w in (conf, hit)]
    return ReliabilityBins(edges, count, *means)


def expected_calibration_error(confidence: ArrayLike, correct: ArrayLike, n_bins: int = N_BINS) -> float:
    """Top-label ECE with equal-width bins (Guo et al. 2017, "On calibration of modern neural networks", ICML)."""
    return reliability_bins(confidence, correct, n_bins).ece


def expected_hits(confidence: ArrayLike, correct: ArrayLike) -> Floats:
    """How many of the m surest answers are right, for m = 1..n, shape (n,).

    Answers of equal confidence share their hits evenly (the mean over every order of the tie), so that the result
    depends on neither the order of the songs nor the sort.
    """
    conf, hit = _judged(confidence, correct)
    _, group, size = np.unique(-conf, return_inverse=True, return_counts=True)
    rate = np.bincount(group, weights=hit) / size
    return np.cumsum(np.repeat(rate, size))


def selective_accuracy(confidence: ArrayLike, correct: ArrayLike, coverage: float) -> float:
    """Accuracy when answering only the `coverage` (0..1] most confident songs: the first ceil(coverage n) of them."""
    if not 0 < coverage <= 1:
        raise ValueError(f"coverage must lie in (0, 1], got {coverage}")
    hits = expected_hits(confidence, correct)
    m = max(1, math.ceil(coverage * len(hits) - 1e-9))  # 0.7 * 30 is 21, not 22, whatever the last bit says
    return float(hits[m - 1] / m)


@dataclass(frozen=True)
class RiskCoverage:
    """Share of wrong answers (`risk`) among the surest `coverage` of all songs, both (n,), coverage rising to 1."""

    coverage: Floats
    risk: Floats

    @property
    def area(self) -> float:
        """Mean risk over all coverages (AURC); 0 would be perfect."""
        return float(np.mean(self.risk))


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> RiskCoverage:
    """The risk-coverage curve (Geifman & El-Yaniv 2017, "Selective classification for deep neural networks")."""
    hits = expected_hits(confidence, correct)
    m = np.arange(1, len(hits) + 1)
    return RiskCoverage(m / len(hits), np.maximum(1.0 - hits / m, 0.0))


def threshold_for_precision(confidence: ArrayLike, correct: ArrayLike, precision: float) -> float | None:
    """The lowest confidence t such that the answers with confidence >= t are right at the rate `precision` or better.

    The lowest one answers the most songs. None when even the surest answers don't reach the rate.
    """
    conf, hit = _judged(confidence, correct)
    value, group, size = np.unique(conf, return_inverse=True, return_counts=True)
    hits = np.bincount(group, weights=hit)
    kept, right = np.cumsum(size[::-1])[::-1], np.cumsum(hits[::-1])[::-1]
    good = np.flatnonzero(right >= precision * kept - 1e-9)
    return float(value[good[0]]) if len(good) else None


def auroc(positive: ArrayLike, negative: ArrayLike) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    The rank statistic of Mann & Whitney (1947): (R⁺ - n⁺(n⁺+1)/2) / (n⁺ n⁻), R⁺ the sum of the positives' mid-ranks.
    `positive` (n⁺,) and `negative` (n⁻,) are scores.
    """
    pos, neg = np.ravel(np.asarray(positive, np.float64)), np.ravel(np.asarray(negative, np.float64))
    if not len(pos) or not len(neg):
        raise ValueError("AUROC needs at least one positive and one negative")
    _, group, size = np.unique(np.concatenate([pos, neg]), return_inverse=True, return_counts=True)
    mid_rank = np.cumsum(size) - (size - 1) / 2
    rank_sum = float(np.sum(mid_rank[group[: len(pos)]]))
    return (rank_sum - len(pos) * (len(pos) + 1) / 2) / (len(pos) * len(neg))


def fit_temperature(log_probs: ArrayLike, truth: ArrayLike, *, low: float = 0.05, high: float = 20.0) -> float:
    """The T in `low`..`high` for which softmax(log_probs / T) has the least negative log-likelihood (Guo et al. 2017).

    `log_probs` (n, k) may be logits as well: a softmax does not see what is added to a row. In 1/T the loss is convex
    with the slope mean_i (sum_j p_ij z_ij - z_i,truth), so bisection on the slope's sign finds the one minimum. Where
    the loss falls all the way (every answer right, or none better than chance), the answer is the nearer bound.
    """
    z, t = _scores(log_probs, truth)
    z = np.maximum(z - z.max(axis=1, keepdims=True), math.log(np.finfo(np.float64).tiny))  # an infinity has no mean
    own = z[np.arange(len(t)), t]

    def slope(temperature: float) -> float:
        return float(np.mean(np.sum(softmax(z, temperature=temperature) * z, axis=1) - own))

    a, b = math.log(low), math.log(high)
    for _ in range(60):
        middle = (a + b) / 2
        # A positive slope in 1/T: the probabilities are too sharp here, so T must grow.
        a, b = (middle, b) if slope(math.exp(middle)) > 0 else (a, middle)
    return math.exp((a + b) / 2)


def _ratio(a: Floats, b: Floats) -> Floats:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def _pair(truth: ArrayLike, predicted: ArrayLike) -> tuple[Ints, Ints]:
    t, p = np.asarray(truth, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if t.ndim != 1 or t.shape != p.shape or not len(t):
        raise ValueError(f"expected two (n,) arrays with n >= 1, got {t.shape} and {p.shape}")
    return t, p


def _scores(scores: ArrayLike, truth: ArrayLike) -> tuple[Floats, Ints]:
    s, t = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.int64)
    if s.ndim != 2 or t.shape != s.shape[:1] or not len(t):
        raise ValueError(f"expected (n, k) and (n,) with n >= 1, got {s.shape} and {t.shape}")
    if t.min() < 0 or t.max() >= s.shape[1]:
        raise ValueError(f"genre numbers must lie in 0..{s.shape[1] - 1}, got {t.min()}..{t.max()}")
    return s, t


def _judged(confidence: ArrayLike, correct: ArrayLike) -> tuple[Floats, Floats]:
    conf, hit = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if conf.ndim != 1 or conf.shape != hit.shape or not len(conf):
        raise ValueError(f"expected two (n,) arrays with n >= 1, got {conf.shape} and {hit.shape}")
    return conf, hit
