"""Applying and undoing: every refusal and every failure of a disk has its line, and nothing is lost."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tag_files import SURE, put, row, song, state, write, write_one
from zhanr.errors import InUseError, PlanError
from zhanr.tags import apply as apply_module
from zhanr.tags.apply import apply, folders
from zhanr.tags.formats import TagFile, read_genres
from zhanr.tags.formats.edits import Edit, ordered
from zhanr.tags.formats.fields import Wanted
from zhanr.tags.journal import Journal, find, sole_writer
from zhanr.tags.plan import Row, plan
from zhanr.tags.policy import Policy
from zhanr.tags.undo import undo
from zhanr.tags.verify import difference


def test_a_file_that_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path)
    planned = row(path)
    status = path.stat()
    data = bytearray(path.read_bytes())
    cases: list[tuple[bytes, int]] = [(bytes(data) + b"x", status.st_mtime_ns), (bytes(data), status.st_mtime_ns + 1)]
    data[-100] ^= 1  # same length, same time, other bytes
    cases.append((bytes(data), status.st_mtime_ns))
    for content, mtime in cases:
        path.write_bytes(content)
        os.utime(path, ns=(mtime, mtime))
        for trial in (apply([planned], None), iter(write([planned], tmp_path / f"{len(content)}{mtime}.undo"))):
            (outcome,) = trial
            assert outcome.status == "refused"
            assert "changed since the plan" in outcome.reason
        assert path.read_bytes() == content
        for journal in tmp_path.glob("*.undo"):
            journal.unlink()


def test_a_deleted_file_is_refused_and_the_others_are_written(tmp_path: Path) -> None:
    rows = [row(put(tmp_path, n)) for n in ("mp3", "flac", "m4a")]
    rows[1].path.unlink()
    outcomes = write(rows, tmp_path / "j.undo")
    assert [o.status for o in outcomes] == ["written", "refused", "written"]
    assert outcomes[1].reason == "there is no such file or folder"
    rows[0].path.unlink()
    undone = {o.path.name: o for o in undo(Journal.read(tmp_path / "j.undo"))}
    assert undone["mp3.mp3"].reason == "there is no such file or folder"
    assert undone["m4a.m4a"].status == "restored"


def test_a_write_protected_file_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path)
    path.chmod(0o444)
    outcome = write_one(path)
    assert (outcome.status, outcome.reason) == ("refused", "it is write-protected")
    path.chmod(0o644)


@pytest.mark.skipif(os.name == "nt", reason="rights are different there")
def test_no_permission_for_the_folder() -> None:
    with tempfile.TemporaryDirectory() as name:
        outside, folder = Path(name), Path(name, "music")
        folder.mkdir()
        outside.chmod(0o777)
        path = put(folder)
        path.chmod(0o666)
        planned, before = row(path), state(folder)
        folder.chmod(0o555)
        with _unprivileged():
            (outcome,) = write([planned], outside / "j.undo")
        folder.chmod(0o755)
        assert outcome.status in ("refused", "failed")
        assert "writing to its folder is not permitted" in outcome.reason
        assert state(folder) == before


@contextlib.contextmanager
def _unprivileged() -> Iterator[None]:
    """As nobody, where the tests run as root, to whom everything is permitted."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@contextlib.contextmanager
