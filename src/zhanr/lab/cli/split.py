"""`zhanr lab data split`: a feature store or a data set, divided into parts that share no artist and no audio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from zhanr.cli import output


def split(
    target: Annotated[Path, typer.Argument(help="A feature store (.npz), a data set's folder, or a CSV manifest.")],
    directory: Annotated[Path, typer.Option("-o", "--output", help="The folder for one file a part.")],
    by: Annotated[str, typer.Option(help="artist, random, or fault-filtered (GTZAN's published split).")] = "artist",
    shares: Annotated[
        str, typer.Option(help="The parts and how large they are.")
    ] = "train=60,valid=20,test=10,holdout=10",
    seed: Annotated[int, typer.Option(help="Another seed, another split.")] = 0,
) -> None:
    """Divide labelled music: train, validate, test, and a hold-out group that is scored once, at the very end.

    A store gives a store for each part, for `zhanr lab train` and `evaluate`; audio gives a manifest for each, for
    `zhanr lab extract` and `evaluate`. Identical audio stays in one part, and so does an artist unless --by random.
    """
    from zhanr.lab.datasets import divide, open_labelled

    if by not in ("artist", "random", "fault-filtered"):
        raise typer.BadParameter(f"--by is artist, random or fault-filtered, not {by!r}")
    data = open_labelled(target)
    parts = divide.divide(data, cast(divide.Way, by), divide.parse_shares(shares), seed)
    files = divide.write(data, parts, directory)
    for part, path in files.items():
        typer.echo(f"{path}: {len(parts[part])} songs")
    left = len(data.names) - sum(map(len, parts.values()))
    if left:
        output.warn(f"left out: {left} songs that are in no part of this split")
