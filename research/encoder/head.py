"""Stage 6: genres, the gate for what is no music that the model knows, styles, and what can be promised of them.

    python -m research.encoder.head --embeddings embeddings.npz --encoder run/encoder.safetensors --shards shards \\
        --teachers S/teachers --out head.npz

Two logistic regressions, averaged: one on the predicted tags that speak for genres, one on the embedding. All that is
said of their quality is out of fold, artists together; leave-one-collection-out stands beside it.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from research.encoder import cache, embed, logistic, measures, styles
from research.encoder.embed import SOUND, STORE, Kind
from research.encoder.logistic import Linear
from research.encoder.measures import Answers
from research.encoder.network import Student
from research.encoder.songs import LABELS, N_FOLDS, Songs
from research.encoder.targets import class_names, genre_columns

Array = NDArray[Any]
Mask = NDArray[np.bool_]
L2_TAGS, L2_EMBEDDING, L2_GATE = 1e-2, 3e-2, 1e-2
STRANGE_WEIGHT, SOUND_WEIGHT = 0.3, 0.6  # of music of other genres, and of sounds, beside 1 of all known music
PROJECTED = 128  # numbers of the embedding that the model gives
LEFT_OUT = ("emotify", "macleod")  # the collections that are left out in turn


@dataclass(frozen=True)
class Features:
    """What the heads read of every window: predicted tags (m, 77) and the embedding (m, 640)."""

    tags: Array
    embedding: Array

    @classmethod
    def of(cls, embedding: Array, student: Student, columns: list[int]) -> Features:
        """The tags are what the student's last layer says of the embedding."""
        weight, bias = student.out.weight.detach().numpy(), student.out.bias.detach().numpy()
        return cls(embedding @ weight[columns].T + bias[columns], embedding)


class Head(NamedTuple):
    """Genres from tags and from the embedding, and known or not from the embedding."""

    tags: Linear
    embedding: Linear
    gate: Linear

    def genres(self, features: Features, chosen: Mask) -> Array:
        """The logits of the chosen windows, (m_chosen, 11)."""
        logits = self.tags.logits(features.tags[chosen]) + self.embedding.logits(features.embedding[chosen])
        return logits / 2

    def novelty(self, features: Features, chosen: Mask) -> Array:
        """The log odds that the chosen windows are nothing that is known, (m_chosen, 1)."""
        logits = self.gate.logits(features.embedding[chosen])
        return logits[:, 1:] - logits[:, :1]


def main() -> None:
    arguments = parse()
    torch.set_num_threads(1)
    names = class_names(arguments.teachers / "classes")
    rows, corpus, columns = embed.read(arguments.embeddings), cache.read(arguments.shards), genre_columns(names)
    songs = Songs.of(rows)
    features = Features.of(rows.embedding, Student.load(arguments.encoder), columns)
    found = measures.report(songs, out_of_fold(songs, features), left_out(songs, features))
    told = styles.fit(rows, corpus, names, styles.read())
    found |= {"styles": {"labels": [label.to_dict() for label in told.labels], "precision": told.precision}}
    head = fit(songs, features, np.ones(len(songs), bool))
    layers = head._asdict() | {"styles": told.layer, "projection": projection(songs)}
    arrays = {f"{name}.{key}": value for name, layer in layers.items() for key, value in layer._asdict().items()}
    np.savez(arguments.out, allow_pickle=False, columns=np.array(columns), report=json.dumps(found), **arrays)
    print(json.dumps(found | {"styles": len(told.labels)}, indent=1))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embeddings", type=Path, required=True, help="what stage 5 wrote")
    parser.add_argument("--encoder", type=Path, required=True, help="the encoder that they are of")
    parser.add_argument("--shards", type=Path, required=True, help="folder that stage 2 wrote")
    parser.add_argument("--teachers", type=Path, required=True, help="folder with the lists of classes")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def fit(songs: Songs, features: Features, chosen: Mask) -> Head:
    """Fit on the windows of the chosen songs (n,)."""
    of_chosen = chosen[songs.song]
    known = of_chosen & (songs.genre[songs.song] >= 0)
    genre, weights, k = songs.genre[songs.song[known]], songs.weights(known), len(LABELS)
    return Head(
        logistic.fit(features.tags[known], genre, weights, k, l2=L2_TAGS),
        logistic.fit(features.embedding[known], genre, weights, k, l2=L2_EMBEDDING, steps=40),
        fit_gate(songs, features, of_chosen, known),
    )


def fit_gate(songs: Songs, features: Features, of_chosen: Mask, known: Mask) -> Linear:
    """Known music against music of other genres and sounds; each of the three has its weight, whatever its number."""
    kinds = (Kind.CLEAN, Kind.CODED, Kind.RESPEEDED, Kind.SHORT)
    strange = of_chosen & songs.strange[songs.song] & np.isin(songs.rows.kind, kinds)
    sound = of_chosen & (songs.collection == SOUND)[songs.song]
    groups = ((known, songs.weights(known), 1.0), *(
        (mask, np.ones(mask.sum()), weight)
        for mask, weight in ((strange, STRANGE_WEIGHT), (sound, SOUND_WEIGHT))
        if mask.any()
    ))  # fmt: skip
    x = np.concatenate([features.embedding[mask] for mask, *_ in groups])
    y = np.concatenate([np.full(int(mask.sum()), int(mask is not known)) for mask, *_ in groups])
    weights = np.concatenate([share * weight / share.sum() for _, share, weight in groups])
    return logistic.fit(x, y, weights, 2, l2=L2_GATE, steps=40)


def answers(songs: Songs, features: Features, head: Head, tested: Mask, kind: Kind = Kind.CLEAN) -> Answers:
    """What a head says of the tested songs (n,) by their windows of one kind; zeros for the others."""
    chosen = tested[songs.song] & (songs.rows.kind == kind)
    log_probability = np.log(logistic.softmax(head.genres(features, chosen)) + 1e-12)
    return Answers(songs.pooled(log_probability, chosen), songs.pooled(head.novelty(features, chosen), chosen)[:, 0])


def out_of_fold(songs: Songs, features: Features) -> dict[str, Answers]:
    """Every song by the head that did not see its artist: whole ("clean"), and three seconds of it ("short")."""
    kinds = {"clean": Kind.CLEAN, "short": Kind.SHORT_CLEAN}
    found = {name: Answers.none(len(songs), len(LABELS)) for name in kinds}
    for number in range(N_FOLDS):
        tested = songs.fold == number
        head = fit(songs, features, ~tested)
        for name, kind in kinds.items():
            found[name] = found[name] + answers(songs, features, head, tested, kind)
    return found


def left_out(songs: Songs, features: Features) -> dict[str, Answers]:
    """Each of the collections by a head that saw nothing of it."""
    found = {}
    for name in LEFT_OUT:
        tested = songs.collection == name
        found[name] = answers(songs, features, fit(songs, features, ~tested), tested)
    return found


def projection(songs: Songs) -> Linear:
    """The embedding's principal axes over all clean recordings, each scaled by its own and the mean deviation."""
    music = ~np.isin(songs.collection, (STORE, SOUND))
    x = songs.rows.embedding[music[songs.song] & (songs.rows.kind == Kind.CLEAN)]
    mean = x.mean(axis=0)
    _, singular, axes = np.linalg.svd(x - mean, full_matrices=False)
    variance = singular[:PROJECTED] ** 2 / len(x)
    weight = axes[:PROJECTED].T / np.sqrt(variance + variance.mean())
    return Linear(mean, np.ones(len(mean)), weight, np.zeros(weight.shape[1]))


if __name__ == "__main__":
    main()