def _longest_file(size: int) -> Iterator[None]:
    """The system refuses to let any file grow beyond a size."""
    import resource

    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_no_room_for_the_new_file(tmp_path: Path) -> None:
    planned = [row(put(tmp_path, "wav-bare")), row(put(tmp_path, "mp3"))]
    before = state(tmp_path)
    with _longest_file(100_000):  # room for the mp3, not for the wav
        first, second = write(planned, tmp_path / "j.undo")
    assert first.status == "failed"
    assert first.reason == "the file would be longer than this disk or system allows; the file is as it was"
    assert second.status == "written"
    assert state(tmp_path)[str(planned[0].path)] == before[str(planned[0].path)]
    assert [o.status for o in undo(Journal.read(tmp_path / "j.undo"))] == ["restored"]
    assert state(tmp_path) == before


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("call", [0, 1])
def test_a_disk_that_fails_at_any_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: int) -> None:
    """The first sync is that of the new file, the second one that of the journal."""
    path = put(tmp_path)
    before, planned, calls, sync = state(tmp_path), row(path), [0], os.fsync

    def failing(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] == call + 1:
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    with Journal.create(tmp_path / "j.undo", None, [tmp_path]) as journal:
        monkeypatch.setattr(os, "fsync", failing)
        (outcome,) = apply([planned], journal)
        assert outcome.status == "failed"
        assert outcome.reason.endswith("; the file is as it was")
        assert "disk" in outcome.reason
        assert state(tmp_path) == before
        assert [o.status for o in apply([planned], journal)] == ["written"]  # and then there is room again
    monkeypatch.undo()
    assert [o.status for o in undo(Journal.read(tmp_path / "j.undo"))] == ["restored"]
    assert state(tmp_path) == before


def test_open_in_another_program_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path)
    before, planned = state(tmp_path), row(path)

    def shared(source: Path, target: Path) -> None:
        error = PermissionError(errno.EACCES, f"{source} {target}")
        error.winerror = 32  # type: ignore[attr-defined, unused-ignore]
        raise error

    monkeypatch.setattr(os, "replace", shared)
    (outcome,) = write([planned], tmp_path / "j.undo")
    assert outcome.status == "failed"
    assert outcome.reason.startswith("another program has it open")
    assert state(tmp_path) == before
    monkeypatch.undo()
    assert [o.status for o in undo(Journal.read(tmp_path / "j.undo"))] == ["done"]  # in the journal, and old


def test_a_file_that_changes_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path)
    planned = row(path)

    def meanwhile(*arguments: Any) -> str | None:
        path.write_bytes(path.read_bytes() + b"!")
        return difference(*arguments)

    monkeypatch.setattr(apply_module, "difference", meanwhile)
    (outcome,) = write([planned], tmp_path / "j.undo")
    assert (outcome.status, outcome.reason) == ("refused", "another program is changing it just now")
    assert path.read_bytes() == song("mp3")[1] + b"!"


COVER_PART = song("mp3")[1][1500:1540]


def broken(change: Callable[[list[Edit], bytes], list[Edit]]) -> Callable[..., tuple[Edit, ...]]:
    """A writer of tags with a fault."""
    right = TagFile.edits

    def edits(opened: TagFile, wanted: Wanted) -> tuple[Edit, ...]:
        data = opened.path.read_bytes()
        return ordered(change(list(right(opened, wanted)), data), len(data))

    return edits


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda edits, data: [*edits, Edit(len(data) - 2000, len(data) - 1999, b"\x55")], "sound"),
        (lambda edits, data: [*edits, Edit(data.find(b"Album"), data.find(b"Album") + 1, b"B")], "other tags"),
        (lambda edits, data: [*edits, Edit(data.find(COVER_PART), data.find(COVER_PART) + 1, b"!")], "other tags"),
        (lambda _, __: [], "can't hold the genre"),
        (lambda edits, data: [*edits, Edit(len(data) - 5000, len(data), b"")], "sound"),
    ],
)
def test_a_faulty_writer_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[..., list[Edit]], said: str
) -> None:
    path = put(tmp_path)
    before = state(tmp_path)
    monkeypatch.setattr(TagFile, "edits", broken(change))
    outcome = write_one(path)
    assert outcome.status == "refused"
    assert said in outcome.reason
    assert state(tmp_path) == before


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_symbolic_links_stay_and_hard_links_are_refused(tmp_path: Path) -> None:
    path = put(tmp_path)
    link = tmp_path / "link.mp3"
    link.symlink_to(path.name)
    assert [r.path for r in plan([(link, SURE), (path, SURE)], Policy("replace")) if isinstance(r, Row)] == [link]
    (outcome,) = write([row(link)], tmp_path / "j.undo")
    assert outcome.status == "written"
    assert link.is_symlink()
    assert read_genres(path) == ("Jazz",)
    hard = tmp_path / "hard.mp3"
    os.link(path, hard)
    (refused,) = write([row(path, "Rock")], tmp_path / "k.undo")
    assert "under 2 names (hard links)" in refused.reason
    (split_now,) = write([row(path, "Rock")], tmp_path / "l.undo", split_links=True)
    assert split_now.status == "written"
    assert (read_genres(path), read_genres(hard)) == (("Rock",), ("Jazz",))


