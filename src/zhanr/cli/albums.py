"""`zhanr library albums`: one genre for each album or artist, and how much its songs differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from zhanr.cli import output
from zhanr.cli.library import Filter, Json, open_library, query_of
from zhanr.cli.scan import LibraryOption
from zhanr.errors import AudioError

if TYPE_CHECKING:
    from zhanr.card import Card
    from zhanr.library import Song
    from zhanr.library.albums import Album, By
    from zhanr.prediction import Prediction

COLUMNS = ("artist", "album", "folder", "genre", "best", "confidence", "agreement", "songs", "corrected", "seconds")
"""Of the JSON form, what the table has; `songs_by_genre` and `reason` stand behind."""


def albums(
    context: typer.Context,
    filters: Filter = None,
    by: Annotated[output.Together, typer.Option(help="One answer for each album, or for each artist.")] = "album",
    precision: output.PrecisionOption = None,
    library: LibraryOption = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a table of comma-separated values.")] = False,
) -> None:
    """Tell the genre of whole albums: what all songs say together, and how many of them say the same.

    A filter picks the albums of which it picks a song. Of the songs, your corrections are certain.
    """
    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv")
    from zhanr.library.albums import albums as find
    from zhanr.vocabulary import least

    with open_library(context, library) as opened:
        found = find(opened, query_of(filters), by=by, least=least(opened, output.precision(precision)))
    show(found, by, as_json=as_json, as_csv=as_csv)


def show(found: list[Album], by: By, *, as_json: bool, as_csv: bool) -> None:
    """Print albums or artists as lines, JSON lines or a table."""
    if as_csv:
        output.csv_row([*COLUMNS, "songs_by_genre", "reason"])
    width = max((len(album.genre or "not sure") for album in found), default=0)
    console = output.results()
    for album in found:
        values = album.to_dict()
        if as_json:
            output.json_line(values)
        elif as_csv:
            cells = [values[name] for name in COLUMNS]
            output.csv_row(["" if cell is None else cell for cell in (*cells, _counts(album), album.reason)])
        else:
            console.print(_line(album, width), soft_wrap=True)
    if not (as_json or as_csv):
        sure = sum(album.genre is not None for album in found)
        typer.echo(f"{output.many(len(found), by)}, {sure:,} with a genre")


def _line(album: Album, width: int) -> Text:
    """Genre, probability, how many of the songs are of it, whose they are, and what the others are."""
    line = Text(f"{album.genre or 'not sure':<{width}} ", style="bold" if album.genre else "dim italic")
    line.append(f"{album.confidence:>4.0%}  ")
    agreeing = f"{album.genres.get(album.best, 0)}/{album.songs}"
    line.append(f"{agreeing:>7}  {album.name}")
    if len(album.genres) > 1 or album.genre is None:
        line.append(f"   {_counts(album)}", style="dim")
    return line


def _counts(album: Album) -> str:
    return ", ".join(f"{genre} {count}" for genre, count in album.genres.items())


class Together:
    """Gathers what is said of files, and tells of their albums at the end; what can't be read is told at once."""

    def __init__(self, by: By, card: Card, *, as_json: bool, as_csv: bool) -> None:
        self._by, self._least = by, card.thresholds.get("confidence", 0.0)
        self._as_json, self._as_csv = as_json, as_csv
        self._songs: list[Song] = []

    def __call__(self, result: Prediction | AudioError) -> None:
        """Take a result in."""
        from zhanr.tags.labels import labelled

        if isinstance(result, AudioError):
            if self._as_json:
                output.json_line({"path": result.path, "error": result.reason})
            else:
                output.fail(f"{result.path}: {result.reason}")
        else:
            self._songs.append(labelled(Path(result.path), result, len(self._songs)))

    def show(self) -> None:
        """Print the albums."""
        from zhanr.library.albums import in_order, together

        found = in_order(together(lambda: self._songs, self._by, self._least))
        show(found, self._by, as_json=self._as_json, as_csv=self._as_csv)
