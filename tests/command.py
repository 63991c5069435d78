"""`zhanr` with the arguments, the output and the exit code that a user gets, but without another interpreter each time.

Where the process itself is what is tested (signals, pipes, what libraries print by themselves), tests start one.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest import mock

from zhanr.cli import main


def zhanr(*arguments: str | Path, code: int = 0, cwd: Path | None = None) -> CompletedProcess[str]:
    """Run the command line here, expect an exit code, and give what it wrote; an exception that leaves it goes on."""
    command = ["zhanr", *map(str, arguments)]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    left: object = 0
    with (
        mock.patch.object(sys, "argv", command),
        contextlib.chdir(cwd or "."),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            left = end.code or 0
    wrote = [stream.buffer.getvalue().decode("utf-8") for stream in (out, err)]
    done = CompletedProcess(command, left if isinstance(left, int) else 1, *wrote)
    assert done.returncode == code, f"exit code {left}, expected {code}:\n{done.stdout}\n{done.stderr}"
    return done


def lines(done: CompletedProcess[str]) -> list[dict[str, Any]]:
    """The JSON objects that it wrote, one a line."""
    return [json.loads(line) for line in done.stdout.splitlines()]