@pytest.mark.skipif(os.name == "nt", reason="rights are different there")
def test_mode_owner_attributes_and_time(tmp_path: Path) -> None:
    path = put(tmp_path)
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
    marked = False
    with contextlib.suppress(OSError, AttributeError):
        os.setxattr(path, "user.zhanr", b"kept")
        marked = True
    os.utime(path, ns=(10**18, 10**18))
    old = path.stat()
    assert write_one(path, "Jazz", keep_mtime=True).status == "written"
    new = path.stat()
    kept = ("st_mode", "st_uid", "st_gid", "st_mtime_ns")
    assert [getattr(new, k) for k in kept] == [getattr(old, k) for k in kept]
    assert new.st_ino != old.st_ino
    assert not marked or os.getxattr(path, "user.zhanr") == b"kept"
    write([row(path, "Rock")], tmp_path / "k.undo")
    assert path.stat().st_mtime_ns > old.st_mtime_ns
    list(undo(Journal.read(tmp_path / "k.undo")))
    assert path.stat().st_mtime_ns == old.st_mtime_ns


# -- the journal, undoing, and what a crash leaves


def test_a_plan_that_was_half_applied_is_applied_again_and_undone_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHANR_LIBRARY", str(tmp_path / "library.sqlite"))
    rows = [row(put(tmp_path, n)) for n in ("mp3", "flac", "m4a", "wma")]
    before, made = state(tmp_path), tmp_path / "plan.csv"
    with Journal.create(tmp_path / "undo" / "1.undo", made, folders(rows)) as first:
        outcomes = apply(rows, first)
        assert [next(outcomes).status for _ in range(2)] == ["written", "written"]
    with Journal.create(tmp_path / "undo" / "2.undo", made, folders(rows)) as second:
        assert [o.status for o in apply(rows, second)] == ["done", "done", "written", "written"]
    with pytest.raises(PlanError, match="nothing to undo"):
        find("other.csv")
    journals = find(str(made))
    assert [j.path.name for j in journals] == ["2.undo", "1.undo"]
    assert [o.status for j in journals for o in undo(j)] == ["restored"] * 4
    assert state(tmp_path) == before
    with pytest.raises(PlanError, match="nothing to undo"):
        find("last")


def test_last_is_the_newest_run_that_was_not_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANR_LIBRARY", str(tmp_path / "library.sqlite"))
    path = put(tmp_path)
    original = path.read_bytes()
    for number, genre in enumerate(("Jazz", "Rock")):
        with Journal.create(tmp_path / "undo" / f"{number}.undo", None, [tmp_path]) as journal:
            list(apply([row(path, genre)], journal))
    (tmp_path / "undo" / "9.undo").write_bytes(b'{"zhanr undo jour')  # a crash in the first line
    for expected in (("Jazz",), ("Old Genre",)):
        (last,) = find("last")
        assert [o.status for o in undo(last)] == ["restored"]
        assert read_genres(path) == expected
    assert path.read_bytes() == original


def test_a_file_that_was_changed_since_is_not_undone(tmp_path: Path) -> None:
    path = put(tmp_path)
    write_one(path)
    data = path.read_bytes() + b"somebody's own change"
    path.write_bytes(data)
    (outcome,) = undo(Journal.read(tmp_path / "journal.undo"))
    assert outcome.status == "refused"
    assert "changed after zhanr wrote it" in outcome.reason
    assert path.read_bytes() == data


