"""`zhanr lab data check` and `zhanr lab extract`; `zhanr lab data split` has a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zhanr.cli import output
from zhanr.lab.cli.split import split

app = typer.Typer(no_args_is_help=True)
app.command("split")(split)


@app.command("check")
def check(
    directory: Annotated[Path, typer.Argument(help="GTZAN, a folder with one folder a genre, or a CSV manifest.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Files to read at once (default: half the cores).")] = None,
) -> None:
    """Report unreadable, silent, clipped, too short and duplicate files before anything is trained on them.

    Exit code 0: nothing found; 1: something found.
    """
    from zhanr.lab.check import check_dataset
    from zhanr.lab.datasets import open_dataset

    dataset = open_dataset(directory, strict=False)
    with output.progress("checking") as tell:
        report = check_dataset(dataset, jobs=jobs or output.default_jobs(), progress=tell)
    if as_json:
        output.json_line(report.to_dict())
    else:
        for finding in report.findings:
            typer.echo(f"{finding.kind:15} {', '.join(map(str, finding.paths))}: {finding.detail}")
        typer.echo(report.summary())
    if report.findings:
        raise typer.Exit(1)


def extract(
    dataset: Annotated[Path, typer.Argument(help="GTZAN, a folder with one folder a genre, or a CSV manifest.")],
    store: Annotated[Path, typer.Option("-o", "--output", help="The feature store to write (.npz).")],
    config: Annotated[
        Path | None,
        typer.Option(
            help="A TOML file with a table \\[features] and perhaps \\[windows]; default: those of the model gtzan."
        ),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Files to read at once (default: half the cores).")] = None,
) -> None:
    """Turn a data set of audio into a feature store, which training and evaluation read.

    Files that can't be read (GTZAN's jazz.00054 is one everywhere) are named on standard error and left out.
    """
    from zhanr.bundle import STORE_MODEL, load_bundle
    from zhanr.config import FeatureConfig, WindowConfig, read_toml
    from zhanr.lab.datasets import open_dataset
    from zhanr.lab.extract import extract_dataset

    tables = read_toml(config) if config else {}
    card = load_bundle(STORE_MODEL).card
    features = FeatureConfig.from_dict(tables["features"], where="features") if "features" in tables else card.features
    windows = WindowConfig.from_dict(tables["windows"], where="windows") if "windows" in tables else card.windows
    data = open_dataset(dataset)
    with output.progress("extracting") as tell:
        result, failures = extract_dataset(data, features, windows, jobs=jobs or output.default_jobs(), progress=tell)
    result.save(store)
    for problem in [*data.problems, *failures]:
        output.warn(f"left out: {problem}")
    typer.echo(f"{store}: {len(result.names)} excerpts of {len(set(result.labels))} genres")
