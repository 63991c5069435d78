"""`zhanr scan`: what it finds, what it spares itself, what it survives."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import mutagen
import pytest

from audio_files import FORMATS, encode, music
from bad_decoders import BadDecoder, dead_from_the_start, no_model
from command import lines, zhanr
from tiny import tiny_model
from zhanr.errors import ModelFileError, ZhanrError
from zhanr.library import Library, Song
from zhanr.scan.analyse import analyser
from zhanr.scan.pace import Pace
from zhanr.scan.scan import Scan, Summary
from zhanr.scan.walk import walk
from zhanr.scan.worker import Limits, Lost, Pool, Task

KINDS = ("wav-s16", "flac", "mp3", "vorbis", "aac", "opus")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


def write_song(path: Path, number: int, kind: str = "flac", seconds: float = 1.5, **tags: str) -> Path:
    """A short piece of music that differs from that of every other number."""
    fmt = FORMATS[kind]
    start = round(number * 0.01 * fmt.rate)
    y = music(seconds + number * 0.01, fmt.rate)[start:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(y, fmt, metadata={"title": f"song {number}", **tags}))
    return path


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six songs in six formats."""
    folder = tmp_path_factory.mktemp("originals")
    for number, kind in enumerate(KINDS):
        write_song(folder / f"{number}.{FORMATS[kind].suffix}", number, kind, genre="Jazz", artist=f"artist {number}")
    return folder


@pytest.fixture
def folder(originals: Path, tmp_path: Path) -> Path:
    shutil.copytree(originals, tmp_path / "music")
    return tmp_path / "music"


@pytest.fixture
def library(tmp_path: Path) -> Iterable[Library]:
    with Library.open(tmp_path / "library.sqlite") as library:
        yield library


Scanner = Callable[..., Summary]


class Inline(Pool[Any]):
    """A pool that works in this process, which saves the time that another needs to start."""

    def run(self, tasks: Iterator[Task], answer: Callable[[Task, str], bool]) -> Iterator[tuple[Task, Any]]:
        work = self._start()
        for task in tasks:
            yield task, work(task.path, partial(answer, task))


@pytest.fixture
def scan(library: Library, model: Path, monkeypatch: pytest.MonkeyPatch) -> Scanner:
    """Scan into the library: with worker processes where `start` or `jobs` is given, else in this process."""

    def run(*folders: Path, model: Path = model, start: Any = None, **options: Any) -> Summary:
        monkeypatch.setattr("zhanr.scan.scan.Pool", Pool if start or "jobs" in options else Inline)
        good, sha256 = analyser(model)
        start = partial(start, *good.args) if start is BadDecoder else start or good
        summary = Scan(library, start, sha256, **options).run(folders)
        check_sum(summary)
        return summary

    return run


def check_sum(s: Summary) -> None:
    groups = (s.unchanged, s.classified, s.retagged, s.moved, s.copies, s.failed, s.gone, s.left)
    assert s.found == sum(groups), s
    assert s.classified == s.new + s.changed + s.again


def counts(summary: Summary) -> dict[str, int]:
    return {k: v for k, v in summary.to_dict().items() if v and k not in ("seconds", "problems")}


def content(library: Library) -> list[dict[str, Any]]:
    """Everything that a library knows, but for when and in which order it learned it."""
    rows = []
    for song in [*library.songs(embeddings=True), *library.songs("missing", embeddings=True)]:
        row = song.to_dict() | {"id": 0, "scanned_at": 0, "missing_since": song.missing_since is not None}
        rows.append(row | {"embedding": None if song.embedding is None else song.embedding.tobytes()})
    return rows


# -- what it finds


def test_all_that_the_library_keeps(folder: Path, library: Library, scan: Scanner) -> None:
    assert counts(scan(folder, jobs=2)) == {"found": 6, "classified": 6, "new": 6}
    songs = {s.path.name: s for s in library.songs(embeddings=True)}
    assert len(songs) == 6
    for number, song in enumerate(songs.values()):
        status = song.path.stat()
        assert (song.size, song.mtime_ns) == (status.st_size, status.st_mtime_ns)
        assert song.error is None
        assert song.best in ("classical", "jazz", "rock")
        assert song.confidence == max(song.probabilities.values())
        assert song.duration == pytest.approx(1.5, abs=0.2)
        assert len(song.content_hash or "") == 64
        assert song.embedding is not None
        assert song.embedding.shape == (16,)
        assert (song.tag_genre, song.artist, song.title) == ("Jazz", f"artist {number}", f"song {number}")
    assert counts(scan(folder)) == {"found": 6, "unchanged": 6}


