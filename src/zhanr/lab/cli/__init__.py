"""The commands of the bench: `zhanr lab ...`."""

from __future__ import annotations

import typer

from zhanr.lab.cli import data, evaluate, handmade, plot, study, train

app = typer.Typer(no_args_is_help=True)
app.add_typer(data.app, name="data", help="Look after the music that a model is trained on.")
app.command("extract")(data.extract)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("study")(study.study)
app.add_typer(plot.app, name="plot", help="Draw sound, networks, and what models say of songs.")
app.add_typer(handmade.app, name="handmade", help="Hand-made features: from audio, and what can be learnt of them.")
