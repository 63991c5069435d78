"""`zhanr lab evaluate`: how good a model is on a store, a data set or a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zhanr.cli import output

if TYPE_CHECKING:
    from zhanr.lab.evaluation.evaluate import Report


def evaluate(
    target: Annotated[Path, typer.Argument(help="A feature store (.npz), a data set's folder, or a CSV manifest.")],
    model: Annotated[str | None, typer.Option(help="A built-in model's name, or a .onnx file.")] = None,
    labels: Annotated[
        str | None, typer.Option(help='Other names for our genres, as "hip hop=hiphop,heavy metal=metal".')
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    confusion: Annotated[Path | None, typer.Option(help="Draw the confusion matrix here (.png or .svg).")] = None,
    reliability: Annotated[Path | None, typer.Option(help="Draw the reliability diagram here (.png or .svg).")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Files to read at once (default: half the cores).")] = None,
) -> None:
    """Measure a model on labelled music: accuracy with its 95 % interval, calibration, and what it confuses.

    Files that can't be read are named and not counted; genres that the model lacks are counted apart.
    """
    from zhanr.classifier import Classifier
    from zhanr.lab.datasets import open_labelled
    from zhanr.lab.evaluation.evaluate import evaluate as measure
    from zhanr.lab.evaluation.evaluate import parse_labels

    mapping = parse_labels(labels) if labels else None
    classifier = Classifier.load(model)
    data = open_labelled(target)
    with output.progress("evaluating") as tell:
        report = measure(data, classifier, labels=mapping, progress=tell, jobs=jobs or output.default_jobs())
    _draw(report, confusion, reliability)
    if as_json:
        output.json_line(report.to_dict())
    else:
        _print(report)


def _draw(report: Report, confusion: Path | None, reliability: Path | None) -> None:
    """Draw what was asked for; matplotlib is loaded only then."""
    if confusion is None and reliability is None:
        return
    from zhanr.lab import plots

    if confusion is not None:
        plots.confusion_matrix(report.genres, report.confusion, confusion)
    if reliability is not None:
        plots.reliability(report.confidence, report.correct, reliability)


def _print(report: Report) -> None:
    scores = report.to_dict()
    for failure in report.failed:
        output.warn(f"left out: {failure}")
    console = Console(highlight=False)
    low, high = scores["ci95"]
    seen = f", {report.trained_on} of which it was trained on: no measure of new music" if report.trained_on else ""
    console.print(f"{report.target} with the model {report.model}, {report.n} songs{seen}", markup=False)
    console.print(f"accuracy     {report.accuracy:6.1%}   (95 % interval {low:.1%} to {high:.1%})")
    console.print(f"macro F1     {scores['macro_f1']:6.3f}")
    console.print(f"calibration  {scores['ece']:6.1%}   expected calibration error")
    for share, accuracy in scores["selective"].items():
        console.print(f"surest {share} %  {accuracy:6.1%}   right")
    if report.unknown_genres:
        counted = ", ".join(f"{genre} ({n})" for genre, n in report.unknown_genres.items())
        console.print(f"not counted, genres that the model lacks: {counted}", markup=False)
    console.print(_table(scores))


def _table(scores: dict[str, Any]) -> Table:
    """Precision, recall and F1 of each genre, and what it is most often taken for."""
    table = Table("genre", "songs", "precision", "recall", "F1", "most often taken for", box=None, pad_edge=False)
    names = scores["confusion"]["labels"]
    for row, (genre, of) in zip(scores["confusion"]["matrix"], scores["per_genre"].items(), strict=True):
        wrong = {name: n for name, n in zip(names, row, strict=True) if name != genre and n}
        worst = max(wrong, key=lambda name: wrong[name], default="")
        taken_for = f"{worst} ({wrong[worst]})" if worst else ""
        numbers = (f"{of[key]:.2f}" for key in ("precision", "recall", "f1"))
        table.add_row(Text(genre), str(of["support"]), *numbers, Text(taken_for))
    return table
