"""`zhanr settings`: what is set, and from where; change it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from zhanr import settings
from zhanr.cli import output

app = typer.Typer(invoke_without_command=True)
WIDTH = max(len(setting.name) for setting in settings.SETTINGS)


@app.callback()
def show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Without a command: every setting with its value, where it comes from, its default and what it is for."""
    if context.invoked_subcommand is not None:
        return
    for setting in settings.SETTINGS:
        value = settings.current(setting.name)
        if as_json:
            output.json_line(
                {
                    "name": setting.name,
                    "value": value.value,
                    "source": value.source,
                    "default": setting.default,
                    "environment": setting.environment,
                    "choices": list(setting.choices),
                    "help": setting.help,
                }
            )
        else:
            _show(value)
    if not as_json:
        typer.echo(f"file: {settings.path()}" + ("" if settings.path().exists() else " (not there yet)"))


def _show(value: settings.Value) -> None:
    setting = value.setting
    default = setting.otherwise if setting.default is None else str(setting.default)
    shown = default if value.value is None else str(value.value)
    origin = {"default": "default", "file": "from the file", "environment": f"from ${setting.environment}"}[
        value.source
    ]
    line = Text(f"{setting.name:<{WIDTH}} ", style="bold").append(
        shown, style="" if value.source == "default" else "cyan"
    )
    line.append(f"  ({origin}" + ("" if value.source == "default" else f"; default: {default}") + ")", style="dim")
    choices = f" ({', '.join(setting.choices)})" if setting.choices else ""
    console = Console(highlight=False)
    console.print(line, soft_wrap=True)
    console.print(Text(f"{'':<{WIDTH + 1}}{setting.help}{choices}", style="dim"), soft_wrap=True)


@app.command("set")
def set_value(
    name: Annotated[str, typer.Argument(help="Its name, as `zhanr settings` shows it.")],
    value: Annotated[str, typer.Argument(help="What it shall be.")],
) -> None:
    """Set one for good. An option or an environment variable still counts more."""
    if name == "style_field":
        from zhanr.tags.formats.fields import checked_field

        value = checked_field(value)
    settings.change(name, value)
    _say(name)


@app.command("unset")
def unset(name: Annotated[str, typer.Argument(help="Its name, as `zhanr settings` shows it.")]) -> None:
    """Take one back to its default."""
    settings.change(name, None)
    _say(name)


def _say(name: str) -> None:
    if name not in {setting.name for setting in settings.SETTINGS}:
        typer.echo(f"{name} is taken out of {settings.path()}")
        return
    _show(settings.current(name))
