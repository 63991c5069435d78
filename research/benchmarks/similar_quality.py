"""Are similar songs of the same genre?

    python research/benchmarks/similar_quality.py [--shared ../shared] [--model MODEL]

Precision@10 of genre: of the ten songs nearest to each song of GTZAN's fault-filtered validation part, how many are of
its genre. Beside the embeddings stand two baselines: statistics of MFCCs (means and variances over 30 s, standardised),
and drawing at random. With the artist filter, songs of the query's artist are left out, for finding those is easier
(Pampalk, Flexer & Widmer, "Improvements of audio-based music similarity and genre classification", ISMIR 2005).
The intervals (95 %) are of a bootstrap over the query songs. The validation part chose the model's epoch.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhanr import Classifier
from zhanr.lab.datasets import gtzan
from zhanr.lab.datasets.store import FeatureStore
from zhanr.library.similar import METRICS, Index, Metric
from zhanr.words import artist_key

K = 10
Floats = NDArray[np.float32]


def neighbours(x: Floats, metric: Metric, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The K nearest rows of each row (n, K) among those that `allowed` (n, n) lets it have."""
    index = Index(x, metric)
    found = np.empty((len(x), K), np.int64)
    for i, query in enumerate(x):
        rows, _ = index.search(query, len(x))
        found[i] = rows[allowed[i, rows]][:K]
    return found


def precision(found: NDArray[np.int64], labels: NDArray[np.str_]) -> NDArray[np.float64]:
    """For each query, the share of its neighbours that are of its genre."""
    return np.asarray((labels[found] == labels[:, None]).mean(axis=1))


def interval(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float, float]:
    """The mean and its 95 % bootstrap interval."""
    drawn = np.random.default_rng(seed).integers(len(values), size=(10_000, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def mfcc_statistics(path: Path, names: list[str]) -> Floats:
    """Means and variances of 20 MFCCs, each standardised over the songs: (n, 40)."""
    with path.open(encoding="utf-8") as file:
        rows = {row["filename"].removesuffix(".wav"): row for row in csv.DictReader(file)}
    columns = [name for name in next(iter(rows.values())) if name.startswith("mfcc")]
    x = np.array([[float(rows[name][column]) for column in columns] for name in names])
    return np.asarray((x - x.mean(axis=0)) / x.std(axis=0), np.float32)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[3] / "shared")
    parser.add_argument("--model")
    options = parser.parse_args()
    store = FeatureStore.load(options.shared / "gtzan" / "mel128_valid.npz")
    names, labels = store.names.tolist(), np.asarray(store.labels)
    classifier = Classifier.load(options.model)
    answers = [classifier.predict_features(store.picture(i)) for i in range(len(names))]
    accuracy = np.mean([a.best == label for a, label in zip(answers, labels, strict=True)])
    print(f"{len(names)} songs, {classifier.card.name} {classifier.bundle.sha256[:8]}, accuracy {accuracy:.3f}")
    vectors = {
        f"{classifier.card.name} embedding ({classifier.card.embedding_size})": np.stack(
            [a.embedding for a in answers]
        ),
        "MFCC statistics (40)": mfcc_statistics(options.shared / "gtzan" / "features_30_sec.csv", names),
    }
    known = gtzan.artists()
    artists = np.array([artist_key(known[name]) if name in known else name for name in names])
    others = ~np.eye(len(names), dtype=np.bool_)
    print(f"{'precision@10 of genre':<32} {'all songs':<22} artist filter")
    for name, x in vectors.items():
        for metric in METRICS:
            cells = []
            for allowed in (others, others & (artists[:, None] != artists)):
                mean, low, high = interval(precision(neighbours(x, metric, allowed), labels))
                cells.append(f"{mean:.3f} [{low:.3f}, {high:.3f}]")
            print(f"{f'{name}, {metric}':<32} {cells[0]:<22} {cells[1]}")
    cells = []
    for allowed in (others, others & (artists[:, None] != artists)):
        same = (labels[:, None] == labels) & allowed
        mean, low, high = interval(same.sum(axis=1) / allowed.sum(axis=1))
        cells.append(f"{mean:.3f} [{low:.3f}, {high:.3f}]")
    print(f"{'random (expected)':<32} {cells[0]:<22} {cells[1]}")


if __name__ == "__main__":
    main()