def test_what_could_not_be_undone_now_can_be_later(tmp_path: Path) -> None:
    path = put(tmp_path)
    before = state(tmp_path)
    write_one(path)
    path.chmod(0o444)
    journal = Journal.read(tmp_path / "journal.undo")
    assert [(o.status, o.reason) for o in undo(journal)] == [("failed", "it is write-protected")]
    assert not Journal.read(journal.path).undone
    path.chmod(0o644)
    assert [o.status for o in undo(journal)] == ["restored"]
    assert Journal.read(journal.path).undone
    assert state(tmp_path) == before


def test_a_trial_undo_changes_nothing_and_an_undo_can_be_repeated(tmp_path: Path) -> None:
    path = put(tmp_path)
    before = state(tmp_path)
    write_one(path)
    written = state(tmp_path)
    journal = tmp_path / "journal.undo"
    assert [o.status for o in undo(Journal.read(journal), dry_run=True)] == ["would be restored"]
    assert state(tmp_path) == written
    assert [o.status for _ in range(2) for o in undo(Journal.read(journal))] == ["restored", "done"]
    assert state(tmp_path) == before
    assert write([row(path)], tmp_path / "again.undo")[0].status == "written"
    assert [o.status for o in undo(Journal.read(journal))] == ["restored"]  # the same change: the same way back


def test_a_journal_torn_anywhere_is_read_up_to_there(tmp_path: Path) -> None:
    rows = [row(put(tmp_path, n)) for n in ("mp3", "flac-bare")]
    write(rows, tmp_path / "j.undo")
    whole = (tmp_path / "j.undo").read_bytes()
    entries = Journal.read(tmp_path / "j.undo").entries
    assert len(entries) == 2
    torn = tmp_path / "torn.undo"
    for at in range(0, whole.find(b"\n"), 5):
        torn.write_bytes(whole[:at])
        journal = Journal.read(torn)
        assert (journal.entries, journal.undone, list(undo(journal))) == ([], True, [])
    first_end = whole.rfind(b'{"path"')
    for at in range(whole.find(b"\n") + 1, len(whole), 7):
        torn.write_bytes(whole[:at])
        assert Journal.read(torn).entries == (entries[:1] if at >= first_end else [])
    torn.write_bytes(whole[:-3])
    journal = Journal.read(torn)
    journal.mark_undone()
    assert Journal.read(torn).undone
    assert Journal.read(torn).entries == entries[:1]
    damaged = bytearray(whole)
    damaged[-5] ^= 0xFF  # in the old bytes of the last entry
    torn.write_bytes(damaged)
    assert Journal.read(torn).entries == entries[:1]
    torn.write_bytes(b"something else")
    with pytest.raises(PlanError, match="not a journal"):
        Journal.read(torn)


def test_what_a_killed_run_left_is_removed_and_what_a_running_one_uses_is_not(tmp_path: Path) -> None:
    path = put(tmp_path)
    left, other = tmp_path / ".zhanr-0123456789abcdef.tmp", tmp_path / ".zhanr-notours.tmp"
    for file in (left, other):
        file.write_bytes(b"half a song")
    with sole_writer():
        with pytest.raises(InUseError, match="another zhanr is writing"):
            write_one(path)
        assert left.exists()
    assert write_one(path).status == "written"
    assert not left.exists()
    assert other.exists()
    left.write_bytes(b"half a song")
    journal = Journal.read(tmp_path / "journal.undo")
    with sole_writer(), pytest.raises(InUseError):
        list(undo(journal))
    assert left.exists()
    list(undo(journal))
    assert not left.exists()


def test_a_journal_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.undo").write_text("mine", encoding="utf-8")
    with pytest.raises(PlanError, match="already"):
        Journal.create(tmp_path / "mine.undo", None, [])
    assert (tmp_path / "mine.undo").read_text(encoding="utf-8") == "mine"


def test_no_room_for_the_journal(tmp_path: Path) -> None:
    path = put(tmp_path)
    with _longest_file(0), pytest.raises(PlanError, match="journal can't be begun"):
        Journal.create(tmp_path / "j.undo", None, [tmp_path])
    assert list(tmp_path.iterdir()) == [path]
