"""Who may ask the application: hosts, origins, tokens, headers; what is left after a kill; how it starts and ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from typer.testing import CliRunner

from tiny import tiny_model
from zhanr.app.folder import TemporaryFolder
from zhanr.app.security import BODY_LIMIT, Guard
from zhanr.app.settings import Settings
from zhanr.cli import app as command_line
from zhanr.errors import ConfigError, FileError

OPEN = Settings(port=8080)
OTHERS = Settings(host="0.0.0.0", port=8080, token="a secret")


class Client:
    """Asks a small application behind the guard, under the name of a host; it keeps cookies, as a browser does."""

    def __init__(self, settings: Settings, host: str) -> None:
        async def echo(request: Request) -> Response:
            return PlainTextResponse(f"{len(await request.body())} bytes")

        routes = [Route("/{path:path}", echo, methods=["GET", "POST", "DELETE"])]
        self.guard = Guard(Starlette(routes=routes), settings, frozenset({"/upload"}))
        self.host = host
        self.cookies = httpx.Cookies()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.guard)
            headers = {"Host": self.host} | options.pop("headers", {})
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1:8080", cookies=self.cookies
            ) as client:
                response = await client.request(method, path, headers=headers, **options)
                self.cookies = client.cookies
                return response

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("POST", path, **options)


def guarded(settings: Settings = OPEN, host: str = "127.0.0.1:8080") -> Client:
    return Client(settings, host)


# -- hosts


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.0.0.2"])
def test_this_computer_is_known_under_its_names(host: str) -> None:
    assert guarded(host=host).get("/").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.0.7"]
)
def test_another_name_is_refused_for_it_may_be_rebound(host: str) -> None:
    response = guarded(host=host).get("/")
    assert response.status_code == 421
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("host", ["", "@", "127.0.0.1@evil.example", "[::1", "x" * 300])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    headers = {"Host": host}
    assert guarded().get("/", headers=headers).status_code == 421
    assert guarded(OTHERS).get("/", headers=headers).status_code == 421


def test_a_server_for_others_is_known_by_addresses_and_by_the_names_it_was_told() -> None:
    token = {"Authorization": "Bearer a secret"}
    assert guarded(OTHERS, "192.168.0.7:8080").get("/", headers=token).status_code == 200
    assert guarded(OTHERS, "music.example").get("/", headers=token).status_code == 421
    named = Settings(host="0.0.0.0", token="a secret", allowed_hosts=frozenset({"music.example"}))
    assert guarded(named, "music.example").get("/", headers=token).status_code == 200


# -- origins


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://localhost:8080"},
        {"Origin": "http://127.0.0.1:8080.evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ],
)
def test_what_other_pages_send_is_refused(headers: dict[str, str]) -> None:
    client = guarded()
    assert client.post("/", headers=headers).status_code == 403
    assert client.ask("DELETE", "/", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://127.0.0.1:8080"}, {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}],
)
def test_its_own_pages_and_programs_are_served(headers: dict[str, str]) -> None:
    client = guarded()
    assert client.post("/", headers=headers).status_code == 200


def test_a_link_may_lead_here_but_nothing_may_be_embedded() -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert guarded().get("/", headers=link).status_code == 200
    for mode, destination in (("navigate", "iframe"), ("no-cors", "audio"), ("no-cors", "script"), ("cors", "empty")):
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
        assert guarded().get("/", headers=headers).status_code == 403


# -- headers and bodies


def test_every_answer_has_the_headers() -> None:
    for response in (guarded().get("/"), guarded(host="evil.example").get("/"), guarded(OTHERS).get("/")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in response.headers


def test_only_uploads_have_large_bodies() -> None:
    client, large = guarded(), b"x" * (BODY_LIMIT + 1)
    assert client.post("/upload", content=large).status_code == 200
    assert client.post("/other", content=large).status_code == 413
    assert client.post("/other", content=large[1:]).status_code == 200


# -- the folder of the uploads


def test_the_folder_is_private_and_goes(tmp_path: Path) -> None:
    with TemporaryFolder(tmp_path / "base") as folder:
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "base").stat().st_mode & 0o777 == 0o700
        (folder.path / "song").touch()
    assert list((tmp_path / "base").iterdir()) == []


KILLED = """
import os, sys
from pathlib import Path
from zhanr.app.folder import TemporaryFolder
with TemporaryFolder(Path(sys.argv[1])) as folder:
    (folder.path / "song").touch()
    print(folder.path, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_a_folder_of_a_killed_process_goes_at_the_next_start(tmp_path: Path) -> None:
    base = tmp_path / "base"
    done = subprocess.run([sys.executable, "-c", KILLED, str(base)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    left = Path(done.stdout.strip())
    assert (left / "song").exists()
    with TemporaryFolder(base) as mine:
        assert not left.exists()
        with TemporaryFolder(base) as second:  # one that is in use stays
            assert mine.path.exists()
            assert second.path != mine.path
        assert mine.path.exists()


def test_a_folder_that_another_has_put_there_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    for name in ("open", "link"):
        with pytest.raises(FileError, match="closed to others"), TemporaryFolder(tmp_path / name):
            pass


# -- the command


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org"])
@pytest.mark.parametrize("token", [[], ["--token", "guess me"], ["--token", " fifteen letters "]])
def test_other_interfaces_want_a_token_that_nobody_guesses(host: str, token: list[str]) -> None:
    done = CliRunner().invoke(command_line, ["app", "--no-browser", "--host", host, *token])
    assert done.exit_code == 2
    assert "--token" in done.output
    drawn = re.findall(r"\b[0-9a-f]{24}\b", done.output)
    assert len(drawn) == 1, "one that is good enough, and another one each time"
    assert drawn != re.findall(r"\b[0-9a-f]{24}\b", CliRunner().invoke(command_line, ["app", "--host", host]).output)


def test_a_port_in_use_is_said_in_plain_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "zhanr", "app", "--no-browser", "--port", str(port)], capture_output=True, text=True
        )
    assert done.returncode == 1
    assert done.stderr == f"zhanr: another program is using 127.0.0.1:{port} already; choose another --port\n"


def test_a_window_of_its_own_wants_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webview", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    done = CliRunner().invoke(command_line, ["app", "--desktop"])
    assert isinstance(done.exception, ConfigError)
    assert "zhanr[desktop]" in str(done.exception)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The whole application as a program of its own, with its address."""
    model = tiny_model(tmp_path / "tiny.onnx")
    environment = os.environ | {"TMPDIR": str(tmp_path), "ZHANR_LIBRARY": str(tmp_path / "library.sqlite")}
    command = [sys.executable, "-m", "zhanr", "app", "--no-browser", "--port", "0", "--model", str(model)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found, process.communicate()
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def folders(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.glob("zhanr-*/*") if path.is_dir()]


def test_the_pages_are_behind_the_guard_and_a_signal_ends_all(
    running: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, address = running
    page = httpx.get(address)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page.text)
    assert httpx.get(address, headers={"Host": "evil.example"}).status_code == 421
    assert len(folders(tmp_path)) == 1
    url = httpx.URL(address)
    with socket.create_connection((url.host, url.port or 80)) as slow:  # in the middle of an upload
        slow.sendall(f"POST /api/v1/classify HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: 9000\r\n\r\n".encode())
        slow.sendall(bytes(10))
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, ""), out
    assert folders(tmp_path) == []


def test_a_kill_leaves_no_processes_and_the_next_start_no_files(
    running: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    from live_app import song

    process, address = running
    assert httpx.post(f"{address}media/uploads", content=song(), timeout=60).status_code == 201
    assert httpx.post(f"{address}api/v1/classify", content=song(), timeout=60).status_code == 200
    children = children_of(process.pid)
    assert children
    process.kill()
    process.wait()
    limit = time.monotonic() + 30
    while any(alive(child) for child in children):
        assert time.monotonic() < limit, "a process that listens outlives the server"
        time.sleep(0.05)
    (left,) = folders(tmp_path)
    assert list(left.iterdir())
    with TemporaryFolder(left.parent):
        assert not left.exists()


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    more = [int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in _words(task / "children")]
    return sorted({*map(int, text.split()), *more})


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return bool(state != "Z")
