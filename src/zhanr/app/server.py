"""All parts put together: the web application, and the process that serves it."""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import logging
import socket
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from types import FrameType
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI

from zhanr.app import assets, library_api, map_api, media, pages, review_api, scan_api, selection_api, songs, tags_api
from zhanr.app.api import PREFIX, UPLOAD_PATHS, create_api
from zhanr.app.door import as_bytes
from zhanr.app.handlers import HeadAsGet, install_handlers
from zhanr.app.head import head_protocol
from zhanr.app.media import UPLOADS
from zhanr.app.security import Guard
from zhanr.app.settings import Settings
from zhanr.app.state import State
from zhanr.errors import ConfigError
from zhanr.library import default_path

__all__ = ["State", "create_app", "serve"]

SHUTDOWN_SECONDS = 1


def create_app(settings: Settings) -> tuple[FastAPI, State]:
    """The application and its state; the engine runs as long as the application's lifespan does.

    Raises `ModelFileError`.
    """
    state = State(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(state.open)
        cleaning = asyncio.create_task(_clean_up(state))
        try:
            yield
        finally:
            cleaning.cancel()
            await asyncio.to_thread(state.close)

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    install_handlers(app, state.metrics, pages.error_page(state))
    app.add_middleware(HeadAsGet)
    app.add_middleware(Guard, settings=settings, upload_paths=UPLOAD_PATHS | {UPLOADS}, refused=state.metrics.failed)
    for part in (pages, media, songs, scan_api, library_api, selection_api, review_api, tags_api, map_api):
        app.include_router(part.router(state))
    app.include_router(assets.router())
    app.mount(PREFIX, create_api(state))
    return app, state


async def _clean_up(state: State) -> None:
    """Delete uploads that were kept long enough, once a minute."""
    while True:
        await asyncio.sleep(60)
        await asyncio.to_thread(state.uploads.remove_old)


def listen(settings: Settings) -> socket.socket:
    """The socket to serve on. Raises `ConfigError` in plain words, for a port in use above all."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=256)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f"another program is using {where} already; choose another --port") from error
        raise ConfigError(f"can't listen on {where} ({error.strerror or error})") from error


class Server(uvicorn.Server):
    """Serves an application on a socket until a signal ends it; `ready` is called when it does."""

    def __init__(self, app: FastAPI, state: State, ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            http=head_protocol(state.settings.head_seconds, state.metrics.failed),
            ws="none",
            proxy_headers=False,
        )
        super().__init__(config)
        self._state = state
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop the engine at once, so that nobody waits for an answer; uploads that are cut off are no errors then."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        threading.Thread(target=self._state.engine.stop, daemon=True).start()
        super().handle_exit(sig, frame)


def serve(settings: Settings, say: Callable[[str], None], *, browser: bool = False, desktop: bool = False) -> None:
    """Serve until Ctrl-C, or until the window is closed. Raises `ZhanrError` where it can't start."""
    with listen(settings) as listening:
        settings = replace(settings, port=listening.getsockname()[1])
        app, state = create_app(settings)
        address = f"http://{_reachable(settings.host)}:{settings.port}/"
        entrance = f"{address}?token={quote(as_bytes(settings.token))}" if settings.token else address

        def ready() -> None:
            say(f"zhanr is at {address} (Ctrl-C ends it)")
            if browser:
                threading.Thread(target=webbrowser.open, args=(entrance,), daemon=True).start()

        with state:  # already here, for errors in plain words
            if desktop:
                _serve_window(app, state, listening, entrance)
            else:
                with suppress(KeyboardInterrupt):
                    Server(app, state, ready).run(sockets=[listening])


def _reachable(host: str) -> str:
    """The address for this computer's own browser."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def require_desktop() -> None:
    """Raise `ConfigError` where there is nothing to open a window with."""
    if importlib.util.find_spec("webview") is None:
        raise ConfigError("a window of its own needs one more package: pip install 'zhanr[desktop]'")


def _serve_window(app: FastAPI, state: State, listening: socket.socket, url: str) -> None:
    """Serve in a thread, for windows want the main one; both end with the window."""
    import webview

    started = threading.Event()
    server = Server(app, state, started.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    started.wait(timeout=60)
    window = webview.create_window("zhanr", url, width=1200, height=850)

    def choose_folder() -> str | None:
        chosen = window.create_file_dialog(webview.FOLDER_DIALOG)
        return str(chosen[0]) if chosen else None

    state.folder_dialog = choose_folder
    # not private: songs and the choice between light and dark stay from one time to the next
    webview.start(private_mode=False, storage_path=str(default_path().with_name("window")))
    server.should_exit = True
    state.engine.stop()
    thread.join(timeout=2 * SHUTDOWN_SECONDS)
