"""A model with one's own genres, from the corrections and trusted tags of a library, in seconds and without audio."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import zhanr
from zhanr import calibration, metrics
from zhanr.bundle import Bundle, write_bundle
from zhanr.card import Card, OperatingPoint
from zhanr.errors import ModelFileError
from zhanr.files import replacing
from zhanr.learn import gate
from zhanr.learn.comparison import PROTOCOL, Comparison, compare
from zhanr.learn.examples import Examples, collect
from zhanr.learn.graph import with_head
from zhanr.learn.linear import CrossValidation, cross_validate, fit
from zhanr.library import Library, memory
from zhanr.vocabulary import model_for


@dataclass(frozen=True)
class Result:
    """What came of it: the comparison, the genres, and the file if it was written; `saved` is a copy of the old one."""

    comparison: Comparison
    genres: tuple[str, ...]
    left_out: Mapping[str, int]
    penalty: float
    written: Path | None = None
    saved: Path | None = None


def train(
    library: Library,
    target: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | None = None,
    trust_tags: bool = False,
    query: str | None = None,
    force: bool = False,
) -> Result:
    """Train a head for one's own genres on the library's embeddings, and write the model if it is better.

    Parameters
    ----------
    target
        The model file to write. If there is one, it is kept beside it under a name with its hash.
    model
        The model that the library was scanned with.
    trust_tags
        Also learn from the genre tags of songs that were not corrected, where a tag names exactly one genre.
    query
        Learn from the songs that this filter picks only.
    force
        Write the model even if it is not better.

    """
    parent = model_for(library, None if model is None else os.fspath(model))
    examples = collect(library, parent, trust_tags=trust_tags, query=query)
    with threadpool_limits(1):  # matrices this small are slower in several threads: 10 times on a machine that is busy
        found = cross_validate(examples.x, examples.y, examples.groups, len(examples.genres))
        comparison = compare(examples, found)
        head = fit(examples.x, examples.y, len(examples.genres), found.penalty)
    result = Result(comparison, examples.genres, examples.left_out, found.penalty)
    if not (comparison.better or force):
        return result
    centres = gate.centres(parent, examples)
    graph = with_head(parent.path.read_bytes(), head, centres)
    path = Path(target)
    saved = _save_old(path)
    written = write_bundle(
        path, graph, _card(parent, examples, found, comparison, gate.points(parent, examples, found, centres))
    )
    memory.plan(library, written.reference)
    return dataclasses.replace(result, written=path, saved=saved)


def _card(
    parent: Bundle,
    examples: Examples,
    found: CrossValidation,
    comparison: Comparison,
    points: tuple[OperatingPoint, ...],
) -> Card:
    old = parent.card
    counts = np.bincount(examples.y, minlength=len(examples.genres)).tolist()
    data = {
        "songs": len(examples.y),
        "genres": dict(zip(examples.genres, counts, strict=True)),
        "corrections": examples.n_corrections,
        "artists_or_albums": len(set(examples.groups)),
        "sha256": examples.sha256,
        "lessons": {
            genre: sorted(name for name, i in zip(examples.ids, examples.y, strict=True) if i == number)
            for number, genre in enumerate(examples.genres)
        },
    }
    log_p = found.log_probabilities
    sure, right = np.exp(log_p.max(axis=1)), log_p.argmax(axis=1) == examples.y
    scores = comparison.to_dict() | {
        "nll": metrics.negative_log_likelihood(log_p, examples.y),
        "ece": metrics.expected_calibration_error(sure, right),
    }
    return dataclasses.replace(
        old,
        name=f"{old.name.removesuffix('-own')}-own",
        labels=examples.genres,
        aggregation="mean_log_probability",  # the one under which a head on mean embeddings is exact
        temperature=found.temperature,
        thresholds=calibration.thresholds(points),
        precisions=points,
        description=f"A person's own genres: a linear head, trained on a library, on the embedding of {old.name}",
        training={
            "data": {"library": data},
            "split": PROTOCOL,
            "seed": 0,
            "config": {"head": "multinomial logistic regression", "penalty": found.penalty},
            "versions": {"zhanr": zhanr.__version__},
        },
        scores={"cross_validation": scores},
        parents=(*old.parents, {"name": old.name, "sha256": parent.sha256, "training": old.training}),
    )


def _save_old(path: Path) -> Path | None:
    """Give a model that is about to be replaced a name of its own."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    saved = path.with_name(f"{path.stem}.{hashlib.sha256(data).hexdigest()[:8]}{path.suffix}")
    with replacing(saved, error=ModelFileError) as temporary:
        temporary.write_bytes(data)  # a copy, so that at every moment there is a model under the old name
    return saved
