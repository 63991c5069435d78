"""Uploads that mean harm: each is refused with a clear answer, in bounded time and memory, and the service goes on."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile_files import flac_of_silence, playlists, wav_of_channels
from live_app import CLASSIFY, Live, live, problem, song, until
from tiny import tiny_model
from zhanr.app.settings import Settings
from zhanr.app.uploads import MAX_NAME, label
from zhanr.audio import AudioReader
from zhanr.errors import AudioError

LIMIT = 3_000_000
MINUTES = 10
ENDLESS = 1 << 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that takes 3 MB and ten minutes, and waits two seconds for a client that has stopped."""
    model = tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    with live(Settings(model=str(model), max_bytes=LIMIT, max_seconds=60 * MINUTES, stall_seconds=2)) as running:
        yield running


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhanr.app.problems.LINGER_SECONDS", 0.3)


@pytest.fixture(autouse=True)
def _still_well(server: Live) -> Iterator[None]:
    """Whatever was sent: the next song is answered, no place in the queue is lost, nothing stays on the disk."""
    yield
    assert server.client.post(CLASSIFY, content=song()).status_code == 200
    engine, kept = server.state.engine, server.state.folder.path
    # the answer leaves before the server has put its things away
    until(lambda: not (engine.waiting or engine.running or any(kept.iterdir())))


def refusal(server: Live, data: bytes, name: str = "song.mp3", status: int = 422) -> str:
    """The reason why a file is refused, the same for a form and for a raw body."""
    form = problem(server.client.post(CLASSIFY, files={"file": (name, data)}), status)
    assert problem(server.client.post(CLASSIFY, content=data), status) == form
    return form


# -- sizes


def head(server: Live, *lines: str) -> bytes:
    return "\r\n".join([f"POST {CLASSIFY} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", *lines, "", ""]).encode()


def answer(raw: bytes) -> tuple[int, dict[str, object]]:
    """Status and body of an answer as it came."""
    first, _, body = raw.partition(b"\r\n\r\n")
    return int(first.split()[1]), json.loads(body)


@pytest.mark.parametrize("kind", ["application/octet-stream", "multipart/form-data; boundary=x"])
def test_ten_declared_gigabytes_are_refused_before_they_come(server: Live, kind: str) -> None:
    asked = head(server, f"Content-Type: {kind}", "Content-Length: 10000000000")
    status, body = answer(server.raw(asked + b"the beginning"))
    assert status == 413
    assert body["detail"] == "at most 3 MB are accepted" or "multipart" in kind


@pytest.mark.parametrize("kind", ["application/octet-stream", "multipart/form-data; boundary=x"])
def test_a_body_without_a_length_is_counted_as_it_comes(server: Live, kind: str) -> None:
    begin = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' if "multipart" in kind else b""
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield begin
        while sent < ENDLESS:
            sent += 65536
            yield bytes(65536)

    # it answers, goes on reading for a moment so that the answer can be read, and then hangs up
    response = server.client.post(CLASSIFY, content=endless(), headers={"Content-Type": kind})
    assert problem(response, 413) == "at most 3 MB are accepted"
    assert sent < ENDLESS


def test_a_file_that_is_a_little_too_large_is_told_so(server: Live) -> None:
    assert refusal(server, bytes(LIMIT + 1), status=413) == "at most 3 MB are accepted"
    assert "not a music file" in refusal(server, bytes(LIMIT))


def test_a_disk_is_never_filled(server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhanr.app.uploads.SPARE_BYTES", 1 << 60)
    assert "room on the disk" in refusal(server, song(), status=507)
    monkeypatch.undo()


def test_other_parts_of_a_form_are_no_way_around(server: Live) -> None:
    response = server.client.post(CLASSIFY, files={"file": ("a", song())}, data={"more": "x" * 100_000})
    assert "accepted" in problem(response, 413)
    assert server.client.post(CLASSIFY, files={"file": ("a", song())}, data={"more": "x"}).status_code == 200


def test_an_impossible_length(server: Live) -> None:
    for length in ("-1", "ten", "1" * 30, "1, 2"):
        assert answer_status(server.raw(head(server, f"Content-Length: {length}"))) in (400, 413)


def answer_status(raw: bytes) -> int:
    return int(raw.split()[1])


# -- sounds


def test_hours_of_silence_in_a_few_bytes(server: Live) -> None:
    stated, counted = flac_of_silence(3), flac_of_silence(3, stated=False)
    assert len(counted) < 150_000
    assert f"longer than {MINUTES} minutes" in refusal(server, stated)
    assert f"longer than {MINUTES} minutes" in refusal(server, counted)
    assert "silence" in refusal(server, flac_of_silence(0.1, stated=False))


def test_a_bomb_that_says_a_short_length_is_counted(server: Live) -> None:
    data = bytearray(flac_of_silence(1, stated=False))
    data[21:26] = (int.from_bytes(data[21:26], "big") | 44100 * 5).to_bytes(5, "big")
    reason = refusal(server, bytes(data))
    assert f"longer than {MINUTES} minutes" in reason or "silence" in reason


@pytest.mark.parametrize("channels", [17, 200, 1000, 65535])
def test_too_many_channels(server: Live, channels: int) -> None:
    reason = refusal(server, wav_of_channels(channels, seconds=min(2.0, 1e6 / (16000 * channels))), "song.wav")
    expected = f"it has {channels} channels; at most 16" if channels <= 512 else "more than can be decoded"
    assert expected in reason


def test_an_absurd_sample_rate(server: Live) -> None:
    data = wav_of_channels(1, rate=900_000, seconds=1.2)
    assert "sample rate of 900000 Hz; at most 768000" in refusal(server, data)


# -- files that point to others


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on which nobody may call."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()


TARGETS = (
    "{file}",
    "file://{file}",
    "http://127.0.0.1:{port}/a.mp3",
    "concat:{file}",
    "subfile,,start,0,end,9,,:{file}",
)


@pytest.mark.parametrize("target", TARGETS)
def test_a_playlist_is_no_music_and_nothing_in_it_is_opened(
    tmp_path: Path, target: str, listener: socket.socket
) -> None:
    (tmp_path / "secret.flac").write_bytes(song())
    text = target.format(file=tmp_path / "secret.flac", port=listener.getsockname()[1])
    for name, data in playlists(text).items():
        (tmp_path / name).write_bytes(data)
        for source in (data, tmp_path / name):  # whoever asks zhanr.audio, not the server alone
            with pytest.raises(AudioError), AudioReader(source, sample_rate=8000) as reader:
                list(reader.blocks(8000))


@pytest.mark.parametrize("target", TARGETS[::2])
def test_a_playlist_that_is_uploaded(server: Live, tmp_path: Path, target: str, listener: socket.socket) -> None:
    (tmp_path / "secret.flac").write_bytes(song())
    text = target.format(file=tmp_path / "secret.flac", port=listener.getsockname()[1])
    for name, data in playlists(text).items():
        reason = refusal(server, data, name)
        assert "not a music file" in reason or "playlist" in reason
        assert str(tmp_path) not in reason


# -- names


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../x", "x"),
        ("..\\..\\x.mp3", "x.mp3"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        ("..", ".."),
        ("", "upload"),
        ("/", "upload"),
        ("a\0b\r\nSet-Cookie: x", "abSet-Cookie: x"),
        ("метал \U0001f3b5.mp3", "метал \U0001f3b5.mp3"),
        ("\u202egnp.exe", "gnp.exe"),
        ("x" * 10_000, "x" * MAX_NAME),
        ("<script>alert(1)</script>.mp3", "script>.mp3"),
        ("CON", "CON"),
        ("\ud800", "?"),
    ],
)
def test_a_name_is_a_label_on_one_line(name: str, shown: str) -> None:
    assert label(name) == shown


