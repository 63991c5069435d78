"""`zhanr completion SHELL`: the script by which a shell completes commands and options."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Literal

import typer

VARIABLE = "_ZHANR_COMPLETE"
"""What a shell sets when it asks what may stand next."""
FILES = {
    "bash": "~/.local/share/bash-completion/completions/zhanr",
    "zsh": "~/.zfunc/_zhanr (with `fpath+=~/.zfunc; autoload -Uz compinit; compinit` in ~/.zshrc)",
    "fish": "~/.config/fish/completions/zhanr.fish",
}


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell that you use.")],
) -> None:
    """Print the script that lets a shell complete commands and options; where to put it is said on standard error."""
    from typer._completion_shared import get_completion_script

    typer.echo(get_completion_script(prog_name="zhanr", complete_var=VARIABLE, shell=shell))
    if sys.stdout.isatty():
        typer.echo(f"zhanr: write this to {FILES[shell]}", err=True)


def prepare() -> None:
    """Let typer answer a shell that asks, which it only does once it is told so."""
    if VARIABLE in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
