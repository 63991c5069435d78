"""`zhanr scan --watch` in a process of its own, as a user runs it; and what has come to rest."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command import zhanr
from test_scan import write_song
from tiny import tiny_model
from zhanr.library import Library
from zhanr.scan import watch
from zhanr.scan.watch import Unsettled

PATIENCE = 120  # seconds, after which a test is taken to hang


class Watcher:
    """The running command; `next` waits for the next scan that found something."""

    def __init__(self, folder: Path, library: Path, model: Path) -> None:
        options = ["--library", str(library), "--model", str(model), "--jobs", "1", "--json"]
        command = [sys.executable, "-m", "zhanr", "scan", "--watch", str(folder), *options]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def next(self) -> dict[str, Any]:
        return dict(json.loads(self._lines.get(timeout=PATIENCE)))

    def gather(self, name: str, number: int) -> None:
        """Wait until so many songs in all were `name`, be it in one scan or in several."""
        while number > 0:
            number -= self.next()[name]
        assert number == 0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Watcher]:
    model = tiny_model(tmp_path / "tiny.onnx")
    write_song(tmp_path / "music" / "first.flac", 0)
    watcher = Watcher(tmp_path / "music", tmp_path / "library.sqlite", model)
    try:
        yield watcher
    finally:
        watcher.process.kill()
        watcher.process.communicate()


def songs(tmp_path: Path) -> dict[str, bool]:
    """The songs of the library, and whether each is there."""
    with Library.open(tmp_path / "library.sqlite", readonly=True) as library:
        found = [*library.songs(), *library.songs("missing")]
    assert all(song.best for song in found)
    return {str(song.path.relative_to(tmp_path / "music")): song.missing_since is None for song in found}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_it_goes_on_as_files_come(running: Watcher, tmp_path: Path) -> None:
    music = tmp_path / "music"
    assert running.next()["classified"] == 1
    write_song(music / "second.flac", 1)
    (music / "cover.jpg").write_bytes(b"no music")
    running.gather("classified", 1)
    with Library.open(tmp_path / "library.sqlite") as library:
        library.correct(music / "second.flac", "polka")
    (music / "new").mkdir()
    (music / "second.flac").rename(music / "new" / "moved.flac")
    running.gather("moved", 1)
    outside = write_song(tmp_path / "elsewhere" / "third.flac", 2).parent
    write_song(outside / "fourth.flac", 3)
    outside.rename(music / "album")  # of which the system tells nothing but the folder
    running.gather("classified", 2)
    (music / "first.flac").unlink()
    running.gather("missing", 1)
    assert songs(tmp_path) == {
        "first.flac": False,
        "new/moved.flac": True,
        "album/third.flac": True,
        "album/fourth.flac": True,
    }
    with Library.open(tmp_path / "library.sqlite") as library:
        assert [s.path.name for s in library.songs("genre=polka")] == ["moved.flac"], "one row a file, with its word"
    os.killpg(running.process.pid, signal.SIGINT)
    assert running.process.wait(PATIENCE) == 130
    assert running.process.stderr is not None
    assert running.process.stderr.read().splitlines() == ["watching; Ctrl-C ends it", "stopped"]


def test_a_file_that_grows_is_scanned_once_and_whole(running: Watcher, tmp_path: Path) -> None:
    running.next()
    whole = write_song(tmp_path / "whole.flac", 5).read_bytes()
    with (tmp_path / "music" / "growing.flac").open("wb") as file:
        for start in range(0, len(whole), len(whole) // 4):
            file.write(whole[start : start + len(whole) // 4])
            file.flush()
            time.sleep(watch.SETTLED / 4)
    write_song(tmp_path / "music" / "other.flac", 6)
    seen: list[dict[str, Any]] = []
    while sum(summary["classified"] for summary in seen) < 2:
        seen.append(running.next())
        assert seen[-1]["failed"] == seen[-1]["changed"] == 0
    assert songs(tmp_path).keys() == {"first.flac", "growing.flac", "other.flac"}


def test_what_changes_on_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("zhanr.scan.watch.time.monotonic", lambda: clock[0])
    growing, still, gone = (str(tmp_path / name) for name in ("growing.mp3", "still.mp3", "gone.mp3"))
    for path in (growing, still):
        Path(path).write_bytes(b"1")
    unsettled = Unsettled()
    unsettled.add([growing, still, gone])
    assert unsettled.take() == set()
    clock[0] += watch.SETTLED
    Path(growing).write_bytes(b"12")  # though nobody said so
    ready = unsettled.take()
    assert ready == {still, gone}
    leave = unsettled.leave(ready)
    now = time.time_ns()
    assert leave(growing, 0), "it is unsettled"
    assert leave("just-there.mp3", now - 1_000_000), "so young that it may be"
    assert not leave("old.mp3", 0)
    assert not leave("of-another-clock.mp3", now + 10**12)
    assert not leave(still, now - 1_000_000)
    clock[0] += watch.SETTLED
    assert unsettled.take() == {growing}
    assert unsettled.take() == set()


def test_only_folders_are_watched(tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.flac", 0)
    for arguments in ([song], [tmp_path / "absent"], [tmp_path, "--limit", "3"], [tmp_path, "--engine", "ray"]):
        done = zhanr("scan", "--watch", *arguments, "--library", tmp_path / "l.sqlite", code=2)
        assert "--watch" in done.stderr
    assert not (tmp_path / "l.sqlite").exists()
