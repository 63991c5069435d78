"""What the commands share: consoles, progress on standard error, one JSON object a line on standard output."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

T = TypeVar("T")
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def default_jobs() -> int:
    """Half of the processor's cores: a laptop stays usable while it works."""
    return max(1, (os.cpu_count() or 2) // 2)


def json_line(value: Mapping[str, Any]) -> None:
    """Print one JSON object on one line of standard output, at once."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def progress_bar() -> Progress:
    """A progress display on standard error; it draws nothing where that is not a terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )


def track(items: Iterable[T], *, description: str, total: int | None = None) -> Iterator[T]:
    """Pass items through while a progress bar counts them."""
    with progress_bar() as progress:
        yield from progress.track(items, total=total, description=description)


def warn(message: str) -> None:
    """Print a warning on standard error, whatever brackets a file's name may hold."""
    errors.print(message, style="yellow", markup=False)


def fail(message: str) -> None:
    """Print an error on standard error."""
    errors.print(message, style="red", markup=False)
