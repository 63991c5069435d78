"""What the commands share: consoles, progress on standard error, one JSON object a line on standard output."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from zhanr import settings

if TYPE_CHECKING:
    from zhanr.card import Card

Together = Literal["album", "artist"]
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def default_jobs() -> int:
    """What the settings say, else half of the processor's cores: a laptop stays usable while it works."""
    jobs = settings.number("jobs")
    return max(1, (os.cpu_count() or 2) // 2) if jobs is None else int(jobs)


def many(count: int, what: str) -> str:
    """A number and what is counted, in the plural unless it is one: "1 song", "1,200 songs"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


PrecisionOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="The share of answers that shall be right (0.9): the less, the more answers.",
        show_default="as the model was made",
    ),
]


def precision(wanted: float | None) -> float | None:
    """The option, else the setting."""
    return settings.number("precision") if wanted is None else wanted


def expect(card: Card, wanted: float | None) -> float | None:
    """Say on standard error what a precision brings, and give it back.

    Raises `ConfigError` for one that the model can't promise.
    """
    if wanted is not None:
        point = card.point(wanted)
        errors.print(
            f"precision {point.precision:g}: where the model was measured, {point.answered:.0%} of the songs were "
            f"answered and {point.right:.0%} of the answers right",
            style="dim",
        )
    return wanted


def strange(unknown: int, songs: int) -> None:
    """Warn where most songs sound like nothing that the model knows."""
    from zhanr.library.statistics import remark

    if text := remark(unknown, songs):
        warn(text)


def json_line(value: Mapping[str, Any]) -> None:
    """Print one JSON object on one line of standard output, at once."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def csv_row(values: Iterable[Any]) -> None:
    """Print one row of comma-separated values on standard output, at once."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    sys.stdout.write(buffer.getvalue())
    sys.stdout.flush()


def bar(*, hidden: bool = False) -> Progress:
    """A progress display on standard error; it draws nothing where that is not a terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=hidden or not errors.is_terminal,
    )


def results() -> Console:
    """Where results in words go: standard output, but where both are terminals the console that a bar is drawn on.

    Only the console that draws a bar can take it away before a line is printed.
    """
    out = Console(highlight=False)
    # asked of the streams themselves: FORCE_COLOR makes rich call a pipe a terminal
    both = sys.stdout.isatty() and sys.stderr.isatty()
    return errors if both and errors.is_terminal else out


@contextmanager
def progress(description: str, *, hidden: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """A bar as a function that is told (done, total), None where nobody knows it; a `hidden` one draws nothing."""
    with bar(hidden=hidden) as display:
        task = display.add_task(description, total=None)
        yield lambda done, total: display.update(task, completed=done, total=total)


def can_ask() -> bool:
    """Whether a person sits at the terminal, who can read a question and answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def warn(message: str) -> None:
    """Print a warning on standard error, whatever brackets a file's name may hold."""
    errors.print(message, style="yellow", markup=False)


def stop(message: str) -> NoReturn:
    """End the command with an error, as `main` does with the package's own."""
    fail(f"zhanr: {message}")
    raise typer.Exit(1)


def fail(message: str) -> None:
    """Print an error on standard error."""
    errors.print(message, style="red", markup=False)
