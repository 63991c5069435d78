"""`zhanr scan`: folders into the library, as far as they are new or changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from zhanr import settings
from zhanr.cli import cluster, output
from zhanr.scan.pace import Pace

if TYPE_CHECKING:
    from zhanr.library import Library
    from zhanr.scan.scan import Scan, Summary

LINE_SECONDS = 10.0  # between lines of progress where no terminal draws a bar

LibraryOption = Annotated[
    Path | None, typer.Option("--library", help="The library file (default: the one in your data folder).")
]


def scan(
    folders: Annotated[list[Path], typer.Argument(help="Folders, with all that is in them, and files.")],
    library: LibraryOption = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Songs to work on at once (default: half the cores).")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Listen to so many files at most; the rest next time.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what another model has classified, and what failed before.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(help="A built-in model's name, or a .onnx file.", show_default="the one of the library"),
    ] = None,
    mix: Annotated[
        bool, typer.Option("--mix", help="Let this model do the new songs, beside those of the library's own model.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on as files come, are moved or deleted, until Ctrl-C.")
    ] = False,
    precision: output.PrecisionOption = None,
    seconds: Annotated[
        float, typer.Option("--time-limit", min=1, help="Seconds that a file may take; large files get more.")
    ] = 60,
    memory: Annotated[float, typer.Option("--memory-limit", min=0.1, help="Gigabytes that a file may take.")] = 2,
    engine: cluster.EngineOption = "local",
    target: cluster.Target = None,
    address: cluster.Address = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Classify the songs of folders that are new or changed, and keep the answers in the library.

    It may be stopped at any time, and goes on there the next time. Exit code 0: done (`zhanr library failures` shows
    the files that could not be read); 1: a folder could not be read; 130: stopped.

    With --engine ray, many machines do it: folders may be URLs (s3://bucket/music), and the answers go to Parquet files
    in the folder of -o, for `zhanr library import`.
    """
    if engine == "ray" or target or address:
        if engine != "ray" or any((library, limit, again, mix, watch)):
            raise typer.BadParameter(
                "-o and --address go with --engine ray; --library, --limit, --watch and such don't"
            )
        cluster.scan(
            folders,
            target,
            address,
            model=model or settings.text("model"),
            jobs=jobs,
            limits=(seconds, memory),
            as_json=as_json,
        )
        return
    if watch and (limit or not all(map(os.path.isdir, folders))):
        raise typer.BadParameter("--watch is for folders that are there, and takes no --limit")
    from zhanr.library import Library
    from zhanr.scan.analyse import analyser
    from zhanr.scan.scan import Scan
    from zhanr.scan.worker import Limits
    from zhanr.vocabulary import model_for, note

    with Library.open(library) as opened:
        bundle = model_for(opened, model, again=again, mix=mix)
        start, sha256 = analyser(bundle, precision=output.expect(bundle.card, output.precision(precision)))
        note(opened, bundle, mix=mix)
        make = partial(
            Scan,
            opened,
            start,
            sha256,
            jobs=jobs or output.default_jobs(),
            limit=limit,
            again=again,
            limits=Limits(seconds=seconds, memory=int(memory * 2**30)),
        )
        report = partial(_report, library=opened.path, model=bundle.reference, as_json=as_json)
        if watch:
            _watch(folders, make, report)
        code = _once(folders, make, partial(report, limited=limit is not None))
        _advise(opened)
    raise typer.Exit(code)


def _once(folders: list[Path], make: Callable[..., Scan], report: Callable[..., None]) -> int:
    """Scan, report, and give the exit code."""
    stopped = False
    with _progress() as tell:
        work = make(progress=tell)
        try:
            work.run(folders)
        except KeyboardInterrupt:
            stopped = True
    report(work.summary, stopped=stopped)
    return 130 if stopped else 1 if work.summary.problems else 0


def _watch(folders: list[Path], make: Callable[..., Scan], report: Callable[..., None]) -> NoReturn:
    """Scan, report, and again whenever something changes, until Ctrl-C."""
    try:
        from zhanr.scan.watch import Leave, watch
    except ModuleNotFoundError:
        output.stop("--watch needs a package more: `pip install watchfiles`")
    running: Scan | None = None

    def scan(paths: list[str], leave: Leave) -> Summary:
        nonlocal running
        with _progress() as tell:
            running = make(progress=tell, leave=leave)
            return running.run(paths)

    try:
        for number, summary in enumerate(watch(folders, scan)):
            running = None
            if number == 0 or summary.eventful:
                report(summary)
            if number == 0:
                output.errors.print("watching; Ctrl-C ends it", style="dim")
    except KeyboardInterrupt:
        if running is not None:
            report(running.summary, stopped=True)
    output.errors.print("stopped", style="dim")
    raise typer.Exit(130)


def _advise(library: Library) -> None:
    from zhanr.library.statistics import statistics
    from zhanr.vocabulary import advice

    numbers = statistics(library)
    output.strange(numbers["unknown"], numbers["songs"])
    if hint := advice(library):
        output.warn(hint)


def _report(
    summary: Summary, *, library: Path, model: str, as_json: bool, stopped: bool = False, limited: bool = False
) -> None:
    for path, reason in summary.problems:
        output.fail(f"{path}: {reason}")
    if as_json:
        output.json_line(summary.to_dict() | {"stopped": stopped, "library": str(library), "model": model})
        return
    done = [
        (summary.classified, "classified"),
        (summary.retagged, "re-tagged"),
        (summary.moved, "moved"),
        (summary.copies, "copies of known ones"),
        (summary.failed, "failed"),
        (summary.gone, "vanished"),
        (summary.unchanged, "unchanged"),
        (summary.left, "left for the next scan"),
    ]
    parts = ", ".join(f"{n:,} {what}" for n, what in done if n)
    typer.echo(f"{output.many(summary.found, 'song')} found" + (f": {parts}" if parts else ""))
    for line in _remarks(summary, model, stopped=stopped, limited=limited):
        typer.echo(line)
    typer.echo(f"library: {library}, model: {model}")


def _remarks(summary: Summary, model: str, *, stopped: bool, limited: bool) -> Iterator[str]:
    if stopped or (limited and summary.left):
        yield "the next `zhanr scan` goes on here"
    if summary.missing:
        yield f"{output.many(summary.missing, 'song')} can't be found any more; kept until `zhanr library prune`"
    if summary.returned:
        yield f"{output.many(summary.returned, 'song')} came back"
    if summary.failed:
        yield "`zhanr library failures` shows what failed, and why"
    if summary.other_model:
        yield (
            f"{output.many(summary.other_model, 'song')} classified with another model; "
            f"`zhanr scan --again FOLDER` classifies anew with {model}"
        )


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """Tell on standard error how far it is: a bar in a terminal, a line now and then elsewhere."""
    pace = Pace()
    if not output.errors.is_terminal:
        yield _line_now_and_then(pace)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=output.errors, transient=True) as display:
        task = display.add_task("", total=None, pace="")
        yield lambda what, done, total: display.update(
            task, description=what, completed=done, total=total, pace=pace.tell(done, total)
        )


def _line_now_and_then(pace: Pace) -> Callable[[str, int, int | None], None]:
    last = time.monotonic()

    def tell(what: str, done: int, total: int | None) -> None:
        nonlocal last
        text = pace.tell(done, total)
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            output.errors.print(f"{what}: {text}", markup=False)

    return tell
