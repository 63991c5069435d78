"""`zhanr lab train`: a network from a feature store, shown live."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zhanr.cli import output

if TYPE_CHECKING:
    from zhanr.lab.training.progress import Epoch, Progress


EXAMPLES = ("own-genres", "compact", "paper")


def train(
    config: Annotated[
        Path | None,
        typer.Argument(
            help="The settings of a run (TOML), or a feature store (.npz): the defaults.", show_default=False
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where this run was stopped.")] = False,
    directory: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where the results go (default: runs/ and the config's name).")
    ] = None,
    example: Annotated[
        str | None, typer.Option(help=f"Write an example of settings here, and leave: {', '.join(EXAMPLES)}.")
    ] = None,
) -> None:
    """Train a network on feature stores and write its model file, learning curves and history.

    Ctrl-C saves the state; --resume goes on to the same result that an uninterrupted run gives.
    """
    if example is not None:
        _write_example(example)
        return
    if config is None:
        raise typer.BadParameter("name the settings of a run or a feature store, or write an example with --example")
    try:
        from zhanr.lab.training.loop import StoppedError
        from zhanr.lab.training.run import run_config
        from zhanr.lab.training.run import train as run
    except ModuleNotFoundError as error:
        output.stop(
            f"training needs the package {error.name}: install zhanr with its extra, pip install 'zhanr[train]'"
        )
    with output.bar() as bar:
        try:
            result = run(run_config(config), resume=resume, progress=_display(bar), output=directory)
        except StoppedError as stopped:
            output.warn(f"stopped: {stopped}")
            raise typer.Exit(130) from stopped
    best = result.best
    typer.echo(
        f"{result.model}: epoch {best.epoch} of {len(result.history)} is the best on validation: "
        f"{best.valid_song_accuracy:.1%} of songs, {best.valid_accuracy:.1%} of windows ({result.seconds:.0f} s)"
    )


def _write_example(name: str) -> None:
    """Write the settings `name` of the package into the current folder; never over a file that is there."""
    if name not in EXAMPLES:
        raise typer.BadParameter(f"no example is called {name} (there are: {', '.join(EXAMPLES)})")
    target = Path(f"{name}.toml")
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(files("zhanr.lab").joinpath("configs", target.name).read_text(encoding="utf-8"))
    except FileExistsError:
        output.stop(f"{target}: there is such a file already")
    typer.echo(f"{target}: read it, change it, then `zhanr lab train {target}`")


def _display(bar: Any) -> Progress:
    """A line for each epoch, and a bar for the batches of the one under way, all on standard error."""
    from zhanr.lab.training.progress import Progress

    class Display(Progress):
        def on_start(self, *, epochs: int, batches: int, first_epoch: int) -> None:
            self.epochs, self.batches = epochs, batches
            output.errors.print("loss and right windows: training, validation; songs: validation; *: the best so far")
            self.task = bar.add_task(f"epoch {first_epoch}/{epochs}", total=batches)

        def on_batch(self, *, epoch: int, batch: int, loss: float) -> None:
            text = f"epoch {epoch}/{self.epochs}  loss {loss:.3f}"
            bar.update(self.task, description=text, completed=batch, total=self.batches)

        def on_epoch(self, row: Epoch, *, best: bool) -> None:
            output.errors.print(
                f"epoch {row.epoch:3}/{self.epochs}  loss {row.train_loss:.3f} {row.valid_loss:.3f}  "
                f"right {row.train_accuracy:.1%} {row.valid_accuracy:.1%}  songs {row.valid_song_accuracy:.1%}  "
                f"lr {row.lr:.2g}{'  *' if best else ''}"
            )

    return Display()
