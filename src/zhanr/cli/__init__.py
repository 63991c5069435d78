"""The command line. Everything heavy is imported inside a command, so that `zhanr --help` is instant."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from zhanr import __version__
from zhanr.cli import (
    albums,
    classify,
    completion,
    correct,
    learn,
    library,
    model,
    scan,
    serve,
    settings,
    similar,
    tag,
)
from zhanr.errors import ZhanrError
from zhanr.files import write_failure
from zhanr.lab.cli import app as lab

MOVED = ("data", "extract", "train", "evaluate", "study", "plot", "handmade")
"""Commands of the first edition that are now in `zhanr lab`; their old names say so for one release."""

app = typer.Typer(
    name="zhanr",
    help="Tells the genre of every song you own: offline, with a probability you can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"zhanr {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Options of `zhanr` itself; the version is printed before any command is looked for."""
    del version


app.command("classify")(classify.classify)
app.command("scan")(scan.scan)
app.add_typer(library.app, name="library", help="See, filter, export and correct what a scan has found.")
library.app.command("albums")(albums.albums)
library.app.command("correct")(correct.correct)
library.app.command("duplicates")(similar.duplicates)
app.add_typer(tag.app, name="tag", help="Write genres into the files: plan, look, apply, undo.")
app.command("similar")(similar.similar)
app.command("learn")(learn.learn)
app.command("app")(serve.app)
app.add_typer(model.app, name="model", help="See the models that there are and what they say of themselves.")
app.add_typer(settings.app, name="settings", help="See and change what you don't want to type each time.")
app.command("completion")(completion.completion)
app.add_typer(lab, name="lab", help="The bench: data sets, training, evaluation, studies and figures.")


def _moved(name: str) -> None:
    @app.command(name, hidden=True, context_settings={"ignore_unknown_options": True, "help_option_names": []})
    def tell(_arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
        typer.echo(f"zhanr: `zhanr {name}` is now `zhanr lab {name}`", err=True)
        raise typer.Exit(2)


for _name in MOVED:
    _moved(_name)


def main() -> None:
    """Run the command line: exit code 0 if all is well, 1 if something failed, 2 for wrong usage."""
    for stream in (sys.stdout, sys.stderr):  # a file name that is not valid Unicode is shown escaped, never a crash
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    completion.prepare()
    try:
        app()
    except ZhanrError as error:
        typer.echo(f"zhanr: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("zhanr: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output, `head` for one, has left
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if error.filename is not None:
            raise
        typer.echo(f"zhanr: what it says can't be written: {write_failure(error)}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left would fail again
        sys.exit(1)
