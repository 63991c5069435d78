"""`zhanr classify` at a real terminal, where a bar and results never share a line, and with a full disk behind it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[1] / "demo"
COMMAND = [sys.executable, "-W", "error", "-m", "zhanr", "classify"]


def at_a_terminal(columns: int, *arguments: str | Path) -> str:
    """All that a command writes to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
    environment.pop("NO_COLOR", None)
    command = [*COMMAND, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 65536):
            written += part
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    assert process.wait() == 0, written
    return written.decode()


def lines(raw: str) -> list[str]:
    """What stays on each line: after a return and the erasing of a line, only what comes then."""
    plain = re.sub(r"\x1b\[[0-9;?]*m", "", raw)
    return [re.split(r"\r?\x1b\[2K", line)[-1].strip("\r") for line in plain.split("\n")]


@pytest.mark.parametrize("columns", [80, 200])
def test_results_and_bar_never_share_a_line(columns: int) -> None:
    songs = [DEMO / "jazz.wav", DEMO / "disco.m4a", DEMO / "classical.flac"]
    raw = at_a_terminal(columns, *songs)
    shown = lines(raw)
    assert "classifying" in raw
    for song in songs:
        (line,) = [line for line in shown if line.endswith(song.name) or f"{song.name} " in line]
        assert "classifying" not in line


def test_a_table_at_a_terminal_has_no_bar_in_it() -> None:
    assert "classifying" not in at_a_terminal(80, "--json", DEMO / "jazz.wav")


def test_colour_that_is_forced_into_a_pipe_moves_no_result_to_standard_error() -> None:
    environment = {**os.environ, "FORCE_COLOR": "1"}
    done = subprocess.run(
        [*COMMAND, str(DEMO / "jazz.wav")], env=environment, capture_output=True, text=True, check=True
    )
    assert "jazz.wav" in done.stdout
    assert "jazz.wav" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_a_full_disk_behind_standard_output_is_one_sentence(form: list[str]) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run([*COMMAND, *form, str(DEMO / "jazz.wav")], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "zhanr: what it says can't be written: the disk is full"
    assert "Traceback" not in done.stderr
