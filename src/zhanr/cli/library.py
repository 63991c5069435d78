"""`zhanr library`: what is in the library, as statistics, lists, tables and playlists, and the person's corrections."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.text import Text

from zhanr.cli import output
from zhanr.cli.scan import LibraryOption

if TYPE_CHECKING:
    from zhanr.library import Library, Song

app = typer.Typer(invoke_without_command=True)

Filter = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILTER]...", help="Conditions such as genre=jazz 'confidence<0.6' path~live 'artist~miles davis'."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Absolute = Annotated[
    bool, typer.Option("--absolute", help="Playlists with full paths (default: relative to where the playlist lies).")
]


def open_library(context: typer.Context, library: Path | None, *, write: bool = False) -> Library:
    """The library that `--library` names, before or after the command's name; it must be there.

    Unless it is to `write`, reading it must be enough: it may lie on a disk of somebody else's.
    """
    from zhanr.library import Library

    return Library.open(library or context.obj, create=False, readonly=not write)


def query_of(arguments: list[str] | None) -> str:
    """The filter that the words of the command line are. Raises `ConfigError`."""
    from zhanr.library import query

    return query.from_arguments(arguments or [])


@app.callback()
def overview(context: typer.Context, library: LibraryOption = None, as_json: Json = False) -> None:
    """Without a command: how many songs there are, and of what genres."""
    context.obj = library
    if context.invoked_subcommand is not None:
        if as_json:
            raise typer.BadParameter(f"write --json behind {context.invoked_subcommand!r}")
        return
    from zhanr.library.statistics import statistics
    from zhanr.vocabulary import advice

    with open_library(context, library) as opened:
        numbers, hint = statistics(opened), advice(opened)
    if as_json:
        output.json_line(numbers)
        return
    _show_statistics(numbers)
    output.strange(numbers["unknown"], numbers["songs"])
    if hint:
        output.warn(hint)


def _show_statistics(numbers: dict[str, Any]) -> None:
    console = Console(highlight=False)
    hours, size = numbers["seconds"] / 3600, numbers["bytes"]
    bulk = f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
    console.print(f"{output.many(numbers['songs'], 'song')}, {hours:,.1f} hours, {bulk}")
    rows = dict(numbers["genres"])
    if numbers["unsure"]:
        rows["not sure"] = numbers["unsure"]
    _show_bars(console, rows)
    for what in ("corrected", "failed", "missing"):
        if numbers[what]:
            console.print(f"{numbers[what]:,} {what}")
    if len(numbers["models"]) > 1:
        console.print(
            f"classified with {len(numbers['models'])} different models; `zhanr scan --again FOLDER` makes it one"
        )
    if numbers["model"]:
        console.print(f"model: {numbers['model']}", markup=False, soft_wrap=True)
    console.print(f"library: {numbers['library']}", markup=False, soft_wrap=True)


def _show_bars(console: Console, counts: dict[str, int]) -> None:
    """One bar a genre, as long as its share of the largest."""
    if not counts:
        return
    width, most = max(map(len, counts)), max(counts.values())
    digits = len(f"{most:,}")
    room = max(10, min(60, console.width - width - digits - 4))
    for name, count in counts.items():
        eighths = max(1, round(8 * room * count / most))
        bar = "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
        line = Text(f"{name:<{width}} {count:>{digits},} ").append(bar, style="dim" if name == "not sure" else "cyan")
        console.print(line, soft_wrap=True)


@app.command("list")
def list_songs(
    context: typer.Context,
    filters: Filter = None,
    order: Annotated[str, typer.Option(help="Column to sort by; -confidence is from high to low.")] = "path",
    limit: Annotated[int | None, typer.Option(min=1, help="Show so many at most.")] = None,
    library: LibraryOption = None,
    as_json: Json = False,
) -> None:
    """List songs: genre (with * where it is your word), probability, file."""
    with open_library(context, library) as opened:
        console = Console(highlight=False)
        for song in opened.songs(query_of(filters), order=order, limit=limit):
            if as_json:
                output.json_line(song.to_dict())
            else:
                console.print(_song_line(song), soft_wrap=True)


def _song_line(song: Song) -> Text:
    if song.error is not None and song.correction is None:
        return Text(f"{'failed':<11}      {song.location}: {song.error}", style="red")
    name = f"{song.correction}*" if song.correction else song.genre or "not sure"
    line = Text(f"{name:<11} ", style="" if song.answer else "dim italic")
    line.append(f"{'' if song.confidence is None else f'{song.confidence:.0%}':>4} ")
    line.append(f"{song.location}")
    if song.answer is None and song.best:
        line.append(f"   perhaps {song.best}", style="dim")
    return line


@app.command("failures")
def failures(context: typer.Context, library: LibraryOption = None, as_json: Json = False) -> None:
    """List the files that could not be classified, and why; `zhanr scan --again` tries them again."""
    with open_library(context, library) as opened:
        for song in opened.songs("error"):
            if as_json:
                output.json_line({"path": song.location, "error": song.error})
            else:
                typer.echo(f"{song.location}: {song.error}")


@app.command("export")
def export(
    context: typer.Context,
    target: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    filters: Filter = None,
    form: Annotated[
        str | None, typer.Option("--format", help="csv, manifest, json, parquet or m3u (default: by the file's name).")
    ] = None,
    absolute: Absolute = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
    library: LibraryOption = None,
    as_json: Json = False,
) -> None:
    """Write songs to a table (csv, json with an object a line, parquet with embeddings) or a playlist (m3u).

    A manifest is a data set for `zhanr lab extract`: the songs that you gave a genre, by a correction or by a tag.
    """
    from zhanr.library import export as exports

    form = form or {"jsonl": "json", "m3u8": "m3u"}.get(suffix := target.suffix.lower().lstrip("."), suffix)
    with open_library(context, library) as opened:
        songs = opened.songs(query_of(filters), embeddings=form == "parquet")
        count = exports.export(songs, target, form, absolute=absolute, force=force)
    _done(as_json, f"{target}: {output.many(count, 'song')}", path=str(target), songs=count)


@app.command("playlists")
def playlists(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("-o", "--output", help="The folder to write them into.")],
    filters: Filter = None,
    by: Annotated[
        Literal["genre", "style"], typer.Option(help="One list for each genre, or for each style.")
    ] = "genre",
    absolute: Absolute = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the lists that are there already.")] = False,
    library: LibraryOption = None,
    as_json: Json = False,
) -> None:
    """Write one M3U8 playlist per genre or style, with paths relative to the playlists, so that both may be moved."""
    from zhanr.library import playlists as lists

    with open_library(context, library) as opened:
        written = lists.playlists(opened, folder, query_of(filters), by=by, absolute=absolute, force=force)
    for name, (path, count) in written.items():
        _done(as_json, f"{path}: {output.many(count, 'song')}", **{by: name}, path=str(path), songs=count)
    if not written and not as_json:
        typer.echo(f"none of these songs has a {by}, so no playlist was written")


@app.command("disagree")
def disagree(
    context: typer.Context,
    filters: Filter = None,
    same: Annotated[
        list[str] | None, typer.Option(help="What a tag means: --same 'Alternative=rock'; may be repeated.")
    ] = None,
    library: LibraryOption = None,
    as_json: Json = False,
) -> None:
    """List songs whose own genre tag says something else than zhanr, the surest first."""
    from zhanr.library.agreement import Names, Verdict

    pairs = [text.rpartition("=") for text in same or []]
    if wrong := [name or genre for name, sign, genre in pairs if not (name and sign and genre)]:
        raise typer.BadParameter(f"--same is TAG=GENRE, not {wrong[0]!r}")
    names = Names({name: genre for name, _, genre in pairs})
    counts = dict.fromkeys(Verdict, 0)
    with open_library(context, library) as opened:
        for song in opened.songs(f"tagged {query_of(filters)}", order="-confidence"):
            verdict = names.compare(song)
            counts[verdict] += 1
            if verdict is Verdict.DISAGREE:
                _show_disagreement(song, as_json=as_json)
    if not as_json:
        typer.echo(
            f"{counts[Verdict.AGREE]:,} tags agree, {counts[Verdict.DISAGREE]:,} disagree; "
            f"of {counts[Verdict.UNKNOWN]:,} it can't be told (a name that the model doesn't know, or it is not sure)"
        )


def _show_disagreement(song: Song, *, as_json: bool) -> None:
    if as_json:
        output.json_line(
            {"path": song.location, "tag": song.tag_genre, "genre": song.genre, "confidence": song.confidence}
        )
    else:
        typer.echo(f"{song.location}: the tag says {song.tag_genre}, zhanr {song.genre} ({song.confidence or 0:.0%})")


@app.command("import")
def import_parquet(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="A Parquet file, or a folder of them.")],
    moved: Annotated[
        str | None,
        typer.Option(
            "--moved", metavar="FROM=TO", help="How paths began there, and begin here: s3://music=/mnt/music."
        ),
    ] = None,
    library: LibraryOption = None,
    as_json: Json = False,
) -> None:
    """Take in songs that were classified elsewhere (`zhanr scan --engine ray`, `zhanr library export`)."""
    from zhanr.library import Library, parquet

    before, sign, after = (moved or "").partition("=")
    if moved and not (before and sign and after):
        raise typer.BadParameter(f"--moved is FROM=TO, not {moved!r}")
    with Library.open(library or context.obj) as opened:
        count = parquet.import_songs(opened, source, replace=(before, after) if moved else None)
    _done(as_json, f"{output.many(count, 'song')} imported", path=str(source), songs=count)


@app.command("prune")
def prune(context: typer.Context, library: LibraryOption = None, as_json: Json = False) -> None:
    """Forget the songs that can't be found any more."""
    from zhanr.library.locations import forget_missing

    with open_library(context, library, write=True) as opened:
        count = forget_missing(opened)
    _done(as_json, f"{output.many(count, 'song')} forgotten", songs=count)


def _done(as_json: bool, text: str, **values: Any) -> None:
    if as_json:
        output.json_line(values)
    else:
        typer.echo(text)
