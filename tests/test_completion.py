"""`zhanr completion`: the script that it prints, and what zhanr answers a shell that asks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ASKING = {
    "bash": {"COMP_WORDS": "zhanr library play", "COMP_CWORD": "2"},
    "zsh": {"_TYPER_COMPLETE_ARGS": "zhanr library play"},
    "fish": {"_TYPER_COMPLETE_ARGS": "zhanr library play", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}


def zhanr(*arguments: str, **variables: str) -> str:
    start = "import sys; from zhanr.cli import main; sys.argv[0] = 'zhanr'; main()"  # as the installed command does
    command = [sys.executable, "-W", "error", "-c", start, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | variables)
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", ASKING)
def test_a_shell_is_answered(shell: str) -> None:
    assert "_ZHANR_COMPLETE=complete_" + shell in zhanr("completion", shell)
    answer = zhanr(**ASKING[shell], _ZHANR_COMPLETE=f"complete_{shell}")
    assert "playlists" in answer
    assert "export" not in answer
