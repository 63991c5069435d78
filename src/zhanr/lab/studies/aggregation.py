"""From the answers for the clips of a song to one answer for the song: every method, from stored logits."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from zhanr.aggregate import METHODS, aggregate
from zhanr.lab.studies import clip_length
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.study import Case, Scores, Study, TaskResult

MIDDLE = "the middle clip alone"


def answer(logits: NDArray[np.float32], method: str) -> int:
    """The genre of a song from the logits (n, n_genres) of its clips."""
    if method == MIDDLE:
        return int(logits[len(logits) // 2].argmax())
    return int(aggregate(logits, next(m for m in METHODS if m == method)).argmax())


def read(method: str, result: TaskResult) -> Scores:
    """The accuracy of a stored training with another way from clips to songs."""
    with np.load(result.at.with_suffix(".npz")) as stored:
        clips = np.split(stored["logits"], np.cumsum(stored["counts"])[:-1])
        right = [answer(one, method) == genre for one, genre in zip(clips, stored["genres"].tolist(), strict=True)]
    return {
        "song_accuracy": float(np.mean(right)),
        "n": len(right),
        "clip_accuracy": result.scores["clip_accuracy"],
        "clips_a_song": result.scores["n_clips"] / len(right),
    }


def cases(material: Material) -> list[Case]:
    """Every method, for three lengths of a clip."""
    widths = clip_length.FRAMES[1:2] if material.quick else clip_length.FRAMES[:2] + clip_length.FRAMES[3:4]
    return [
        Case(
            method.replace("_", " "),
            partial(clip_length.task, material, frames),
            series=f"clips of {clip_length.seconds(material, frames):.1f} s",
            read=partial(read, method),
        )
        for frames in widths
        for method in (*METHODS, MIDDLE)
    ]


AGGREGATION = Study(
    name="aggregation",
    title="From clips to songs",
    question="How should the answers for the clips of a song be joined to one answer for the song?",
    protocol="The trainings are those of the study clip-length, and nothing is trained again: their stored logits on "
    "the validation part of the fault-filtered split are joined in different ways. The epoch was chosen on the same "
    "songs, by the loss after joining by mean log-probability.",
    cases=cases,
    columns=("clip_accuracy", "clips_a_song"),
)
