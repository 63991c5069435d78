"""Heads of requests without end, in size and in time: refused before anything is looked at, and the server goes on."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from live_app import Live, live
from tiny import tiny_model
from zhanr.app.head import HEAD_BYTES, HEAD_LINES
from zhanr.app.settings import Settings

TOKEN = "only for those who know it"
SECONDS = 0.5  # that a head may take here


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that wants a token, which no request here brings, and that doesn't wait long."""
    model = tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    with live(Settings(model=str(model), token=TOKEN, head_seconds=SECONDS, stall_seconds=SECONDS)) as running:
        yield running


@pytest.fixture(autouse=True)
def _still_well(server: Live, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("zhanr.app.head.LINGER_SECONDS", 0.2)
    yield
    assert status(server.raw(request(server, "Connection: close"))) == 401
    assert server.client.get("/api/v1/health", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def request(server: Live, *lines: str, first: str = "GET / HTTP/1.1") -> bytes:
    return "\r\n".join([first, f"Host: 127.0.0.1:{server.port}", *lines, "", ""]).encode()


def status(raw: bytes) -> int:
    return int(raw.split()[1]) if raw else 0


def refusal(raw: bytes, wanted: int) -> str:
    """The sentence of a refusal, the last response on its connection."""
    head, _, body = raw.rpartition(b"\r\n\r\n")
    assert head.split(b"\r\n\r\n")[-1].split()[-1] == b"close"
    assert b"application/problem+json" in head
    found = json.loads(body)
    assert found["status"] == wanted
    return str(found["detail"])


@pytest.mark.parametrize(
    "lines",
    [
        ["X: " + "x" * HEAD_BYTES],
        ["X: " + "x" * 20_000_000],
        [f"X{i}: " + "x" * 1000 for i in range(50)],
        ["X: y"] * HEAD_LINES,  # and the host
        ["X: y"] * 1_000_000,
    ],
    ids=["a line", "a line of 20 MB", "fifty lines", "short lines", "a million lines"],
)
@pytest.mark.parametrize("is_complete", [True, False], ids=["whole", "unfinished"])
def test_a_head_that_is_too_large_is_refused(server: Live, lines: list[str], is_complete: bool) -> None:
    data = request(server, *lines)
    raw = server.raw(data if is_complete else data[:-2])
    assert status(raw) == 431
    assert "100 headers" in refusal(raw, 431)


def test_an_address_that_is_too_long_is_refused(server: Live) -> None:
    assert status(server.raw(request(server, first=f"GET /{'x' * HEAD_BYTES} HTTP/1.1"))) == 431


def test_a_large_head_is_no_fault_and_bodies_are_not_counted(server: Live) -> None:
    lines = [f"X{i}: y" for i in range(HEAD_LINES - 2)]
    assert status(server.raw(request(server, "Connection: close", *lines))) == 401
    rest = HEAD_BYTES - len(request(server, "Connection: close", "X: "))
    assert status(server.raw(request(server, "Connection: close", f"X: {'x' * rest}"))) == 401
    body = b"\n" * 100_000
    head = request(server, "Connection: close", f"Content-Length: {len(body)}", first="POST / HTTP/1.1")
    assert status(server.raw(head + body)) == 401


def test_the_second_head_of_a_connection_is_bounded_too(server: Live) -> None:
    raw = server.raw(request(server) + request(server, *["X: y"] * 1000))
    assert status(raw) == 401
    refusal(raw, 431)
    post = request(server, "Content-Length: 3", first="POST / HTTP/1.1") + b"abc"
    refusal(server.raw(post + request(server, *["X: y"] * 1000)), 431)


@pytest.mark.parametrize("begin", [b"G", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", b"\r\n"])
def test_a_head_that_never_ends_is_hung_up_on(server: Live, begin: bytes) -> None:
    raw = server.raw(begin)
    assert status(raw) in (400, 408)
    refusal(raw, status(raw))


def test_drops_don_t_make_the_clock_start_again(server: Live) -> None:
    raw, drops = b"", 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS / 5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        while not raw:
            connection.sendall(b"X: y\r\n")
            drops += 1
            assert drops < 60, "more than ten times the time has passed"
            try:
                raw = connection.recv(65536)
            except TimeoutError:
                continue
    refusal(raw, 408)


def test_who_asks_nothing_is_hung_up_on_without_a_word(server: Live) -> None:
    assert server.raw(b"") == b""


def test_the_next_head_of_a_connection_has_no_more_time(server: Live) -> None:
    raw = server.raw(request(server) + b"GET /")
    assert status(raw) == 401
    refusal(raw, 408)


def test_the_rest_of_what_was_answered_is_not_waited_for(server: Live) -> None:
    """A refused upload that goes on, drop by drop, would hold its connection for ever."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS / 5) as connection:
        connection.sendall(request(server, "Content-Length: 1000000", first="POST / HTTP/1.1"))
        for _ in range(60):  # more than ten times the time
            try:
                connection.sendall(b"x")
                if connection.recv(65536) == b"":
                    return
            except TimeoutError:
                continue
            except ConnectionError:
                return
    pytest.fail("the connection is still open")


def test_a_body_that_stops_is_not_waited_for(server: Live) -> None:
    lines = (f"Authorization: Bearer {TOKEN}", "Content-Type: application/json", "Content-Length: 100")
    raw = server.raw(request(server, *lines, first="POST /api/v1/classify-path HTTP/1.1") + b"{")
    assert status(raw) == 408
    assert b"has not come" in raw


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX\x00: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(server: Live, data: bytes) -> None:
    refusal(server.raw(data), 400)


def test_refusals_are_counted(server: Live) -> None:
    def counted() -> float:
        return float(server.state.metrics.errors.labels("head")._value.get())

    before = counted()
    server.raw(b"nonsense\r\n\r\n")
    assert counted() == before + 1


def test_an_upgrade_is_passed_over(server: Live, capfd: pytest.CaptureFixture[str]) -> None:
    lines = ("Connection: Upgrade, close", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")
    assert status(server.raw(request(server, *lines))) == 401
    assert "websocket" not in capfd.readouterr().err
