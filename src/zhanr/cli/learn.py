"""`zhanr learn`: a model with one's own genres, and an honest report before it replaces anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zhanr.cli import output
from zhanr.cli.scan import LibraryOption, scan

if TYPE_CHECKING:
    from zhanr.learn.comparison import Comparison
    from zhanr.learn.train import Result


def learn(
    target: Annotated[
        Path | None, typer.Option("-o", "--output", help="The model file (default: own.onnx beside the library).")
    ] = None,
    library: LibraryOption = None,
    model: Annotated[str | None, typer.Option(help="The model that the library was scanned with.")] = None,
    trust_tags: Annotated[
        bool,
        typer.Option("--trust-tags", help="Learn from the genre tags of your files, too, not from corrections alone."),
    ] = False,
    where: Annotated[
        str | None, typer.Option(help="Learn from the songs of a filter only: --where 'path~collection'.")
    ] = None,
    use: Annotated[
        bool, typer.Option("--use", help="Classify the library's songs anew with the model at once, if it was written.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write the model even if it is not better.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Learn your own genres from your corrections, in seconds, and write a model of them.

    It is written only if it is better on artists that it never saw. Exit code 1 if it was not written.
    """
    try:
        from zhanr.learn.train import train
    except ModuleNotFoundError as error:
        output.stop(
            f"learning needs the package {error.name}; `pip install onnx threadpoolctl` installs all that is missing "
            "(in a copy of the source: pip install '.[learn]')"
        )
    from zhanr.library import Library

    with Library.open(library, create=False) as opened:
        path = target or opened.path.with_name("own.onnx")
        result = train(opened, path, model=model, trust_tags=trust_tags, query=where, force=force)
        songs = [song.path for song in opened.songs()] if use else []
    if as_json:
        output.json_line(_as_dict(result))
    else:
        _report(result, used=use)
    if result.written is None:
        raise typer.Exit(1)
    if use:
        scan(songs, library=library, model=str(result.written), again=True, as_json=as_json)


def _as_dict(result: Result) -> dict[str, object]:
    return {
        "comparison": result.comparison.to_dict(),
        "genres": list(result.genres),
        "left_out": dict(result.left_out),
        "written": None if result.written is None else str(result.written),
        "kept": None if result.saved is None else str(result.saved),
    }


def _report(result: Result, *, used: bool) -> None:
    told = result.comparison
    typer.echo(f"{output.many(told.songs, 'song')} of {len(result.genres)} genres: {', '.join(result.genres)}")
    if result.left_out:
        few = ", ".join(f"{genre} ({count})" for genre, count in result.left_out.items())
        typer.echo(f"left out, for there are too few songs or artists (these count as wrong): {few}")
    typer.echo("on songs of artists and albums that it was not trained on:")
    typer.echo(f"  right, of all {told.songs:,}:  new {told.new:.1%}, old {told.old:.1%}  {_interval(told.gain)}")
    if told.known and told.known_gain:
        typer.echo(
            f"  right, of the {told.known:,} whose genre the old one knows:  new {told.known_new:.1%}, "
            f"old {told.known_old:.1%}  {_interval(told.known_gain)}"
        )
    if told.retested:
        typer.echo(
            f"  {told.retested:,} of them had taught the old one, which was fitted anew without those that it was asked"
        )
    if bias := _bias(told):
        typer.echo(bias)
    if result.written is None:
        verdict = "is as good as the old one" if told.tied else "is not surely better"
        typer.echo(f"the new model {verdict}, and was not written; --force writes it all the same")
        return
    how = (
        "its genres come into the library now" if used else "`zhanr scan --again FOLDER` puts its genres in the library"
    )
    typer.echo(f"{result.written}: {how}")
    if result.saved is not None:
        typer.echo(f"{result.saved}: the model that was there before")


def _interval(gain: tuple[float, float, float]) -> str:
    mean, low, high = (100 * value for value in gain)
    return f"(gain {mean:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f})"


def _bias(told: Comparison) -> str | None:
    if told.corrections <= told.songs / 2:
        return None
    return (
        "note: people correct what is wrong, so corrections alone make the old model look worse than it is; "
        "confirm some right answers, too (`zhanr library correct`)"
    )
