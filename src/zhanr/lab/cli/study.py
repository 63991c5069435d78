"""`zhanr lab study`: the studies of what a genre classifier's accuracy depends on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zhanr.cli import output

if TYPE_CHECKING:
    from zhanr.lab.studies.runner import Run

RESULTS = Path("results")


def study(
    names: Annotated[
        list[str] | None, typer.Argument(help="Studies to run; none: list them.", show_default=False)
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="The same code in a minute or two: less of everything.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, one core each.")] = 1,
    data: Annotated[
        Path | None, typer.Option(help="The folder of the data (default: $ZHANR_GTZAN, or this folder).")
    ] = None,
    train: Annotated[Path | None, typer.Option(help="The feature store of the training part.")] = None,
    valid: Annotated[Path | None, typer.Option(help="The feature store of the validation part.")] = None,
    audio: Annotated[Path | None, typer.Option(help="Real audio, for the studies that need it.")] = None,
    directory: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help=f"Where table and figure go (default: {RESULTS}; quick: runs/studies/quick)."
        ),
    ] = None,
) -> None:
    """Run studies: several seeds of every case, a table (Markdown and CSV) and a figure each.

    Single runs are kept in runs/studies: a study that was interrupted goes on, and nothing is run twice.
    """
    try:
        from zhanr.lab.studies import STUDIES, appearance_page, report
        from zhanr.lab.studies.material import Material
        from zhanr.lab.studies.runner import FOLDER, run_study
    except ModuleNotFoundError as error:
        output.stop(f"studies need the package {error.name}: install zhanr with its extra, pip install 'zhanr[train]'")
    if not names:
        for one in STUDIES.values():
            typer.echo(f"{one.name:14} {one.question}")
        typer.echo(f"{appearance_page.NAME:14} {appearance_page.QUESTION}")
        return
    known = [*STUDIES, appearance_page.NAME]
    if unknown := sorted(set(names) - set(known)):
        raise typer.BadParameter(f"no study is called {', '.join(unknown)} (there are: {', '.join(known)})")
    material = Material(data or Material.default_folder(), train, valid, audio, quick)
    for name in names:
        if name == appearance_page.NAME:  # nothing is trained: no cases, no seeds
            typer.echo(appearance_page.write(material, directory or (FOLDER / "quick" if quick else RESULTS))[0])
            continue
        runs = run_study(STUDIES[name], material, jobs=jobs, tell=_tell)
        folder = directory or (FOLDER / "quick" if quick else RESULTS)
        text, *_ = report.write(STUDIES[name], runs, material, folder)
        _show(list(report.rows(STUDIES[name], report.summarise(runs))))
        typer.echo(f"{text}")


def _show(rows: list[list[str]]) -> None:
    """The table, as wide as the terminal lets it be; of Markdown there is a file."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for i, heading in enumerate(rows[0]):
        table.add_column(heading, justify="right" if i else "left")
    for row in rows[1:]:
        table.add_row(*map(Text, row))
    Console(highlight=False).print(table)


def _tell(run: Run, fresh: bool) -> None:
    """A line for each run on standard error."""
    took = f"{run.result.about['seconds']:.0f} s" if fresh else "kept"
    name = f"{run.case.series} {run.case.name}".strip()
    output.errors.print(f"{name}, seed {run.seed}: {run.scores['song_accuracy']:.1%} of songs ({took})", markup=False)
