"""`zhanr model list`, `zhanr model info` and `zhanr model export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from zhanr.cli import output

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_models(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False) -> None:
    """List the models that come with zhanr."""
    from zhanr.bundle import builtin_models, load_bundle

    for name in builtin_models():
        bundle = load_bundle(name)
        card = bundle.card
        if as_json:
            output.json_line(
                {
                    "model": name,
                    "name": card.name,
                    "sha256": bundle.sha256,
                    "labels": card.labels,
                    "scores": card.scores,
                }
            )
        else:
            typer.echo(
                f"{name:10} {len(card.labels):3} genres  {bundle.path.stat().st_size / 1e6:5.1f} MB  {card.description}"
            )


@app.command("info")
def info(
    model: Annotated[str, typer.Argument(help="A built-in model's name, or a .onnx file.")] = "default",
) -> None:
    """Print a model's card as JSON, with its file's hash: what it knows, reads, was trained on and scores."""
    from zhanr.bundle import load_bundle

    bundle = load_bundle(model)
    typer.echo(json.dumps({**bundle.card.to_dict(), "sha256": bundle.sha256}, ensure_ascii=False, indent=2))


@app.command("export")
def export(
    target: Annotated[Path, typer.Option("--waveform", metavar="FILE", help="The .onnx file to write.")],
    model: Annotated[str, typer.Option("--model", help="A built-in model's name, or a .onnx file.")] = "default",
) -> None:
    """Write the model as one ONNX graph from samples to probabilities, for programs in any language."""
    try:
        from zhanr.waveform import export as write
    except ModuleNotFoundError as error:
        output.stop(f"exporting needs the package {error.name}: pip install {error.name}")

    path = write(target, model)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