def test_the_answer_is_that_of_the_classifier(folder: Path, library: Library, scan: Scanner, model: Path) -> None:
    from zhanr import Classifier

    scan(folder)
    classifier = Classifier.load(model)
    for song in library.songs():
        assert classifier.predict(song.path).probabilities == song.probabilities


def test_changed_retagged_moved_copied_deleted(folder: Path, library: Library, scan: Scanner) -> None:
    scan(folder)
    before = {s.path.name: s for s in library.songs(embeddings=True)}
    library.correct(folder / "2.mp3", "blues")
    tags = mutagen.File(folder / "1.flac")
    tags["genre"] = "Free Jazz"
    tags.save()  # re-tagged
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "2.mp3").rename(folder / "deep" / "er" / "two.mp3")  # moved
    write_song(folder / "3.ogg", 33, "vorbis")  # another recording
    shutil.copy(folder / "4.m4a", folder / "copy.m4a")
    (folder / "0.wav").unlink()
    os.utime(folder / "5.opus", ns=(1, 1))  # touched
    assert counts(scan(folder)) == {
        "found": 6,
        "retagged": 2,
        "moved": 1,
        "classified": 1,
        "changed": 1,
        "copies": 1,
        "unchanged": 1,
        "missing": 1,
    }
    after = {s.path.name: s for s in library.songs(embeddings=True)}
    assert set(after) == {"1.flac", "two.mp3", "3.ogg", "4.m4a", "copy.m4a", "5.opus"}
    assert after["1.flac"].tag_genre == "Free Jazz"
    assert after["1.flac"].probabilities == before["1.flac"].probabilities
    assert after["1.flac"].embedding is not None
    moved = after["two.mp3"]
    assert (moved.id, moved.correction) == (before["2.mp3"].id, "blues")
    assert moved.path == folder / "deep" / "er" / "two.mp3"
    assert moved.embedding is not None
    assert after["3.ogg"].content_hash != before["3.ogg"].content_hash
    assert after["copy.m4a"].probabilities == before["4.m4a"].probabilities
    assert after["copy.m4a"].id != before["4.m4a"].id
    assert after["5.opus"].mtime_ns == 1
    (missing,) = library.songs("missing")
    assert missing.path.name == "0.wav"
    assert counts(scan(folder)) == {"found": 6, "unchanged": 6}


def test_a_file_that_returns_is_known(folder: Path, library: Library, scan: Scanner, tmp_path: Path) -> None:
    scan(folder)
    library.correct(folder / "2.mp3", "blues")
    shutil.move(folder, tmp_path / "away")
    folder.mkdir()
    assert counts(scan(folder)) == {"missing": 6}
    assert library.count() == 0
    shutil.rmtree(folder)
    shutil.move(tmp_path / "away", folder)
    assert counts(scan(folder)) == {"found": 6, "unchanged": 6, "returned": 6}
    shutil.move(folder, tmp_path / "music, sorted")
    assert counts(scan(tmp_path / "music, sorted")) == {"found": 6, "moved": 6}
    found = library.song(tmp_path / "music, sorted" / "2.mp3")
    assert found is not None
    assert found.answer == "blues"
    assert library.count() == 6


def test_a_drive_that_is_gone_loses_nothing(folder: Path, library: Library, scan: Scanner, tmp_path: Path) -> None:
    scan(folder)
    shutil.move(folder, tmp_path / "away")
    summary = scan(folder)
    assert summary.problems == [(str(folder), "there is no such file or folder")]
    assert library.count() == 6
    assert list(library.songs("error")) == []


def test_a_folder_that_can_t_be_listed(folder: Path, library: Library, scan: Scanner) -> None:
    write_song(folder / "sub" / "x" / "y.flac", 7)
    scan(folder)
    (folder / "sub").chmod(0)
    try:
        if os.access(folder / "sub", os.R_OK):
            pytest.skip("whoever runs this may read everything")
        _expect_unlistable(folder, library, scan)
    finally:
        (folder / "sub").chmod(0o755)
    assert counts(scan(folder)) == {"found": 7, "unchanged": 7}
    assert library.count("error") == 0


