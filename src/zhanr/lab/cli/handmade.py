"""`zhanr lab handmade`: hand-made features from audio, and what classifiers make of such a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zhanr.cli import output

app = typer.Typer(no_args_is_help=True)

USUAL = ("svm", "knn", "logistic")


@app.command("extract")
def extract(
    dataset: Annotated[Path, typer.Argument(help="GTZAN, a folder with one folder a genre, or a CSV manifest.")],
    table: Annotated[Path, typer.Option("-o", "--output", help="The table to write (.csv).")],
    seconds: Annotated[float, typer.Option(min=1.0, help="How much of each track, from its middle.")] = 30.0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Files to read at once (default: half the cores).")] = None,
) -> None:
    """Write a table with 30 features a track: timbre, rhythm and pitch after Tzanetakis & Cook (2002).

    Files that can't be read are named on standard error and left out.
    """
    from zhanr.lab.datasets import open_dataset
    from zhanr.lab.handmade.extraction import extract_table

    data = open_dataset(dataset)
    with output.progress("extracting") as tell:
        result, failures = extract_table(data, seconds=seconds, jobs=jobs or output.default_jobs(), progress=tell)
    result.save(table)
    for problem in [*data.problems, *failures]:
        output.warn(f"left out: {problem}")
    typer.echo(f"{table}: {len(result)} tracks of {len(result.genres)} genres, {len(result.columns)} features")


@app.command("evaluate")
def evaluate(
    table: Annotated[Path, typer.Argument(help="A table of `handmade extract`, or GTZAN's features_30_sec.csv.")],
    classifier: Annotated[
        list[str] | None,
        typer.Option(help="svm, knn, logistic, boosting (slow) or guess; may be repeated (default: the first three)."),
    ] = None,
    split: Annotated[
        str, typer.Option(help="artists: five folds, no artist in two; random: five folds; fault_filtered: GTZAN's.")
    ] = "artists",
    group: Annotated[
        list[str] | None, typer.Option(help="Only the features timbre, rhythm or pitch; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Deals the folds.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a classifier.")] = False,
) -> None:
    """Train classifiers on a table of features, and say how many songs they get right that they have not seen.

    The settings of a classifier are chosen inside the part that it learns from.
    """
    from zhanr.lab.datasets.table import Table

    try:
        from zhanr.lab.training.classical import CLASSIFIERS, PROTOCOLS, predict_unseen
    except ModuleNotFoundError as error:
        output.stop(f"this needs the package {error.name}: install zhanr with its extra, pip install 'zhanr[train]'")
    features = _select(Table.load(table), group)
    for name in classifier or USUAL:
        result = _scores(predict_unseen(name, features, split, seed=seed))
        about = {"classifier": name, "split": split, "features": len(features.columns), "seed": seed}
        if as_json:
            output.json_line(about | result)
        else:
            low, high = result["ci95"]
            title = CLASSIFIERS[name].title if name in CLASSIFIERS else name
            typer.echo(
                f"{title:20} {result['accuracy']:6.1%} of {result['n']} songs right "
                f"(95 % interval {low:.1%} to {high:.1%})"
            )
    if not as_json:
        known = sum(map(bool, features.artists))
        whose = f" ({known} of {len(features.names)} tracks have a known artist)" if split == "artists" else ""
        typer.echo(f"{len(features.columns)} features; {PROTOCOLS[split]}{whose}")


def _select(table: Any, groups: list[str] | None) -> Any:
    from zhanr.lab.handmade import GROUPS

    if not groups:
        return table
    if unknown := sorted(set(groups) - set(GROUPS)):
        raise typer.BadParameter(f"no features are called {', '.join(unknown)} (there are: {', '.join(GROUPS)})")
    return table.select([column for name in GROUPS if name in groups for column in GROUPS[name]])


def _scores(result: Any) -> dict[str, Any]:
    from zhanr.metrics import wilson_interval

    right, n = int(result.right.sum()), len(result.right)
    return {
        "n": n,
        "accuracy": right / n,
        "ci95": wilson_interval(right, n),
        "nll": float(result.loss.mean()),
        "learnt_from": result.learnt,
        "settings": dict(result.fitted.settings),
    }