def test_names_that_point_elsewhere_write_nothing_there(server: Live, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "link.mp3").symlink_to(target)
    folder = server.state.folder.path
    for name in (
        str(target),
        f"../{target.name}",
        str(tmp_path / "link.mp3"),
        os.path.relpath(target, folder),
        "..",
        ".",
    ):
        response = server.client.post(CLASSIFY, files={"file": (name, song())})
        assert response.json()["path"] == label(name)
        raw = server.client.post(CLASSIFY, params={"name": name}, content=song())
        assert raw.json()["path"] == label(name)
    assert not target.exists()


def test_a_very_long_name(server: Live) -> None:
    assert problem(server.client.post(CLASSIFY, files={"file": ("x" * 100_000, song())}), 400)
    assert server.client.post(CLASSIFY, files={"file": ("x" * 3000, song())}).json()["path"] == "x" * MAX_NAME


# -- forms


def form(*parts: tuple[str, bytes], end: bytes = b"--x--\r\n") -> bytes:
    body = b""
    for disposition, data in parts:
        body += b"--x\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + data + b"\r\n"
    return body + end


FILE = 'form-data; name="file"; filename="a.mp3"'


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (form(), 422, "no file"),
        (form(('form-data; name="other"; filename="a"', b"x")), 422, "no file"),
        (form((FILE, b"")), 422, "empty"),
        (b"", 422, "no file"),
        (form((FILE, b"x"), (FILE, b"y")), 400, "one file"),
        (form((FILE, b"x"), end=b""), 400, "no end"),
        (b"not a form at all", 400, "broken"),
        (form(("form-data; name=file", b"x")).replace(b"\r\n\r\n", b"\r\nx\r\n\r\n", 1), 400, "broken"),
        (form((FILE, b"x")).replace(b"Content-Disposition", b"X" * 100_000), 400, "broken"),
        (b"--x\r\n" + b"A: b\r\n" * 1000 + b"\r\nx\r\n--x--\r\n", 400, "broken"),
    ],
)
def test_a_form_that_is_none(server: Live, body: bytes, status: int, reason: str) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert reason in problem(server.client.post(CLASSIFY, content=body, headers=headers), status)


def test_a_form_without_a_boundary_or_with_an_absurd_one(server: Live) -> None:
    for kind in (
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 5000}",
    ):
        assert problem(server.client.post(CLASSIFY, content=form((FILE, b"x")), headers={"Content-Type": kind}), 400)


def test_nothing_at_all(server: Live) -> None:
    assert "empty" in problem(server.client.post(CLASSIFY), 422)


# -- clients that stop


@pytest.mark.parametrize("kind", ["application/octet-stream", "multipart/form-data; boundary=x"])
def test_a_client_that_stops_in_the_middle_is_hung_up_on(server: Live, kind: str) -> None:
    asked = head(server, f"Content-Type: {kind}", "Content-Length: 100000")
    status, _ = answer(server.raw(asked + b"--x\r\n" + bytes(1000)))
    assert status in (400, 408)
    assert status == 408 or "multipart" in kind


def test_a_client_that_drips_is_hung_up_on(server: Live) -> None:
    stop = threading.Event()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head(server, "Content-Length: 100000"))

        def drip() -> None:
            while not stop.wait(0.2):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        received = connection.recv(65536)
        stop.set()
        thread.join()
    assert answer_status(received) == 408


def test_a_client_that_leaves_in_the_middle(server: Live) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head(server, "Content-Length: 100000") + bytes(1000))
        until(lambda: bool(list(server.state.folder.path.iterdir())))
    until(lambda: not list(server.state.folder.path.iterdir()) and server.state.engine.waiting == 0)
