"""What a study is: a question, the cases that are compared, and for each case and seed a task that gives scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from zhanr.lab.studies.material import Material

Scores = Mapping[str, float]
"""What was measured, by name. Two are always there: `song_accuracy` (0..1) and `n`, the number of songs it is of.

Usual others: `clip_accuracy` and `n_clips` (one clip is one window), `valid_song_accuracy` where the songs that were
scored are not those that chose the epoch, `parameters`, `best_epoch`, `epochs`. Names that end in `_accuracy` are
shares. The time is measured by the runner.
"""


class StudyTask(Protocol):
    """One single run: a training, or whatever else takes time. It must be picklable, and random only by its identity.

    Two tasks of equal identity give equal scores, so that only one of them is ever run, whatever study asks.
    """

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that determines the result, as JSON: what kind of task, configuration, content hashes, seed."""

    def run(self, at: Path) -> Scores:
        """Do it. What is worth keeping beside the scores goes to files that begin as `at` (`at.with_suffix(...)`)."""


@dataclass(frozen=True)
class TaskResult:
    """A task that was run, as it is stored: `at` is where its other files are, without their suffix."""

    key: str
    identity: Mapping[str, Any]
    scores: Scores
    about: Mapping[str, Any]
    at: Path


def all_scores(result: TaskResult) -> Scores:
    """The scores as the task gave them."""
    return result.scores


@dataclass(frozen=True)
class Case:
    """One of the things that are compared.

    - `task(seed)`: how it is measured.
    - `x`: where it lies on a numeric axis (None: the cases are categories); `series`: the line or colour it belongs to.
    - `read`: what to take from the task's result, where several cases look at one training.
    """

    name: str
    task: Callable[[int], StudyTask]
    x: float | None = None
    series: str = ""
    read: Callable[[TaskResult], Scores] = all_scores


@dataclass(frozen=True)
class Study:
    """A question and how it is answered.

    - `cases(material)`: what is compared; fewer of them, or less of each, where `material.quick`.
    - `protocol`: a sentence or two on which songs are scored and what chose the epoch; for a reader to judge it.
    - `columns`: scores shown in the table beside the song accuracy, such as "clip_accuracy" or "parameters".
    - `plotted`: the scores that the figure shows.
    - `notes`: what a reader must know besides, a paragraph each.
    - `extra(measured, folder)`: more to show than the table has; it may write further files into the folder of the
      page, and returns Markdown paragraphs. `measured` has a row for each single run.
    """

    name: str
    title: str
    question: str
    protocol: str
    cases: Callable[[Material], Sequence[Case]]
    seeds: tuple[int, ...] = (0, 1, 2)
    columns: tuple[str, ...] = ("clip_accuracy",)
    plotted: tuple[str, ...] = ("song_accuracy",)
    xlabel: str = ""
    log_x: bool = False
    notes: tuple[str, ...] = ()
    extra: Callable[[Sequence[tuple[Case, Scores]], Path], Sequence[str]] | None = None
