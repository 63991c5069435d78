"""SIGKILL at random moments of writing and of undoing: every file is either old or new, and all of it can be undone.

`ZHANR_KILLS=200 pytest tests/test_tag_kill.py` is the long form.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tag_files import SONGS, UNPLAYABLE, song
from zhanr.audio import load
from zhanr.audio.payload import payload_sha256
from zhanr.tags.formats import read_genres
from zhanr.tags.plan import Row, write_plan
from zhanr.tags.target import Check

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs fork and SIGKILL")
KILLS = int(os.environ.get("ZHANR_KILLS", "16"))
FEW = (
    "mp3",
    "mp3-v2.3-full",
    "flac",
    "vorbis",
    "opus",
    "m4a-faststart",
    "wma",
    "wavpack",
    "wav",
    "aiff",
    "aac-id3",
    "ape",
)
Run = Callable[..., dict[str, Any]]
Contents = dict[str, bytes]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Does a job in a process that may be killed."""
    command = [sys.executable, str(Path(__file__).with_name("tag_killer.py"))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    asked, answered = process.stdin, process.stdout

    def ask(**job: Any) -> dict[str, Any]:
        print(json.dumps(job), file=asked, flush=True)
        answer: dict[str, Any] = json.loads(answered.readline() or "{}")
        assert answer, "the child has failed; see its message"
        return answer

    with process:
        yield ask


def contents(folder: Path) -> Contents:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if not p.name.startswith(".")}


def leftovers(folder: Path) -> list[Path]:
    return [p for p in folder.iterdir() if p.name.startswith(".")]


def a_folder(folder: Path) -> Path:
    """Songs of all formats (in the short form, of the most different ones), and a plan for them."""
    folder.mkdir()
    rows = []
    for number, name in enumerate(SONGS if KILLS >= 200 else FEW):
        suffix, data = song(name)
        path = folder / f"{name}.{suffix}"
        path.write_bytes(data)
        genres = ("Jazz",) if number % 3 else ("Жанр", "Long " * 300 + "name")
        rows.append(Row(path, genres, Check.of(path)))
    write_plan(rows, folder.with_suffix(".csv"))
    return folder.with_suffix(".csv")


def take_back(run: Run, journal: str) -> bool:
    """Undo, if there is a journal: none is left by a run that died before it began, or had nothing left to write."""
    there = Path(journal).exists()
    if there:
        run(what="undo", journal=journal)
    return there


def check_songs(folder: Path, old: Contents, new: Contents) -> None:
    """The new files are what they should be: they play, and their sound is the old one."""
    payloads = {name: payload_sha256(data) for name, data in old.items()}
    for name, data in new.items():
        assert data != old[name]
        assert payload_sha256(data) == payloads[name]
        assert read_genres(folder / name)[0] in ("Jazz", "Жанр")
        if Path(name).stem not in UNPLAYABLE:
            assert load(data, sample_rate=8000).duration == load(old[name], sample_rate=8000).duration


def test_a_kill_at_any_moment_leaves_old_or_new_files_and_undo_gives_the_old_ones(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "music"
    plan = a_folder(folder)
    old, times = contents(folder), {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    whole = run(what="apply", plan=str(plan), journal=str(tmp_path / "whole.undo"))
    new = contents(folder)
    check_songs(folder, old, new)
    back = run(what="undo", journal=str(tmp_path / "whole.undo"))
    assert contents(folder) == old

    chance, killed, mixed = random.Random(5), 0, 0
    for number in range(KILLS):
        journal = str(tmp_path / f"{number}.undo")
        moment = _moment(chance, whole, by_event=number % 2 == 0)
        killed += run(what="apply", plan=str(plan), journal=journal, **moment)["killed"]
        now = contents(folder)
        assert now.keys() == old.keys()
        assert [name for name, data in now.items() if data not in (old[name], new[name])] == []
        assert len(leftovers(folder)) <= 1
        mixed += now not in (old, new)
        if chance.random() < 0.3:  # go on where it stopped; then there are two journals
            run(what="apply", plan=str(plan), journal=f"{journal}2.undo")
            assert contents(folder) == new
            assert leftovers(folder) == []
            take_back(run, f"{journal}2.undo")
        if chance.random() < 0.5 and Path(journal).exists():  # the undoing is killed as well
            killed += run(what="undo", journal=journal, **_moment(chance, back, by_event=number % 4 < 2))["killed"]
            assert [n for n, data in contents(folder).items() if data not in (old[n], new[n])] == []
        if take_back(run, journal):
            assert leftovers(folder) == []
        assert contents(folder) == old, f"after kill {number} at {moment}"
        assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir() if not p.name.startswith(".")} == times
    assert killed >= KILLS * 0.8
    assert mixed >= KILLS * 0.4  # most of them fell into the middle of the work


def _moment(chance: random.Random, whole: dict[str, Any], *, by_event: bool) -> dict[str, Any]:
    if by_event:
        return {"event": chance.randint(1, whole["events"])}
    return {"seconds": chance.uniform(0, whole["seconds"])}


def test_a_kill_before_every_single_step_of_one_song(tmp_path: Path, run: Run) -> None:
    """Not at random: before each thing that writing one song asks of the system, one after the other."""
    folder = tmp_path / "music"
    folder.mkdir()
    path = folder / "song.mp3"
    path.write_bytes(song("mp3")[1])
    write_plan([Row(path, ("Jazz",), Check.of(path))], tmp_path / "plan.csv")
    old = path.read_bytes()
    whole = run(what="apply", plan=str(tmp_path / "plan.csv"), journal=str(tmp_path / "whole.undo"))
    new = path.read_bytes()
    run(what="undo", journal=str(tmp_path / "whole.undo"))
    assert path.read_bytes() == old
    assert whole["events"] > 10
    seen = []
    step = 1 if KILLS >= 200 else 2
    for event in range(1, whole["events"] + 1, step):
        journal = tmp_path / f"{event}.undo"
        assert run(what="apply", plan=str(tmp_path / "plan.csv"), journal=str(journal), event=event)["killed"]
        now = path.read_bytes()
        assert now in (old, new)
        seen.append(now == new)
        if take_back(run, str(journal)):
            assert leftovers(folder) == []
        assert path.read_bytes() == old
    assert seen[0] is False
    assert seen[-1] is True
