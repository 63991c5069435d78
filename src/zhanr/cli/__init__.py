"""The command line. Everything heavy is imported inside a command, so that `zhanr --help` is instant."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from zhanr import __version__
from zhanr.cli import app as serving
from zhanr.cli import classify, data, evaluate, handmade, library, model, plot, scan, similar, study, tag, train
from zhanr.errors import ZhanrError

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
app.command("similar")(similar.similar)
app.command("app")(serving.app)
library.app.command("duplicates")(similar.duplicates)
app.command("extract")(data.extract)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("study")(study.study)
app.add_typer(library.app, name="library", help="See, filter, export and correct what a scan has found.")
app.add_typer(tag.app, name="tag", help="Write genres into the files: plan, look, apply, undo.")
app.add_typer(model.app, name="model", help="See the models that there are and what they say of themselves.")
app.add_typer(plot.app, name="plot", help="Draw sound, networks, and what models say of songs.")
app.add_typer(handmade.app, name="handmade", help="Hand-made features: from audio, and what can be learnt of them.")
app.add_typer(data.app, name="data", help="Look after the music that a model is trained on.")


def main() -> None:
    """Run the command line: exit code 0 if all is well, 1 if something failed, 2 for wrong usage."""
    for stream in (sys.stdout, sys.stderr):  # a file name that is not valid Unicode is shown escaped, never a crash
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
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
