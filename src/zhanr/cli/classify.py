"""`zhanr classify`: the genre of every file and of every folder's files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from zhanr import settings
from zhanr.cli import albums, output
from zhanr.errors import AudioError
from zhanr.files import path_cell
from zhanr.words import one_line

if TYPE_CHECKING:
    from zhanr.classifier import Classifier, Prediction

STANDARD_INPUT = "-"
WORTH_SAYING = 0.005  # what is less would be shown as 0 %
MAX_COLUMN = 56  # a longer path pushes the rest of its line aside
LEAST_COLUMN = 24  # in a narrow terminal; the name of a file, mostly
OTHERS = 58  # cells of the number, the bar and two or three other genres
COLORS = ("cyan", "magenta", "green", "yellow", "blue", "red", "bright_cyan", "bright_magenta", "bright_green", "white")


def classify(
    paths: Annotated[
        list[Path],  # that one can't be read is said in its own line, and stops no other
        typer.Argument(
            help="Files and folders, folders with all that is in them; - is standard input.", readable=False
        ),
    ],
    top: Annotated[
        int | None, typer.Option(min=1, help="How many genres to show for each song.", show_default="3; in JSON all")
    ] = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Also show the genre over the time of each song.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a table of comma-separated values.")] = False,
    by: Annotated[
        output.Together | None, typer.Option(help="One answer for all songs of an album or artist, by their tags.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A built-in model's name, or a .onnx file.")] = None,
    precision: output.PrecisionOption = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Songs to work on at once (default: half the cores).")] = None,
) -> None:
    """Tell the genre of songs, with a probability, or "not sure".

    Exit code 0: every file was answered; 1: some file could not be read; 2: wrong usage.
    """
    _check(as_json=as_json, as_csv=as_csv, timeline=timeline, whole=by is not None and (timeline or top is not None))
    from zhanr.audio.sources import source_name
    from zhanr.classifier import Classifier

    wanted = output.precision(precision)
    classifier = Classifier.load(model or settings.text("model"), precision=wanted)
    files = _sources(paths)
    output.expect(classifier.card, wanted)
    column = min(MAX_COLUMN, max(cell_len(one_line(source_name(file))) for file in files))
    together = albums.Together(by, classifier.card, as_json=as_json, as_csv=as_csv) if by else None
    show = together or _printer(classifier, top, column, timeline=timeline, as_json=as_json, as_csv=as_csv)
    results = classifier.predict_many(files, jobs=jobs or output.default_jobs())
    counts = _Counts()
    tables = (as_json or as_csv) and sys.stdout.isatty()  # which no bar can make way for
    with output.progress("classifying", hidden=tables) as tell:
        for done, result in enumerate(results, start=1):
            show(result)
            counts.add(result)
            tell(done, len(files))
    if together:
        together.show()
    elif not (as_json or as_csv) and len(files) > 1:
        output.results().print(f"\n{counts}", style="dim", soft_wrap=True)
    _conclude(counts, len(files))


def _check(*, as_json: bool, as_csv: bool, timeline: bool, whole: bool) -> None:
    """Refuse options that don't go together; `whole` says that single songs' are asked for of albums."""
    if as_csv and (as_json or timeline):
        raise typer.BadParameter("choose one of --json and --csv; a timeline has no place in a table")
    if whole:
        raise typer.BadParameter("--timeline and --top are for single songs, not for --by")


def _conclude(counts: _Counts, n_files: int) -> None:
    """What is to be said of all files, and the exit code where some failed."""
    output.strange(counts.novel, n_files)
    if counts.failed:
        output.fail(f"{counts.failed} of {output.many(n_files, 'file')} could not be classified")
        raise typer.Exit(1)


def _sources(paths: Iterable[Path]) -> list[Path | BinaryIO]:
    """What the arguments name: standard input, and music files with all those of the folders. None is a failure."""
    from zhanr.scan.walk import find_audio

    named = list(paths)
    files = [path for path in named if str(path) != STANDARD_INPUT]
    found = [*([sys.stdin.buffer] if len(files) < len(named) else []), *find_audio(files)]
    if not found:
        output.stop("no audio files found in " + ", ".join(map(str, named)))
    return found


class _Counts:
    """How many songs were answered, how many not and why."""

    def __init__(self) -> None:
        self.answered = self.doubtful = self.novel = self.failed = 0

    def add(self, result: Prediction | AudioError) -> None:
        """Count one more."""
        from zhanr.prediction import NOVEL

        if isinstance(result, AudioError):
            self.failed += 1
        elif result.genre is not None:
            self.answered += 1
        elif result.reason == NOVEL:
            self.novel += 1
        else:
            self.doubtful += 1

    def __str__(self) -> str:
        """The closing line."""
        parts = [f"{output.many(self.answered, 'song')} answered"]
        if unsure := self.doubtful + self.novel:
            novel = f" ({self.novel:,} like no genre that the model knows)" if self.novel else ""
            parts.append(f"{unsure:,} not sure{novel}")
        return ", ".join(parts + ([f"{self.failed:,} failed"] if self.failed else []))


def _printer(
    classifier: Classifier, top: int | None, column: int, *, timeline: bool, as_json: bool, as_csv: bool
) -> Callable[[Prediction | AudioError], None]:
    """Choose how results are printed."""
    if as_json:
        return lambda result: _print_json(result, top, timeline=timeline)
    if as_csv:
        output.csv_row(_csv_columns(classifier.labels))
        return lambda result: _print_csv(result, classifier.labels)
    console = output.results()
    if console.is_terminal:
        column = max(LEAST_COLUMN, min(column, console.width - _width(classifier.labels) - OTHERS))
    return lambda result: _print_text(console, result, top or 3, column, classifier.labels, timeline=timeline)


def _print_json(result: Prediction | AudioError, top: int | None, *, timeline: bool) -> None:
    if isinstance(result, AudioError):
        output.json_line({"path": result.path, "error": result.reason})
        return
    answer = result.to_dict(timeline=timeline)
    answer["probabilities"] = dict(list(answer["probabilities"].items())[:top])
    output.json_line(answer)


def _csv_columns(labels: Iterable[str]) -> list[str]:
    return ["path", "genre", "confidence", *labels, "styles", "duration", "warnings", "reason", "error"]


def _print_csv(result: Prediction | AudioError, labels: tuple[str, ...]) -> None:
    path = path_cell(Path(result.path))  # so that a name which is no Unicode can be opened again
    if isinstance(result, AudioError):
        output.csv_row([path, *[""] * (len(labels) + 6), result.reason])
        return
    answer = result.to_dict()
    probabilities = [answer["probabilities"][label] for label in labels]
    output.csv_row(
        [
            path,
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


def _print_text(
    console: Console,
    result: Prediction | AudioError,
    top: int,
    column: int,
    labels: tuple[str, ...],
    *,
    timeline: bool,
) -> None:
    path = one_line(result.path)
    if isinstance(result, AudioError):
        output.fail(f"{'failed':<{_width(labels)}}        {path}: {result.reason}")
        return
    for warning in result.warnings:
        output.warn(f"{path}: {warning}")
    console.print(_song_line(result, top, column, labels), soft_wrap=True)
    if note := _note(result):
        console.print(Text(" " * (_width(labels) + 6) + note, style="dim"), soft_wrap=True)
    if timeline:
        console.print(_timeline_line(result, labels, console.width))


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
    line.append(_fitted(one_line(result.path), column))
    others = [f"{g} {p:.0%}" for g, p in list(result.probabilities.items())[1:top] if p >= WORTH_SAYING]
    if result.genre is None:  # the number before the bar is that of a genre which isn't said yet
        others.insert(0, f"{result.best}?")
    if others:
        line.append("   " + ", ".join(others), style="dim")
    return line


def _fitted(path: str, column: int) -> str:
    """The path in a column of cells; in a terminal a longer one loses its beginning, so that lines don't wrap."""
    if output.results().is_terminal and cell_len(path) > column:
        text = Text(path[::-1])
        text.truncate(column - 1)
        path = f"…{text.plain[::-1]}"
    return path + " " * (column - cell_len(path))


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
