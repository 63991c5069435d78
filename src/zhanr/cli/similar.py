"""`zhanr similar` and `zhanr library duplicates`: what sounds alike, and what is the same recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from zhanr.cli import output
from zhanr.cli.library import Absolute, Json, open_library
from zhanr.cli.scan import LibraryOption

if TYPE_CHECKING:
    from zhanr.library import Library, Song
    from zhanr.library.similar import Neighbour


def similar(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A song of the library, or any other music file.")],
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many songs to find.")] = 10,
    metric: Annotated[Literal["cosine", "euclidean"], typer.Option(help="How distance is measured.")] = "cosine",
    playlist: Annotated[
        Path | None, typer.Option(help="Also write an M3U8 playlist that starts with the song itself.")
    ] = None,
    absolute: Absolute = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a playlist that is there already.")] = False,
    model: Annotated[
        str | None,
        typer.Option(help="The model for a file that is not in the library.", show_default="the one of the library"),
    ] = None,
    library: LibraryOption = None,
    as_json: Json = False,
) -> None:
    """Find songs of the library that sound like one: distance, genre, file."""
    from zhanr.library.export import export
    from zhanr.library.similar import SimilarSongs

    with open_library(context, library) as opened:
        seed = _seed(opened, path, model)
        hits = SimilarSongs(opened, metric, model_sha256=seed.model_sha256).find(seed.embedding, n, seed=seed)
    for hit in hits:
        _show(hit, as_json=as_json)
    if playlist is not None:
        count = export([seed, *(hit.song for hit in hits)], playlist, "m3u", absolute=absolute, force=force)
        output.errors.print(f"{playlist}: {output.many(count, 'song')}", markup=False)


def _seed(library: Library, path: Path, model: str | None) -> Song:
    """The song to compare with, with its embedding: from the library, or analysed now."""
    known = library.song(path, embedding=True)
    if known is not None and known.embedding is not None:
        return known
    from zhanr.classifier import Classifier
    from zhanr.scan.analyse import song_of
    from zhanr.vocabulary import model_for

    classifier = Classifier(model_for(library, model))
    path = path.absolute()
    return song_of(path, classifier.predict(path), classifier.bundle.sha256)


def _show(hit: Neighbour, *, as_json: bool) -> None:
    song = hit.song
    if as_json:
        output.json_line({"distance": round(hit.distance, 6)} | song.to_dict())
    else:
        typer.echo(f"{hit.distance:.4f}  {song.answer or 'not sure':<11} {song.location}")


def duplicates(
    context: typer.Context,
    distance: Annotated[
        float | None, typer.Option(min=0, max=2, help="How far apart two embeddings may be to be compared closely.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="How much longer one file of a recording may be than the other.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Songs to work on at once (default: half the cores).")] = None,
    library: LibraryOption = None,
    as_json: Json = False,
) -> None:
    """Find recordings that are there more than once, in whatever format; nothing is deleted."""
    from zhanr.scan.duplicates import find_duplicates

    given: dict[str, Any] = {"distance": distance, "seconds": seconds}
    options = {name: value for name, value in given.items() if value is not None}
    with open_library(context, library) as opened, output.progress("comparing") as tell:
        groups = find_duplicates(opened, jobs=jobs or output.default_jobs(), progress=tell, **options)
    for group in groups:
        if as_json:
            output.json_line({"exact": group.exact, "songs": [song.to_dict() for song in group.songs]})
            continue
        typer.echo("the same audio:" if group.exact else "the same recording:")
        for song in group.songs:
            typer.echo(f"  {song.size / 1e6:8.1f} MB  {song.location}")
    if not as_json:
        typer.echo(
            f"{output.many(len(groups), 'recording')} {'is' if len(groups) == 1 else 'are'} there more than once"
        )
