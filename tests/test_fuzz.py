"""Three hundred damaged files, the same every time: each gives music or a sentence, and nothing else is printed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from audio_files import example
from zhanr.audio import load
from zhanr.audio.metadata import read_metadata
from zhanr.audio.sources import SourceFile
from zhanr.errors import AudioError

ROOT = Path(__file__).parents[1]


def test_damaged_files_are_answered() -> None:
    command = [sys.executable, "-m", "research.benchmarks.fuzz", "--files", "300", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert (outcome["files"], outcome["lost"], outcome["written"]) == (300, 0, 0)
    assert 50 < outcome["music"] < 250, "some faults are harmless and some are not"


def test_a_place_before_the_beginning_is_an_answer_and_no_exception() -> None:
    """FFmpeg asks for any place that the numbers of a damaged file lead to."""
    tagged = b"ID3\x04\x00\x00\x00\x00\x00\x05" + bytes(5) + b"sound"
    file = SourceFile(tagged)
    assert (file.seek(-1), file.seek(-6, 2), file.seek(-(2**62), 1)) == (-1, -1, -1)
    assert (file.seek(0), file.read()) == (0, b"sound")
    assert (file.seek(2**63 - 1), file.read()) == (5, b"")
    assert (file.seek(-2, 2), file.tell(), file.read()) == (3, 3, b"nd")


@pytest.mark.parametrize("size", [2**63 - 1, 2**63, 2**64 - 4096])
def test_a_damaged_size_is_said_in_plain_words(size: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(example("caf"))
    at = data.index(b"info") + 4
    data[at : at + 8] = size.to_bytes(8, "big")  # of the part before the sound
    path = tmp_path / "song.caf"
    path.write_bytes(data)
    with pytest.raises(AudioError, match="damaged"):
        load(path, sample_rate=22050)
    with pytest.raises(AudioError, match=r"FFmpeg can't read it \((?!\[Errno)"):
        read_metadata(path)
    assert capfd.readouterr() == ("", "")
