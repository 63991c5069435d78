"""`zhanr scan --engine ray`: the same on many machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from zhanr.cli import output

EngineOption = Annotated[Literal["local", "ray"], typer.Option("--engine", help="This machine, or a Ray cluster.")]
Target = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="FOLDER", help="With ray: where the Parquet files go (or a URL)."),
]
Address = Annotated[
    str | None, typer.Option(help="With ray: the cluster, such as auto (default: $RAY_ADDRESS, else this machine).")
]


def scan(
    roots: Sequence[Path],
    target: str | None,
    address: str | None,
    *,
    model: str | None,
    jobs: int | None,
    limits: tuple[float, float],
    as_json: bool,
) -> None:
    """Run it and say what came of it."""
    if target is None:
        raise typer.BadParameter("--engine ray needs -o FOLDER for its Parquet files")
    from zhanr.library import Song
    from zhanr.scan import ray
    from zhanr.scan.worker import Limits

    seconds, memory = limits
    with output.progress("parts") as tell:
        summary = ray.scan(
            [Song(root).location for root in roots],
            target,
            model=model,
            address=address,
            workers=jobs,
            limits=Limits(seconds=seconds, memory=int(memory * 2**30)),
            progress=tell,
        )
    if as_json:
        output.json_line(summary.to_dict() | {"output": target})
        return
    known = f", {summary.known_parts:,} parts of {summary.parts:,} were there already" if summary.known_parts else ""
    typer.echo(f"{output.many(summary.songs, 'song')}{f', {summary.failed:,} failed' if summary.failed else ''}{known}")
    typer.echo(f"{target}: `zhanr library import {target}` takes them in")