def test_a_share_that_vanishes(folder: Path, library: Library, scan: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    write_song(folder / "sub" / "x" / "y.flac", 7)
    scan(folder)
    real = os.scandir

    def scandir(path: str) -> Any:
        if str(path) == str(folder / "sub"):
            raise OSError(112, "Host is down")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    _expect_unlistable(folder, library, scan)
    monkeypatch.undo()
    assert counts(scan(folder)) == {"found": 7, "unchanged": 7}
    assert library.count("error") == 0


def _expect_unlistable(folder: Path, library: Library, scan: Scanner) -> None:
    summary = scan(folder)
    assert [path for path, _ in summary.problems] == [str(folder / "sub")]
    assert library.count() == 8
    assert [s.path for s in library.songs("error")] == [folder / "sub"]


# -- failures


def test_failures_are_kept_and_not_tried_again(folder: Path, library: Library, scan: Scanner) -> None:
    (folder / "empty.mp3").touch()
    (folder / "text.flac").write_text("these are words")
    assert counts(scan(folder)) == {"found": 8, "classified": 6, "new": 6, "failed": 2}
    errors = {s.path.name: s.error for s in library.songs("error")}
    assert errors["empty.mp3"] == "the file is empty"
    assert "not a music file" in (errors["text.flac"] or "")
    assert counts(scan(folder)) == {"found": 8, "unchanged": 8}
    assert counts(scan(folder, again=True)) == {"found": 8, "unchanged": 6, "failed": 2}
    shutil.copy(folder / "1.flac", folder / "text.flac")
    (folder / "empty.mp3").unlink()
    assert counts(scan(folder)) == {"found": 7, "unchanged": 6, "copies": 1}
    assert library.count("error") == 0


def test_a_link_to_nowhere_is_told_once(folder: Path, library: Library, scan: Scanner) -> None:
    (folder / "link.mp3").symlink_to(folder / "gone.mp3")
    assert [path for path, _ in scan(folder).problems] == [str(folder / "link.mp3")]
    assert scan(folder).problems == []
    assert [s.path.name for s in library.songs("error")] == ["link.mp3"]
    shutil.copy(folder / "1.flac", folder / "gone.mp3")
    scan(folder)
    assert library.count("error") == 0


def test_decoders_that_hang_crash_and_swallow_memory(folder: Path, library: Library, scan: Scanner) -> None:
    bad = ("hang", "crash", "killed", "leave", "memory", "bug")
    for name in bad:
        shutil.copy(folder / "1.flac", folder / f"{name}-1.flac")
    shutil.copy(folder / "2.mp3", folder / "hang-2.mp3")
    limits = Limits(seconds=3, memory=1 << 30)
    summary = scan(folder, start=BadDecoder, jobs=2, limits=limits)
    failed = 7 if sys.platform == "linux" else 6  # elsewhere memory has no limit
    assert (summary.failed, summary.classified + summary.copies) == (failed, 13 - failed)
    errors = {s.path.stem: s.error or "" for s in library.songs("error")}
    assert "longer than 3 seconds" in errors["hang-1"]
    assert "longer than 3 seconds" in errors["hang-2"]
    assert "crashed" in errors["crash-1"]
    assert "crashed" in errors["killed-1"]
    assert "exit code 3" in errors["leave-1"]
    assert "ZeroDivisionError" in errors["bug-1"]
    if sys.platform == "linux":
        assert "crashed (SIGSEGV)" in errors["crash-1"]
        assert "more than 1.0 GB of memory" in errors["memory-1"]
    again = scan(folder)  # only what the outside world killed is tried again
    assert counts(again) == {"found": 13, "unchanged": 12, "copies": 1}


def test_a_large_file_gets_more_time(folder: Path, model: Path) -> None:
    slow = folder / "slow-1.flac"  # it takes half a second more than others
    shutil.copy(folder / "1.flac", slow)
    start = partial(BadDecoder, *analyser(model)[0].args)
    limits = Limits(seconds=0.2, bytes_per_second=1e6)
    results = {}
    for size in (0, 60_000_000):
        with Pool(start, jobs=1, limits=limits) as pool:
            ((_, results[size]),) = pool.run(iter([Task(slow, size)]), lambda *_: False)
    assert results[0] == Lost("decoding it took longer than 0 seconds")
    assert isinstance(results[60_000_000], Song)


def test_workers_that_can_t_start(folder: Path, scan: Scanner) -> None:
    with pytest.raises(ModelFileError, match="it was deleted"):
        scan(folder, start=no_model)
    with pytest.raises(ZhanrError, match="can't be started"):
        scan(folder, start=dead_from_the_start)


def test_a_model_that_changes_under_way_is_noticed(folder: Path, library: Library, model: Path, tmp_path: Path) -> None:
    start, sha256 = analyser(shutil.copy(model, tmp_path / "m.onnx"))
    tiny_model(tmp_path / "m.onnx", seed=5)
    with pytest.raises(ModelFileError, match="was changed meanwhile"):
        Scan(library, start, sha256).run([folder])


def test_a_file_deleted_before_it_is_read(folder: Path, library: Library, scan: Scanner) -> None:
    def delete(_what: str, _done: int, _total: int | None) -> None:
        (folder / "5.opus").unlink(missing_ok=True)

    assert counts(scan(folder, progress=delete)) == {"found": 6, "classified": 5, "new": 5, "gone": 1}
    assert library.count() == 5


def test_trouble_with_the_disk_forgets_nothing(folder: Path, library: Library, scan: Scanner) -> None:
    scan(folder)
    shutil.copy(folder / "1.flac", folder / "killed-0.mp3")
    scan(folder)
    song = library.song(folder / "killed-0.mp3")
    assert song is not None
    os.utime(song.path)
    assert scan(folder, start=BadDecoder).failed == 1
    after = library.song(song.path)
    assert after is not None
    assert (after.error, after.best) == (None, song.best)


# -- again, another model, a part


def test_another_model(folder: Path, library: Library, scan: Scanner, tmp_path: Path) -> None:
    scan(folder)
    library.correct(folder / "2.mp3", "blues")
    other = tiny_model(tmp_path / "other.onnx", seed=3)
    assert counts(scan(folder, model=other)) == {"found": 6, "unchanged": 6, "other_model": 6}
    (folder / "2.mp3").rename(folder / "two.mp3")
    half = scan(folder, model=other, again=True, limit=3)
    assert (half.classified, half.left) == (3, 3)
    rest = scan(folder, model=other, again=True)
    assert (rest.classified, rest.unchanged) == (3, 3)
    assert len({s.model_sha256 for s in library.songs()}) == 1
    assert library.count() == 6
    moved = library.song(folder / "two.mp3")
    assert moved is not None
    assert moved.correction == "blues"


def test_a_limit_leaves_the_rest_for_the_next_time(folder: Path, library: Library, scan: Scanner) -> None:
    assert scan(folder, limit=4).left == 2
    assert library.count() == 4
    assert counts(scan(folder)) == {"found": 6, "unchanged": 4, "classified": 2, "new": 2}


def test_the_pace_is_that_of_the_last_minute() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    assert pace.tell(7, None) == "7 songs"
    pace.tell(0, 1000)
    for second in range(1, 201):
        now = float(second)
        text = pace.tell(second if second <= 100 else 100 + 2 * (second - 100), 1000)
    assert text == "300 of 1,000 songs, 2.0 a second, 6 min left"


# -- as a user


def test_as_a_user(folder: Path, tmp_path: Path, model: Path) -> None:
    (folder / "empty.mp3").touch()
    at = ("--library", tmp_path / "new" / "l.sqlite", "--model", model)
    text = zhanr("scan", folder, *at).stdout
    assert "7 songs found: 6 classified, 1 failed" in text
    assert "zhanr library failures" in text
    (numbers,) = lines(zhanr("scan", folder, *at, "--json"))
    assert (numbers["found"], numbers["unchanged"], numbers["stopped"]) == (7, 7, False)
    done = zhanr("scan", tmp_path / "absent", *at, code=1)
    assert "no such file or folder" in done.stderr
    assert "no such model file" in zhanr("scan", folder, "--model", tmp_path / "x.onnx", code=1).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_ctrl_c_stops_in_good_order(folder: Path, tmp_path: Path, model: Path) -> None:
    for number in range(40):
        write_song(folder / f"slow-{number}.wav", 10 + number, "wav-s16")
    library = tmp_path / "l.sqlite"
    process = start_scan(folder, library, model, "--json", program=[str(Path(__file__).with_name("slow_zhanr.py"))])
    wait_for_songs(library, 8)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it as well
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""
    summary = json.loads(out)
    assert summary["stopped"]
    with Library.open(library) as opened:
        assert 8 <= opened.count() == summary["classified"] == summary["found"] - summary["left"] < 46
    expect_no_workers(process.pid)


def start_scan(
    folder: Path, library: Path, model: Path, *more: str, program: Iterable[str] = ("-m", "zhanr")
) -> subprocess.Popen[str]:
    options = ["--library", str(library), "--model", str(model), "--jobs", "2"]
    command = [sys.executable, *program, "scan", str(folder), *options, *more]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def wait_for_songs(library: Path, number: int, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if library.exists() and library.stat().st_size:
            with Library.open(library, timeout=60) as opened:
                if opened.count() >= number:
                    return
        time.sleep(0.02)
    pytest.fail(f"not {number} songs after {seconds} seconds")


def processes_of(session: int) -> list[int]:
    """The processes (Linux) of a session, of which a killed scan should leave none."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.name))
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_again_and_again_it_loses_nothing(tmp_path: Path, model: Path) -> None:
    """5 kills of a scan of 60 songs; with ZHANR_KILL_TEST=FOLDER, 20 kills of one of that folder."""
    if given := os.environ.get("ZHANR_KILL_TEST"):
        folder, kills = Path(given), 20
    else:
        folder, kills = tmp_path / "music", 5
        make_collection(folder)
    killed = kill_repeatedly(folder, tmp_path / "killed.sqlite", model, kills)
    at = ("--model", model, "--json")
    (last,) = lines(zhanr("scan", folder, "--library", tmp_path / "killed.sqlite", *at))
    (whole,) = lines(zhanr("scan", folder, "--library", tmp_path / "whole.sqlite", *at))
    assert last["found"] == whole["found"] == last["unchanged"] + last["classified"] + last["copies"] + last["failed"]
    with Library.open(tmp_path / "killed.sqlite") as a, Library.open(tmp_path / "whole.sqlite") as b:
        assert content(a) == content(b)
        assert a.count() == whole["found"]
        assert a.db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    print(f"{kills} kills, {whole['found']} songs; known after each kill: {killed}")


def make_collection(folder: Path) -> None:
    for number in range(60):
        kind = KINDS[number % len(KINDS)]
        path = folder / f"album {number % 7}" / f"{number}.{FORMATS[kind].suffix}"
        write_song(path, number, kind, genre=f"genre {number % 3}")
    shutil.copy(folder / "album 1" / "1.flac", folder / "copy.flac")
    (folder / "broken.mp3").write_bytes(b"no music" * 100)


def kill_repeatedly(folder: Path, library: Path, model: Path, kills: int) -> list[int]:
    """Start scans and kill each at a random moment; how many songs were known after each kill."""
    rng = random.Random(0)
    known = [0]
    total = sum(len(listing.files) for listing in walk([folder]))
    for kill in range(kills):
        process = start_scan(folder, library, model)
        if kill % 5:  # else while it is still starting
            wait_for_songs(library, min(known[-1] + rng.randint(1, 2 * total // kills), total), 600)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.communicate()
        with Library.open(library) as opened:
            known.append(opened.count())
        assert known[-1] >= known[-2]
        expect_no_workers(process.pid)
    return known[1:]


def expect_no_workers(session: int, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while processes_of(session):
        assert time.monotonic() < end, "a worker has outlived its scan"
        time.sleep(0.05)


def test_20_000_songs_are_compared_in_a_moment(tmp_path: Path, library: Library, scan: Scanner) -> None:
    songs = []
    for album in range(100):
        folder = tmp_path / "music" / f"artist {album % 10}" / f"album {album}"
        folder.mkdir(parents=True)
        for number in range(200):
            path = folder / f"{number}.mp3"
            path.touch()
            status = path.stat()
            songs.append(Song(path, 0, status.st_mtime_ns, best="jazz", genre="jazz", model_sha256="another"))
    library.add(*songs)
    begin = time.perf_counter()
    summary = scan(tmp_path / "music")
    print(f"20,000 unchanged songs compared in {time.perf_counter() - begin:.2f} s")
    assert counts(summary) == {"found": 20_000, "unchanged": 20_000, "other_model": 20_000}
    Path(songs[5000].path).unlink()
    assert counts(scan(tmp_path / "music"))["missing"] == 1
