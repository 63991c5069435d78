"""`zhanr classify`: the genre of every file and of every folder's files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from zhanr import settings
from zhanr.cli import output
from zhanr.errors import AudioError

if TYPE_CHECKING:
    from zhanr.classifier import Classifier, Prediction

WORTH_SAYING = 0.005  # what is less would be shown as 0 %
MAX_COLUMN = 56  # a longer path pushes the rest of its line aside
COLORS = ("cyan", "magenta", "green", "yellow", "blue", "red", "bright_cyan", "bright_magenta", "bright_green", "white")


def classify(
    paths: Annotated[
        list[Path],  # that one can't be read is said in its own line, and stops no other
        typer.Argument(help="Files and folders; folders with all that is in them.", readable=False),
    ],
    top: Annotated[int | None, typer.Option(min=1, help="How many genres to show for each song.")] = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Also show the genre over the time of each song.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a table of comma-separated values.")] = False,
    model: Annotated[str | None, typer.Option(help="A built-in model's name, or a .onnx file.")] = None,
    precision: output.PrecisionOption = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Songs to work on at once (default: half the cores).")] = None,
) -> None:
    """Tell the genre of songs, with a probability, or "not sure".

    Exit code 0: every file was answered; 1: some file could not be read; 2: wrong usage.
    """
    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv")
    from zhanr.classifier import Classifier
    from zhanr.prediction import NOVEL
    from zhanr.scan.walk import find_audio

    wanted = output.precision(precision)
    classifier = Classifier.load(model or settings.text("model"), precision=wanted)
    files = list(find_audio(paths))
    if not files:
        output.fail("no audio files found in " + ", ".join(map(str, paths)))
        raise typer.Exit(1)
    output.expect(classifier.card, wanted)
    column = min(MAX_COLUMN, max(len(str(file)) for file in files))
    show = _printer(classifier, top, column, timeline=timeline, as_json=as_json, as_csv=as_csv)
    results = classifier.predict_many(files, jobs=jobs or output.default_jobs())
    failed = unknown = 0
    tables = (as_json or as_csv) and sys.stdout.isatty()  # which no bar can make way for
    with output.progress("classifying", hidden=tables) as tell:
        for done, result in enumerate(results, start=1):
            failed += show(result)
            unknown += not isinstance(result, AudioError) and result.reason == NOVEL
            tell(done, len(files))
    output.strange(unknown, len(files))
    if failed:
        output.fail(f"{failed} of {len(files)} files could not be classified")
        raise typer.Exit(1)


def _printer(
    classifier: Classifier, top: int | None, column: int, *, timeline: bool, as_json: bool, as_csv: bool
) -> Callable[[Prediction | AudioError], bool]:
    """Choose how results are printed; the function returned says whether the result was a failure."""
    if as_json:
        return lambda result: _print_json(result, top, timeline=timeline)
    if as_csv:
        output.csv_row(_csv_columns(classifier.labels))
        return lambda result: _print_csv(result, classifier.labels)
    console = output.results()
    return lambda result: _print_text(console, result, top or 3, column, classifier.labels, timeline=timeline)


def _print_json(result: Prediction | AudioError, top: int | None, *, timeline: bool) -> bool:
    if isinstance(result, AudioError):
        output.json_line({"path": result.path, "error": result.reason})
        return True
    answer = result.to_dict(timeline=timeline)
    answer["probabilities"] = dict(list(answer["probabilities"].items())[:top])
    output.json_line(answer)
    return False


def _csv_columns(labels: Iterable[str]) -> list[str]:
    return ["path", "genre", "confidence", *labels, "styles", "duration", "warnings", "reason", "error"]


def _print_csv(result: Prediction | AudioError, labels: tuple[str, ...]) -> bool:
    if isinstance(result, AudioError):
        output.csv_row([result.path, *[""] * (len(labels) + 6), result.reason])
        return True
    answer = result.to_dict()
    probabilities = [answer["probabilities"][label] for label in labels]
    output.csv_row(
        [
            answer["path"],
            answer["genre"] or "",
            answer["confidence"],
            *probabilities,
            "; ".join(style.name for style in result.styles),
            answer["duration"],
            "; ".join(answer["warnings"]),
            answer.get("reason", ""),
            "",
        ]
    )
    return False


def _print_text(
    console: Console,
    result: Prediction | AudioError,
    top: int,
    column: int,
    labels: tuple[str, ...],
    *,
    timeline: bool,
) -> bool:
    if isinstance(result, AudioError):
        output.fail(f"{'failed':<{_width(labels)}}        {result.path}: {result.reason}")
        return True
    for warning in result.warnings:
        output.warn(f"{result.path}: {warning}")
    console.print(_song_line(result, top, column, labels), soft_wrap=True)
    if note := _note(result):
        console.print(Text(" " * (_width(labels) + 6) + note, style="dim"), soft_wrap=True)
    if timeline:
        console.print(_timeline_line(result, labels, console.width))
    return False


def _note(result: Prediction) -> str:
    """The styles, and why it is not sure unless the number says that already."""
    from zhanr.prediction import NOVEL

    why = "sounds like no genre that the model knows" if result.reason == NOVEL else ""
    return "; ".join(filter(None, [why, ", ".join(style.name for style in result.styles)]))


def _width(labels: tuple[str, ...]) -> int:
    return max(len("not sure"), *map(len, labels))


def _song_line(result: Prediction, top: int, column: int, labels: tuple[str, ...]) -> Text:
    """Genre, probability, a bar of ten, the file, and what else it might be."""
    line = Text()
    line.append(f"{result.genre or 'not sure':<{_width(labels)}} ", style=_style(result.genre, labels))
    filled = round(10 * result.confidence)
    line.append(f"{result.confidence:>4.0%} ")
    line.append("█" * filled, style=_style(result.best, labels)).append("░" * (10 - filled) + "  ", style="dim")
    line.append(f"{result.path:<{column}}")
    first = 0 if result.genre is None else 1  # the first genre is not said yet where the answer is "not sure"
    others = [(g, p) for g, p in list(result.probabilities.items())[first:top] if p >= WORTH_SAYING]
    if others:
        line.append("   " + ", ".join(f"{g} {p:.0%}" for g, p in others), style="dim")
    return line


def _style(genre: str | None, labels: tuple[str, ...]) -> str:
    return "dim italic" if genre is None else f"bold {COLORS[labels.index(genre) % len(COLORS)]}"


def _timeline_line(result: Prediction, labels: tuple[str, ...], width: int) -> Text:
    """The song's length as one line: each cell has the colour and first letters of the genre of its moment."""
    line = Text(" " * (_width(labels) + 6))
    cells = max(10, min(60, width - len(line) - 10))
    previous: str | None = ""
    for cell in range(cells):
        seconds = (cell + 0.5) * result.duration / cells
        moment = min(result.timeline, key=lambda m: abs((m.start + m.end) / 2 - seconds))
        if moment.genre != previous:
            name, previous = f"▏{moment.genre or moment.reason}", moment.genre
        line.append(name[:1] or ("─" if moment.genre else "·"), style=_style(moment.genre, labels))
        name = name[1:]
    minutes, seconds = divmod(round(result.duration), 60)
    return line.append(f" {minutes}:{seconds:02d}", style="dim")
