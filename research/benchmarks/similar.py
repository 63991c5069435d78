"""How quickly the most similar of a million songs are found.

    python research/benchmarks/similar.py [--songs N] [--size D]

The embeddings are random clusters whose spread falls off along D directions as those of trained networks do (or not at
all with --decay 0). `float32` is the bare product, without the exact distances that `zhanr` makes of it.
`usearch` and `sqlite-vec` take part where they are installed.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhanr.library.similar import Index

Floats = NDArray[np.float32]
Search = Callable[[Floats], NDArray[np.int64]]
CLUSTERS, NEIGHBOURS = 1000, 10


def embeddings(n: int, d: int, decay: float, seed: int = 0) -> Floats:
    """n vectors (n, d) of length 1 in clusters; the deviation along direction i falls as i ** -decay."""
    rng = np.random.default_rng(seed)
    scale = (np.arange(1, d + 1) ** -decay).astype(np.float32)
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0].astype(np.float32)
    centers = rng.normal(size=(CLUSTERS, d)).astype(np.float32) * scale
    x = np.empty((n, d), np.float32)
    for start in range(0, n, 50_000):
        part = x[start : start + 50_000]
        noise = 0.5 * scale * rng.standard_normal(part.shape, np.float32)
        part[:] = (centers[rng.integers(CLUSTERS, size=len(part))] + noise) @ turn
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return x


def brute_force(x: Floats) -> Search:
    """The product of the whole matrix with the query."""

    def search(query: Floats) -> NDArray[np.int64]:
        nearness = x @ query
        return np.argpartition(nearness, len(x) - NEIGHBOURS)[len(x) - NEIGHBOURS :]

    return search


def ours(x: Floats) -> Search:
    """`zhanr.library.similar.Index`."""
    index = Index(x)
    return lambda query: index.search(query, NEIGHBOURS)[0]


def usearch(x: Floats) -> Search:
    """HNSW, approximate, vectors in float16."""
    from usearch.index import Index as Graph

    graph = Graph(ndim=x.shape[1], metric="cos", dtype="f16")
    graph.add(np.arange(len(x)), x, threads=os.cpu_count() or 1)
    return lambda query: np.asarray(graph.search(query, NEIGHBOURS).keys, np.int64)


def sqlite_vec(x: Floats) -> Search:
    """A virtual table of SQLite, brute force."""
    import sqlite_vec as extension

    db = sqlite3.connect(Path(tempfile.mkdtemp()) / "vectors.sqlite")
    if not hasattr(db, "enable_load_extension"):
        raise ImportError("this Python's sqlite3 was built without extensions")
    db.enable_load_extension(True)
    extension.load(db)
    db.execute(f"CREATE VIRTUAL TABLE v USING vec0(e float[{x.shape[1]}])")
    with db:
        db.executemany("INSERT INTO v (rowid, e) VALUES (?, ?)", ((i, row.tobytes()) for i, row in enumerate(x)))
    statement = f"SELECT rowid FROM v WHERE e MATCH ? AND k = {NEIGHBOURS}"
    return lambda query: np.array([row[0] for row in db.execute(statement, (query.tobytes(),))], np.int64)


METHODS: dict[str, Callable[[Floats], Search]] = {
    "zhanr": ours,
    "float32": brute_force,
    "usearch": usearch,
    "sqlite-vec": sqlite_vec,
}


def measure(name: str, x: Floats, queries: Floats, truth: list[set[int]]) -> str:
    """One row of the table."""
    begin = time.perf_counter()
    try:
        search = METHODS[name](x)
    except ImportError as error:
        return f"{name:<11} not measured: {error}"
    built = time.perf_counter() - begin
    times, found = [], 0
    for query, nearest in zip(queries, truth, strict=True):
        begin = time.perf_counter()
        rows = search(query)
        times.append(1000 * (time.perf_counter() - begin))
        found += len(nearest & set(rows.tolist()))
    recall = found / (NEIGHBOURS * len(queries))
    median, slow = np.percentile(times, [50, 95])
    return f"{name:<11} {built:9.1f} {median:10.1f} {slow:10.1f} {recall:9.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--decay", type=float, default=0.5)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    options = parser.parse_args()
    x = embeddings(options.songs, options.size, options.decay)
    rng = np.random.default_rng(1)
    queries = x[rng.integers(len(x), size=options.queries)]
    exact = brute_force(x)
    truth = [set(exact(query).tolist()) for query in queries]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"{len(x):,} embeddings of {x.shape[1]} numbers, decay {options.decay}; {os.cpu_count()} cores, load {load:.1f}"
    )
    print("method       build (s)  median ms     95 % ms recall@10")
    for name in options.methods:
        print(measure(name, x, queries, truth), flush=True)


if __name__ == "__main__":
    main()
