"""Hand-made features and what classifiers make of them: Tzanetakis & Cook's, and the usual table of GTZAN."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zhanr.lab import handmade
from zhanr.lab.datasets import gtzan, open_dataset
from zhanr.lab.datasets.table import Table
from zhanr.lab.handmade.extraction import SECONDS, extract_table
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.runner import FOLDER
from zhanr.lab.studies.study import Case, Scores, Study
from zhanr.lab.training.classical import CLASSIFIERS, predict_unseen

SHORTEST = 2.0
"""Seconds that every excerpt of the partial audio has."""

LIBROSA = "features_30_sec.csv"


@dataclass(frozen=True)
class Classical:
    """Train a classifier on a table, and score it, by a protocol of `zhanr.lab.training.classical`."""

    table: Table
    classifier: str
    protocol: str
    seed: int

    @property
    def identity(self) -> Mapping[str, Any]:
        """The classifier with the settings it may choose from, and the content of the table."""
        return {
            "task": "classical",
            "classifier": self.classifier,
            "settings": dict(CLASSIFIERS[self.classifier].grid),
            "protocol": self.protocol,
            "features": len(self.table.columns),
            "seed": self.seed,
            "data": {"table": self.table.sha256()},
        }

    def run(self, at: Path) -> Scores:
        """Train and score; whether each song was right is kept beside the scores."""
        result = predict_unseen(self.classifier, self.table, self.protocol, seed=self.seed)
        np.savez_compressed(at.with_suffix(".npz"), right=result.right, loss=result.loss)
        return {
            "song_accuracy": float(result.right.mean()),
            "n": len(result.right),
            "song_loss": float(result.loss.mean()),
            "learnt_from": result.learnt,
        }


def audio_table(material: Material, seconds: float, folder: Path = FOLDER) -> Table:
    """Tzanetakis & Cook's features of the middle `seconds` of the real audio; kept in `folder`, by content."""
    dataset = open_dataset(material.audio)
    digest = hashlib.sha256(f"{handmade.VERSION} {seconds}".encode())
    for track in dataset.tracks:
        digest.update(f"{track.name} {track.genre} ".encode() + hashlib.sha256(track.path.read_bytes()).digest())
    kept = folder / f"handmade-{digest.hexdigest()[:20]}.csv"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        extract_table(dataset, seconds=seconds)[0].save(kept)
    return Table.load(kept)


def librosa_table(material: Material) -> Table:
    """The widely used table of 57 features of 30 s, without the excerpt that is damaged in the published data set."""
    table = Table.load(material.file(LIBROSA))
    return table.subset([name for name in table.names if name != gtzan.DAMAGED])


def cases(material: Material) -> list[Case]:
    """By feature group, classifier, length and split."""
    quick = material.quick
    names = ("svm", "knn", "logistic") if quick else ("svm", "knn", "boosting", "logistic")
    two, usual = audio_table(material, SHORTEST), librosa_table(material)
    found = [_case(two, "guess", "fault_filtered", "no features")]
    for series, part in _by_group(two, f"of {SHORTEST:g} s"):
        found += [_case(part, name, "fault_filtered", series) for name in names]
        found += [] if quick else _folds(part, series, "artists")
    if not quick:
        for series, part in _by_group(audio_table(material, SECONDS), "of whole excerpts"):
            found += _folds(part, series, "artists")
        found += _folds(part, series, "random", "fault_filtered")
    series = f"{len(usual.columns)} features of librosa, 30 s"
    found += [_case(usual, name, "fault_filtered", series) for name in names]
    return found if quick else found + _folds(usual, series, "artists", "random")


def _by_group(table: Table, length: str) -> Iterator[tuple[str, Table]]:
    """Timbre alone, with rhythm, and with both rhythm and pitch."""
    for groups in (("timbre",), ("timbre", "rhythm"), tuple(handmade.GROUPS)):
        part = table.select([column for group in groups for column in handmade.GROUPS[group]])
        yield f"{' + '.join(groups)}, {len(part.columns)} features {length}", part


def _folds(table: Table, series: str, *protocols: str) -> list[Case]:
    """The two classifiers that are quick to train, by other divisions of the songs."""
    return [_case(table, name, protocol, series) for protocol in protocols for name in ("svm", "logistic")]


def _case(table: Table, classifier: str, protocol: str, series: str) -> Case:
    split = {"fault_filtered": "", "artists": ", artist-disjoint folds", "random": ", random folds"}[protocol]
    title = CLASSIFIERS[classifier].title + split
    return Case(title, partial(Classical, table, classifier, protocol), series=series)


HANDMADE = Study(
    name="handmade",
    title="Hand-made features",
    question="How far do hand-made features go, and which of them matter? (Tzanetakis & Cook 2002 report 61 % with 30 "
    "of them on the whole of GTZAN, divided at random.)",
    protocol="Where no folds are named: learnt from the training part of the fault-filtered split, and scored on its "
    "validation part, which chose nothing: the settings of every classifier are chosen by five artist-disjoint folds "
    "inside the training part. Folds are over all these songs, each scored by what learnt from the other folds. The "
    "seeds deal the folds; a classifier without chance of its own differs between them only where it chose otherwise.",
    cases=cases,
    columns=("learnt_from",),
    notes=(
        "The real audio is partial, and unevenly so: of classical music there are 15 s and more, of most other genres "
        "2 to 3 s. So all excerpts are cut to the same 2 s from their middle: how long an excerpt is must not tell its "
        "genre. Two seconds hold few beats, so the rhythm features can't be worth here what they are on 30 s. The "
        "rows of whole excerpts show the other side: better features, and perhaps the length as a hint.",
        "The validation part of the audio is not of the ten genres in equal shares (no hip hop or reggae, one pop "
        "song). The folds are over all of its songs, and so of all genres.",
        "The librosa features are of the published table features_30_sec.csv, without jazz.00054 and without its "
        "column for the length.",
    ),
)
