"""The application on a real port, in a thread of this process; and songs to send to it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx

from audio_files import FORMATS, encode, music
from zhanr.app.problems import MEDIA_TYPE
from zhanr.app.server import Server, create_app, listen
from zhanr.app.settings import Settings
from zhanr.app.state import State

CLASSIFY = "/api/v1/classify"


def song(seconds: float = 2.0, kind: str = "flac", *, start: float = 0.0) -> bytes:
    """A short piece of music as the bytes of a file."""
    fmt = FORMATS[kind]
    return encode(music(start + seconds, fmt.rate)[round(start * fmt.rate) :], fmt)


@dataclass(frozen=True)
class Live:
    """A running server: `client` asks it, `state` is its inside."""

    state: State
    client: httpx.Client

    @property
    def port(self) -> int:
        return self.state.settings.port

    def raw(self, data: bytes, *, timeout: float = 30) -> bytes:
        """Send bytes as they are, and read until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(data)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
            return answer


@contextmanager
def live(settings: Settings) -> Iterator[Live]:
    """Serve on a free port until the block ends."""
    with listen(replace(settings, port=0)) as listening:
        settings = replace(settings, port=listening.getsockname()[1])
        app, state = create_app(settings)
        ready = threading.Event()
        server = Server(app, state, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert ready.wait(60), "the server doesn't start"
            with httpx.Client(base_url=f"http://127.0.0.1:{settings.port}", timeout=60) as client:
                yield Live(state, client)
        finally:
            server.should_exit = True
            state.engine.stop()
            thread.join(30)


def problem(response: httpx.Response, status: int) -> str:
    """The sentence of an error, after all that an error must have."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    body = response.json()
    assert {"type", "title", "status", "detail"} <= set(body)
    assert body["status"] == status
    assert isinstance(body["detail"], str)
    return str(body["detail"])


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that must happen."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it never happened"
        time.sleep(0.01)
