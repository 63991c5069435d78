"""`zhanr train`: a network from a feature store, shown live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zhanr.cli import output, own
from zhanr.cli.scan import LibraryOption

if TYPE_CHECKING:
    from zhanr.training.progress import Epoch, Progress


def train(
    config: Annotated[
        Path | None, typer.Argument(help="The run's settings (TOML); see configs/ for examples.", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where this run was stopped.")] = False,
    directory: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where the results go (default: runs/ and the config's name).")
    ] = None,
    from_library: own.FromLibrary = False,
    library: LibraryOption = None,
    model: own.Model = None,
    trust_tags: own.TrustTags = False,
    where: own.Where = None,
    force: own.Force = False,
    as_json: own.Json = False,
) -> None:
    """Train a network on feature stores and write its model file, learning curves and history.

    Ctrl-C saves the state; --resume goes on to the same result that an uninterrupted run gives.

    With --from-library, train a model with your own genres from your corrections, in seconds, and write it (-o
    MODEL.onnx, default: beside the library) if it is better on artists that it never saw.
    """
    if from_library:
        if config is not None or resume:
            raise typer.BadParameter("--from-library takes neither a config nor --resume")
        own.train_from_library(
            directory, library=library, model=model, where=where, trust_tags=trust_tags, force=force, as_json=as_json
        )
        return
    if config is None:
        raise typer.BadParameter("name a config, or use --from-library")
    if library or model or where or trust_tags or force or as_json:
        raise typer.BadParameter("--library, --model, --trust-tags, --where, --force, --json go with --from-library")
    try:
        from zhanr.training.loop import StoppedError
        from zhanr.training.run import train as run
    except ModuleNotFoundError as error:
        output.fail(
            f"training needs the package {error.name}: install zhanr with its extra, pip install 'zhanr[train]'"
        )
        raise typer.Exit(1) from error
    with output.bar() as bar:
        try:
            result = run(config, resume=resume, progress=_display(bar), output=directory)
        except StoppedError as stopped:
            output.warn(f"stopped: {stopped}")
            raise typer.Exit(130) from stopped
    best = result.best
    typer.echo(
        f"{result.model}: epoch {best.epoch} of {len(result.history)} is the best on validation: "
        f"{best.valid_song_accuracy:.1%} of songs, {best.valid_accuracy:.1%} of windows ({result.seconds:.0f} s)"
    )


def _display(bar: Any) -> Progress:
    """A line for each epoch, and a bar for the batches of the one under way, all on standard error."""
    from zhanr.training.progress import Progress

    class Display(Progress):
        def on_start(self, *, epochs: int, batches: int, first_epoch: int) -> None:
            self.epochs, self.batches = epochs, batches
            self.task = bar.add_task(f"epoch {first_epoch}/{epochs}", total=batches)

        def on_batch(self, *, epoch: int, batch: int, loss: float) -> None:
            text = f"epoch {epoch}/{self.epochs}  loss {loss:.3f}"
            bar.update(self.task, description=text, completed=batch, total=self.batches)

        def on_epoch(self, row: Epoch, *, best: bool) -> None:
            output.errors.print(
                f"epoch {row.epoch:3}/{self.epochs}  lr {row.lr:.2g}  "
                f"train loss {row.train_loss:.3f} accuracy {row.train_accuracy:.1%}  "
                f"valid loss {row.valid_loss:.3f} windows {row.valid_accuracy:.1%} songs {row.valid_song_accuracy:.1%}"
                f"{'  *' if best else ''}"
            )

    return Display()
