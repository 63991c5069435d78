"""`zhanr library correct`: the person's word on a song, or on all that a filter picks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zhanr.cli import output
from zhanr.cli.library import Json, open_library
from zhanr.cli.scan import LibraryOption
from zhanr.errors import LibraryError

if TYPE_CHECKING:
    from zhanr.library import Library, Song
    from zhanr.library.corrections import Change

FIRST = 5  # songs that a preview names


def correct(
    context: typer.Context,
    path: Annotated[Path | None, typer.Argument(help="A song of the library.")] = None,
    genre: Annotated[str | None, typer.Argument(help="What it really is.")] = None,
    where: Annotated[
        str | None, typer.Option(help="Instead of one song, all that a filter picks: 'artist~ramones genre=rock'.")
    ] = None,
    word: Annotated[str | None, typer.Option("--genre", help="What they really are.")] = None,
    accept: Annotated[
        bool, typer.Option("--accept-best", help="Let each be what the model finds likeliest, where you said nothing.")
    ] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Take your word back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before many songs are changed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be changed.")] = False,
    library: LibraryOption = None,
    as_json: Json = False,
) -> None:
    """Tell the genre of songs yourself; that counts more than any model, and a model can learn from it.

    Of many songs (--where) it is shown what would change, and asked; where nobody can be asked, --yes or --dry-run says
    what to do. A genre that the library knows is spelt as it is there.
    """
    words = [" ".join(text.split()) for text in (genre, word) if text is not None]
    if (path is None) == (where is None):
        raise typer.BadParameter(
            "name either a song and its genre, or a filter with --where and the genre with --genre"
        )
    if len(words) + accept + clear != 1 or "" in words:
        raise typer.BadParameter("write either a genre or --clear, or --accept-best")
    if where is not None and not (yes or dry_run) and not output.can_ask():
        raise typer.BadParameter("many songs: write --yes, or --dry-run to see what would be changed")
    from zhanr.library import corrections

    with open_library(context, library, write=not dry_run) as opened:
        songs = list(opened.songs(where)) if path is None else [_song(opened, path)]
        changes = _changes(opened, songs, *words, accept=accept)
        if path is None:
            _ask(changes, len(songs), sure=yes or dry_run, quiet=as_json)
        done = 0 if dry_run else corrections.carry_out(opened, changes)
        after = None if path is None else _song(opened, path)
    _tell(after, changes, done, len(songs), dry_run=dry_run, as_json=as_json)


def _changes(library: Library, songs: list[Song], genre: str = "", *, accept: bool) -> list[Change]:
    from zhanr.library import corrections

    if genre:
        return corrections.corrected(library, songs, genre)
    return corrections.accepted(library, songs) if accept else corrections.cleared(songs)


def _ask(changes: Sequence[Change], n_songs: int, *, sure: bool, quiet: bool) -> None:
    """Show what would be changed, and go on only if that is wanted."""
    if not quiet:
        _preview(changes, n_songs)
    if changes and not sure:
        typer.confirm(f"Change {output.many(len(changes), 'song')}?", abort=True, err=True)


def _song(library: Library, path: Path) -> Song:
    song = library.song(path)
    if song is None:
        raise LibraryError(path, "this song is not in the library; scan its folder first")
    return song


def _preview(changes: Sequence[Change], n_songs: int) -> None:
    """What the songs are now and would be, how many of each, and the first of them."""
    kinds = Counter((c.answer or "not sure", bool(c.before), c.after or "what the model says") for c in changes)
    for (now, said, then), count in kinds.most_common():
        typer.echo(f"{count:>7,}  {now}{' (your word)' if said else ''} -> {then}")
    for change in changes[:FIRST]:
        typer.echo(f"         {change.location}")
    if len(changes) > FIRST:
        typer.echo(f"         and {len(changes) - FIRST:,} more")
    if n_songs > len(changes):
        typer.echo(f"{n_songs - len(changes):>7,}  stay as they are")


def _tell(
    song: Song | None, changes: Sequence[Change], done: int, n_songs: int, *, dry_run: bool, as_json: bool
) -> None:
    if song is not None and not dry_run:
        if as_json:
            output.json_line({"path": song.location, "genre": song.answer, "correction": song.correction})
        else:
            typer.echo(f"{song.location}: {song.answer or 'not sure'}" + (" (your word)" if song.correction else ""))
    elif as_json:
        counts = Counter(change.after for change in changes)
        words = [{"genre": genre, "songs": count} for genre, count in counts.most_common()]
        output.json_line({"songs": n_songs, "to_change": len(changes), "changed": done, "corrections": words})
    elif dry_run:
        output.warn(f"NOTHING WAS CHANGED: this was a trial of {output.many(len(changes), 'correction')}")
    else:
        typer.echo(f"{output.many(done, 'song')} changed")
