"""`zhanr app`: the pages and the REST interface."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zhanr.cli import output
from zhanr.cli.scan import LibraryOption
from zhanr.errors import ConfigError

if TYPE_CHECKING:
    from zhanr.app.settings import Settings


def app(
    host: Annotated[str, typer.Option(help="The address to listen on; all but this computer's own want --token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes any free one.")] = 8080,
    token: Annotated[
        str | None, typer.Option(envvar="ZHANR_TOKEN", help="What a browser or a program must know to be served.")
    ] = None,
    allowed_hosts: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="A name under which the server is reached; may be repeated."),
    ] = None,
    allowed_paths: Annotated[
        list[Path] | None,
        typer.Option("--allow-path", help="A folder whose files programs may name by path; may be repeated."),
    ] = None,
    library: LibraryOption = None,
    model: Annotated[
        str | None,
        typer.Option(help="A built-in model's name, or a .onnx file.", show_default="the one of the library"),
    ] = None,
    precision: output.PrecisionOption = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Songs to work on at once (default: half the cores).")] = None,
    queue: Annotated[int, typer.Option(min=1, help="How many songs may wait.")] = 64,
    max_size: Annotated[float, typer.Option(min=0.001, help="Megabytes that a file may have.")] = 200,
    max_minutes: Annotated[float, typer.Option(min=0.1, help="Minutes that a file may last.")] = 120,
    seconds: Annotated[
        float, typer.Option("--time-limit", min=1, help="Seconds that a file may take; large files get more.")
    ] = 60,
    memory: Annotated[float, typer.Option("--memory-limit", min=0.1, help="Gigabytes that a file may take.")] = 1,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    desktop: Annotated[bool, typer.Option("--desktop", help="Open a window of its own instead.")] = False,
) -> None:
    """Serve the application: pages at http://127.0.0.1:8080, a REST interface described at /api/v1/docs.

    Exit code 0: ended by Ctrl-C; 1: it could not start; 2: wrong usage, another interface without a token above all.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ConfigError("the application needs more packages: pip install 'zhanr[app]'") from error
    from zhanr.app.settings import Settings

    settings = Settings(
        host=host,
        port=port,
        token=(token or "").strip() or None,
        model=model,
        precision=output.precision(precision),
        library=library,
        jobs=jobs or output.default_jobs(),
        queue=queue,
        server_paths=tuple(allowed_paths or ()),
        allowed_hosts=frozenset(name.lower() for name in allowed_hosts or ()),
        max_bytes=int(max_size * 1e6),
        max_seconds=60 * max_minutes,
        parse_seconds=seconds,
        memory=int(memory * 2**30),
    )
    _check_token(settings)
    _serve(settings, browser=browser, desktop=desktop)


def _check_token(settings: Settings) -> None:
    """Raise `typer.BadParameter` where others could guess their way in."""
    import secrets

    from zhanr.app.door import TOKEN_LENGTH

    if not settings.is_local and len(settings.token or "") < TOKEN_LENGTH:
        raise typer.BadParameter(
            f"{settings.host} can be reached by others, so the server needs a --token (or ZHANR_TOKEN) of at least "
            f"{TOKEN_LENGTH} characters that nobody can guess. This one was drawn just now: {secrets.token_hex(12)}"
        )


def _serve(settings: Settings, *, browser: bool, desktop: bool) -> None:
    from zhanr.app import server

    if desktop:
        server.require_desktop()
    server.serve(settings, lambda text: typer.echo(text), browser=browser and not desktop, desktop=desktop)
