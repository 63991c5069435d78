"""How good the head is, always out of fold: temperature, thresholds, scores, and the gate for unknown music."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from research.backbone.head import GENRES, LOGIT_SCALE, N_FOLDS, Array, Problem, nearest
from research.backbone.network import EMBEDDING_SIZE
from zhanr import metrics
from zhanr.aggregate import log_softmax, softmax

WINDOW, HOP = 129, 129
PROTOCOL = (
    "5-fold CV over {n} (train + valid), artists kept together, seeds {seeds}; windows of 129 frames side by side, "
    "mean log-probability; the tower is distilled without labels, also on partial audio of 373 of them"
)
GATE = (
    "sum p log p of the calibrated aggregate, minus the smallest squared distance of the mean embedding to a class "
    "mean, over 40"
)
PARENT = {
    "name": "MSD_musicnn, PyPI package musicnn 0.1.0",
    "licence": "ISC",
    "authors": "Jordi Pons, Xavier Serra (MTG-UPF)",
}


def score(problem: Problem, seeds: Sequence[int]) -> dict[str, Any]:
    """Everything the card says: temperature, thresholds and scores."""
    runs = [out_of_fold(problem, seed) for seed in seeds]
    songs, labels = np.concatenate([run["windows"] for run in runs]), np.tile(problem.y, len(runs))
    distance = np.concatenate([run["distance"] for run in runs])
    temperature = metrics.fit_temperature(songs, labels)
    confidence, right = softmax(songs, temperature=temperature).max(axis=1), songs.argmax(axis=1) == labels
    threshold = metrics.threshold_for_precision(confidence, right, 0.95)
    threshold = 1.0 if threshold is None else threshold
    gate = float(np.quantile(gate_scores(songs, distance, temperature)["entropy_and_distance"], 0.05))
    return {
        "labels": list(GENRES),
        "n_centres": problem.n,
        "embedding_size": EMBEDDING_SIZE,
        "window_frames": WINDOW,
        "hop_frames": HOP,
        "aggregation": "mean log-probability, then temperature",
        "temperature": temperature,
        "threshold_95": threshold,
        "gate": {
            "score": GATE,
            "threshold": gate,
            "known_passing_out_of_fold": 0.95,
            "class_means": problem.whiten(problem.everything)[1].round(4).tolist(),
        },
        "head": vars(problem.settings) | {"logit_scale": LOGIT_SCALE},
        "oof": {
            "protocol": PROTOCOL.format(n=problem.n, seeds=list(seeds)),
            **accuracies(problem, runs),
            "ece": metrics.expected_calibration_error(confidence, right),
            "surest": {str(part): metrics.selective_accuracy(confidence, right, part / 100) for part in (50, 70, 90)},
            "kept_at_threshold_95": float((confidence >= threshold).mean()),
            "clips": {key: clip_scores(problem, [run[key] for run in runs]) for key in problem.clips},
            **by_genre(labels, songs.argmax(axis=1), len(runs)),
            "leave_one_genre_out_auroc": unknown_auroc(problem, temperature),
            "precision_at_10": precision_at_10(problem),
        },
        "other_recordings": other_rate(problem, temperature, threshold, gate),
        "parents": [PARENT],
    }


def out_of_fold(problem: Problem, seed: int) -> dict[str, Array]:
    """Log-probabilities (n, 10) of windows and clips, and distance (n,), by the heads that did not see the excerpt."""
    fold = problem.folds(seed)
    kinds = {"windows": problem.windows, **problem.clips}
    log_p = {kind: np.zeros((len(rows.x), len(GENRES))) for kind, rows in kinds.items()}
    distance = np.zeros(problem.n)
    for number in range(N_FOLDS):
        use = fold != number
        head = problem.fit(use)
        distance[~use] = problem.distance(problem.windows, use)[~use]
        for kind, rows in kinds.items():
            mine = ~use[rows.excerpt]
            log_p[kind][mine] = problem.log_probabilities(rows.x[mine], use, head)
    return {kind: problem.aggregate(rows, log_p[kind]) for kind, rows in kinds.items()} | {"distance": distance}


def accuracies(problem: Problem, runs: list[dict[str, Array]]) -> dict[str, Any]:
    """Accuracy over all excerpts, of each seed, and the interval that so many excerpts allow."""
    by_seed = [float((run["windows"].argmax(axis=1) == problem.y).mean()) for run in runs]
    mean = float(np.mean(by_seed))
    interval = metrics.wilson_interval(round(mean * problem.n), problem.n)
    return {
        "accuracy": mean,
        "accuracy_by_seed": by_seed,
        "accuracy_wilson95": [round(bound, 4) for bound in interval],
    }


def clip_scores(problem: Problem, log_p: list[Array]) -> dict[str, float]:
    """Accuracy on real partial audio: all, at least 10 s, shorter."""
    clips = np.flatnonzero(problem.clip_frames)
    right = np.mean([one[clips].argmax(axis=1) == problem.y[clips] for one in log_p], axis=0)
    long = problem.clip_frames[clips] >= WINDOW
    return {"all": float(right.mean()), "long": float(right[long].mean()), "short": float(right[~long].mean())}


def by_genre(truth: Array, predicted: Array, n_seeds: int) -> dict[str, Any]:
    """Precision and recall of each genre, and the confusion matrix (row: truth) of a mean seed."""
    confusion = metrics.confusion_matrix(truth, predicted, len(GENRES))
    rows = zip(GENRES, metrics.genre_scores(confusion), strict=True)
    return {
        "per_genre": {name: {"precision": round(s.precision, 3), "recall": round(s.recall, 3)} for name, s in rows},
        "confusion_per_seed": (confusion / n_seeds).round(1).tolist(),
    }


def gate_scores(log_p: Array, distance: Array, temperature: float) -> dict[str, Array]:
    """Candidates for the gate, each higher for known music: (n, 10), (n,) -> (n,) by name."""
    log_q = log_softmax(log_p / temperature)
    best = np.sort(log_q, axis=1)
    entropy = -(np.exp(log_q) * log_q).sum(axis=1)
    return {
        "max_probability": best[:, -1],
        "margin": best[:, -1] - best[:, -2],
        "negative_entropy": -entropy,
        "class_distance": -distance,
        "entropy_and_distance": -entropy - distance,
    }


def unknown_auroc(problem: Problem, temperature: float, seed: int = 0) -> dict[str, Any]:
    """Leave one genre out: known excerpts out of fold against all of the genre the head never saw."""
    fold = problem.folds(seed)
    values = {name: _auroc_without(problem, genre, fold, temperature) for genre, name in enumerate(GENRES)}
    keys = next(iter(values.values()))
    return {
        "mean": {key: float(np.mean([value[key] for value in values.values()])) for key in keys},
        "per_genre": {name: {key: round(v, 3) for key, v in value.items()} for name, value in values.items()},
    }


def _auroc_without(problem: Problem, genre: int, fold: Array, temperature: float) -> dict[str, float]:
    """AUROC of each candidate when a genre is unknown, mean of the folds."""
    rows = problem.windows
    found: dict[str, list[float]] = {}
    for number in range(N_FOLDS):
        known = problem.y != genre
        use = (fold != number) & known
        log_p = problem.aggregate(rows, problem.log_probabilities(rows.x, use, problem.fit(use)))
        for key, value in gate_scores(log_p, problem.distance(rows, use), temperature).items():
            found.setdefault(key, []).append(metrics.auroc(value[known & (fold == number)], value[~known]))
    return {key: float(np.mean(value)) for key, value in found.items()}


def precision_at_10(problem: Problem, seed: int = 0) -> float:
    """Share of the same genre among the 10 most alike excerpts (cosine) of other artists.

    The whitening has not seen the queries.
    """
    fold, values = problem.folds(seed), []
    for number in range(N_FOLDS):
        query = fold == number
        embedding = problem.embed(problem.centres, problem.whiten(~query)[0])
        embedding = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
        likeness = embedding[query] @ embedding.T
        likeness[problem.artists[query][:, None] == problem.artists] = -np.inf
        most_alike = np.argsort(-likeness, axis=1)[:, :10]
        values.append((problem.y[most_alike] == problem.y[query][:, None]).mean(axis=1))
    return float(np.concatenate(values).mean())


def other_rate(problem: Problem, temperature: float, threshold: float, gate: float) -> dict[str, float]:
    """How often windows of recordings that are no GTZAN excerpt are held to be uncertain or unknown."""
    use = problem.everything
    log_p = problem.log_probabilities(problem.other, use, problem.fit(use))
    projection, means = problem.whiten(use)
    distance = nearest(problem.embed(problem.other, projection), means)
    stopped = gate_scores(log_p, distance, temperature)["entropy_and_distance"] < gate
    unsure = softmax(log_p, temperature=temperature).max(axis=1) < threshold
    return {
        "windows": len(unsure),
        "below_threshold_95": float(unsure.mean()),
        "stopped_by_gate": float(stopped.mean()),
        "either": float((unsure | stopped).mean()),
    }
