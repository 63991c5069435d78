"""Genres in files: planned by rules, written so that nothing else changes, refused with a reason, taken back."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import mutagen
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tag_files import SONGS, UNPLAYABLE, ape_tag, id3_tag, id3v1, song, sound
from tiny import LABELS, tiny_model
from zhanr.audio import load
from zhanr.audio.metadata import read_metadata
from zhanr.audio.payload import payload_sha256
from zhanr.errors import ConfigError, PlanError, TagError
from zhanr.library import Library, Song
from zhanr.library.tags import apply as apply_module
from zhanr.library.tags import disk
from zhanr.library.tags.apply import Options, Outcome, apply, folders
from zhanr.library.tags.edits import Edit, inverse, ordered, refined, spliced
from zhanr.library.tags.formats import checked_genres, distinct, edits_for, genre_key, read_genres, read_tags
from zhanr.library.tags.id3 import Id3, id3_length
from zhanr.library.tags.journal import Journal, find
from zhanr.library.tags.plan import COLUMNS, Row, join, path_cell, plan, read_path_cell, read_plan, split, write_plan
from zhanr.library.tags.policy import Answer, Policy, decide, read_names, read_thresholds, read_whitelist
from zhanr.library.tags.undo import undo
from zhanr.library.tags.verify import difference

SURE = Answer({"jazz": 0.95, "blues": 0.04}, "jazz")
GENRES = [("Jazz",), ("Жанр", "R&B; Soul/Фанк", "Drum & Bass"), ("Long " * 600 + "name",)]


def put(folder: Path, name: str = "mp3") -> Path:
    suffix, data = song(name)
    path = folder / f"{name}.{suffix}"
    path.write_bytes(data)
    return path


def row(path: Path, *genres: str) -> Row:
    return Row(path, genres or ("Jazz",), disk.Check.of(path))


def write(rows: list[Row], journal: Path, **options: bool) -> list[Outcome]:
    with Journal.create(journal, journal.with_suffix(".csv"), folders(rows)) as opened:
        return list(apply(rows, opened, Options(**options)))


def write_one(path: Path, *genres: str, **options: bool) -> Outcome:
    (outcome,) = write([row(path, *genres)], path.parent / "journal.undo", **options)
    return outcome


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file's bytes and time of change; the journals and plans of the tests apart."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix not in (".undo", ".csv"))
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


def rewritten(data: bytes, genres: tuple[str, ...]) -> bytes:
    file = io.BytesIO(data)
    return b"".join(new for _, new in spliced(file, edits_for(file, "song", genres), len(data)))


# -- formats


def other_tags(path: Path) -> Any:
    """What mutagen shows of a file except its genre."""
    try:
        found = mutagen.File(path)
    except mutagen.MutagenError:  # AAC behind an ID3 tag
        return None
    lines = (found.pprint() if found is not None else "").splitlines()
    return sorted(x for x in lines[1:] if not x.lower().startswith(("tcon", "genre=", "©gen", "wm/genre")))


@pytest.mark.parametrize("genres", GENRES, ids=["one", "several", "long"])
@pytest.mark.parametrize("name", SONGS)
def test_a_genre_is_written_and_undone(tmp_path: Path, name: str, genres: tuple[str, ...]) -> None:
    path = put(tmp_path, name)
    before, others, payload = state(tmp_path), other_tags(path), payload_sha256(path)
    seconds = 0.0 if name in UNPLAYABLE else load(path, sample_rate=8000).duration
    outcome = write_one(path, *genres)
    assert (outcome.status, outcome.reason) == ("written", "")
    assert read_genres(path) == genres
    assert payload_sha256(path) == payload
    assert read_metadata(path).genre is not None or name == "wavpack-id3v1"
    if "bare" not in name and name not in ("mp3-id3v1", "mp3-ape", "mp2", "aac"):
        assert other_tags(path) == others
    if name not in UNPLAYABLE:
        assert load(path, sample_rate=8000).duration == seconds > 1.3
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert [o.status for o in undo(Journal.read(tmp_path / "journal.undo"))] == ["restored"]
    assert state(tmp_path) == before


@pytest.mark.parametrize("name", ["mp3-v2.3", "mp3-v2.3-full", "mp3-v2.2", "mp3", "aac-id3"])
def test_id3_keeps_its_version_and_every_other_frame_to_the_byte(name: str) -> None:
    _, data = song(name)
    new = rewritten(data, ("Другачиј жанр",))
    old_tag, new_tag = (Id3.parse(d[: id3_length(d)]) for d in (data, new))
    assert new[3] == data[3]
    assert new_tag.others() == old_tag.others()
    assert len(old_tag.others()) > (1 if name == "mp3-v2.2" else 10)
    assert [f[:4] for f in new_tag.frames] == [f[:4] for f in old_tag.frames]  # in their old order
    assert new[id3_length(new) :] == data[id3_length(data) :]


def test_padding_is_used_so_that_nothing_moves() -> None:
    for name in ("mp3", "flac", "m4a", "wma", "wav", "aiff", "mp3-v2.3"):
        _, data = song(name)
        assert len(rewritten(data, ("Drum and Bass",))) == len(data), name


def test_all_tags_of_a_file_agree_afterwards(tmp_path: Path) -> None:
    path = put(tmp_path, "mp3-all-tags")
    assert write_one(path, "Jazz").status == "written"
    ape: Any = mutagen.apev2.APEv2
    assert list(ape(path)["Genre"]) == ["Jazz"]
    assert path.read_bytes()[-1] == 8  # Jazz, in ID3v1
    write([row(path, "Turbofolk")], tmp_path / "second.undo")
    assert path.read_bytes()[-1] == 255


def test_an_id3v1_tag_is_not_hidden_by_the_new_one(tmp_path: Path) -> None:
    path = put(tmp_path, "mp3-id3v1")
    old = read_metadata(path)
    assert write_one(path, "Jazz").status == "written"
    new = read_metadata(path)
    assert (old.genre, new.genre) == ("Rock", "Jazz")
    assert new.texts == old.texts
    assert new.texts["", "comment"] == "Comment"


@pytest.mark.parametrize(
    "data", [b"", b"just words", b"ID3", b"OggS", b"RIFF\0\0\0\0WAVE", b"\x1aE\xdf\xa3" + bytes(99)]
)
def test_what_is_no_music_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(data)
    with pytest.raises(TagError):
        read_genres(path)
    assert write_one(path).status == "refused"
    assert path.read_bytes() == data


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(SONGS)), st.data())
def test_a_damaged_file_is_refused_or_written_rightly_but_never_a_crash(name: str, data: st.DataObject) -> None:
    _, whole = song(name)
    at = data.draw(st.integers(0, min(len(whole), 5000) - 1))
    cut = data.draw(st.booleans())
    byte = data.draw(st.binary(min_size=1, max_size=8))
    damaged = whole[:at] if cut else whole[:at] + byte + whole[at + len(byte) :]
    file = io.BytesIO(damaged)
    try:
        edits = edits_for(file, name, ("Jazz",))
    except TagError:
        return
    new = b"".join(piece for _, piece in spliced(file, edits, len(damaged)))
    back = inverse(file, edits)
    assert b"".join(piece for _, piece in spliced(io.BytesIO(new), back, len(new))) == damaged


TEXT = st.text(min_size=1, max_size=60)
ODD = st.sampled_from(
    ["a/b", "a;b", "a\\b", "a,b", "(17)", "17", "RX", "жанр", "e\u0301", "😀", "Rock\\", "=1+1", "x" * 5000]
)
WRITABLE = ["mp3", "mp3-v2.3", "mp3-v2.2", "flac", "vorbis", "opus", "m4a", "wma", "wavpack", "wav", "ape"]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(WRITABLE), st.lists(TEXT | ODD, min_size=1, max_size=3))
@example("vorbis-cover", ["x" * 70_000])
@example("opus", ["x" * 70_000])
def test_any_genre_is_read_back_as_it_was_or_refused(name: str, genres: list[str]) -> None:
    _, data = song(name)
    wanted = distinct(g.strip() for g in genres)
    if not all(g and g.isprintable() for g in wanted):
        with pytest.raises(TagError):
            checked_genres(wanted, name)
        return
    new = rewritten(data, wanted)
    tags = read_tags(io.BytesIO(new), name)
    assert tags.others == read_tags(io.BytesIO(data), name).others
    if not name.startswith("mp3") and name != "wav":  # ID3 reads "17" and "RX" as names, so that `verify` refuses them
        assert tags.genres == wanted


@pytest.mark.parametrize("genre", ["17", "(17)", "RX"])
def test_a_genre_that_id3_would_read_as_another_is_refused(tmp_path: Path, genre: str) -> None:
    path = put(tmp_path)
    before = state(tmp_path)
    outcome = write_one(path, genre)
    assert outcome.status == "refused"
    assert "would be read as" in outcome.reason
    assert state(tmp_path) == before


def test_more_pages_in_ogg_renumber_the_rest(tmp_path: Path) -> None:
    path = put(tmp_path, "vorbis")
    assert write_one(path, "x" * 200_000).status == "written"
    numbers = {
        page.sequence for page in _ogg_pages(path.read_bytes())
    }  # mutagen checks the rest, when the genre is verified
    assert numbers == set(range(len(numbers)))


def _ogg_pages(data: bytes) -> Iterator[Any]:
    from mutagen.ogg import OggPage

    file, page = io.BytesIO(data), cast(Any, OggPage)
    while file.tell() < len(data):
        yield page(file)


# -- edits


@settings(deadline=None)
@given(st.binary(max_size=400), st.binary(max_size=400), st.binary(max_size=300))
def test_refined_edits_make_the_same_change(a: bytes, b: bytes, shared: bytes) -> None:
    shared *= 3
    old, new = a + shared + b, b + shared + a
    edits = ordered(refined(5, old, new), 5 + len(old))
    file = io.BytesIO(b"-----" + old + b"+")
    made = b"".join(piece for _, piece in spliced(file, edits, len(old) + 6))
    assert made == b"-----" + new + b"+"
    back = inverse(file, edits)
    assert b"".join(piece for _, piece in spliced(io.BytesIO(made), back, len(made))) == b"-----" + old + b"+"


def test_a_cover_that_moves_is_not_kept_in_the_journal(tmp_path: Path) -> None:
    for name in ("mp3-v2.3-full", "vorbis-cover", "m4a-faststart"):
        path = put(tmp_path, name)
        write([row(path, "A much longer genre than before")], tmp_path / f"{name}.undo")
        (entry,) = Journal.read(tmp_path / f"{name}.undo").entries
        assert len(entry.blob()) < 2500, name


def test_edits_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="can't be made"):
        ordered([Edit(0, 5, b""), Edit(4, 6, b"")], 10)


# -- policy


def test_only_empty_replace_and_add() -> None:
    assert decide(Policy(), (), SURE).write
    assert not decide(Policy(), ("Rock",), SURE).write
    assert decide(Policy(no_genre=frozenset({"unknown"})), ("Unknown",), SURE).genres == ("Jazz",)
    assert decide(Policy("replace"), ("Rock",), SURE).genres == ("Jazz",)
    added = decide(Policy("add"), ("Rock",), SURE)
    assert (added.genres, added.write) == (("Rock", "Jazz"), True)
    assert not decide(Policy("add"), ("JAZZ", "Rock"), SURE).write
    assert not decide(Policy("replace"), ("jazz",), SURE).write


def test_not_sure_never_writes() -> None:
    unsure = Answer({"jazz": 0.99}, None, "not sure: this sounds like nothing known")
    for mode in ("empty", "replace", "add"):
        decision = decide(Policy(mode, threshold=0.0), (), unsure)
        assert not decision.write
        assert decision.reason == "not sure: this sounds like nothing known"
        assert not decide(Policy(mode), (), Answer()).write


def test_thresholds_per_genre_by_label_or_written_name() -> None:
    common, single = read_thresholds(["0.5", "Hip-Hop=0.9", "jazz=0.97"])
    rules = Policy(threshold=common or 0, thresholds=single)
    assert not decide(rules, (), SURE).write
    assert "95% for jazz, which needs 97%" in decide(rules, (), SURE).reason
    assert not decide(rules, (), Answer({"hiphop": 0.8}, "hiphop")).write
    assert decide(rules, (), Answer({"rock": 0.5}, "rock")).write
    rules.check_labels(["hiphop", "jazz", "rock"])
    with pytest.raises(ConfigError, match="jaz"):
        replace(rules, thresholds={"jaz": 0.1}).check_labels(["hiphop", "jazz"])


def test_names_casing_whitelist_and_further_genres(tmp_path: Path) -> None:
    table = tmp_path / "names.toml"
    table.write_text('jazz = ["Jazz", "Swing"]\ndisco = []\n"drum and bass" = "DnB"\n', encoding="utf-8")
    names = read_names(table)
    assert decide(Policy(names=names), (), SURE).genres == ("Jazz", "Swing")
    assert not decide(Policy(names=names), (), Answer({"disco": 1.0}, "disco")).write
    assert Policy().written("hiphop") == ("Hip-Hop",)
    assert [Policy(case=c).written("new wave-pop")[0] for c in ("title", "lower", "upper", "keep")] == [
        "New Wave-Pop", "new wave-pop", "NEW WAVE-POP", "new wave-pop"]  # fmt: skip
    two = Answer({"jazz": 0.6, "blues": 0.39}, "jazz")
    assert decide(Policy(threshold=0.5, also=0.3), (), two).genres == ("Jazz", "Blues")
    only = read_whitelist("blues, Rock")
    assert decide(Policy(threshold=0.5, also=0.3, whitelist=only), (), two).genres == ("Blues",)
    assert not decide(Policy(threshold=0.5, whitelist=only), (), two).write
    (tmp_path / "list.txt").write_text("Jazz  # mine\n\n", encoding="utf-8")
    assert read_whitelist(str(tmp_path / "list.txt")) == {"jazz"}


def test_the_persons_word_is_always_sure() -> None:
    answer = Answer({"jazz": 0.2}, None, "not sure", correction="Čalgija")
    decision = decide(Policy(threshold=0.99), (), answer)
    assert (decision.genres, decision.write) == (("Čalgija",), True)
    assert "correction" in decision.reason
    assert not decide(Policy(), ("Rock",), answer).write


@pytest.mark.parametrize(
    ("text", "said"),
    [("jazz = 3", "a name"), ('jazz = ["a", 1]', "a name"), ('jazz = ""', "without a name"), ("=", "TOML")],
)
def test_a_bad_map_says_so(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "map.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_names(tmp_path / "map.toml")


def _rules(values: list[str]) -> Policy:
    common, single = read_thresholds(values)
    return Policy(threshold=0.8 if common is None else common, thresholds=single)


@pytest.mark.parametrize("values", [["jazz=x"], ["-"], ["1.5"], ["jazz=-1"]])
def test_a_bad_threshold_says_so(values: list[str]) -> None:
    with pytest.raises(ConfigError, match="threshold"):
        _rules(values)
    with pytest.raises(ConfigError, match="no genre"):
        read_whitelist(" , #")


# -- the plan

PATHS = st.text(st.characters(exclude_characters="\0/"), min_size=1, max_size=20).map(lambda t: Path("/music") / t)
NAMES = st.binary(min_size=1, max_size=20).map(lambda b: b.replace(b"\0", b"").replace(b"/", b"") + b"x")
BYTES = NAMES.map(lambda name: Path(os.fsdecode(b"/music/" + name)))
SONG_PATHS = PATHS.filter(lambda p: p.name not in ("", ".", "..")) | BYTES


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SONG_PATHS, st.lists(TEXT | ODD, max_size=3)), unique_by=lambda pair: pair[0]))
def test_a_plan_is_read_as_it_was_written(rows: list[tuple[Path, list[str]]]) -> None:
    check = disk.Check(3, 1_700_000_000_123_456_789, "ab" * 32)
    made = []
    for path, names in rows:
        try:
            path.as_uri().encode()
            os.fsencode(path)
        except UnicodeError:  # half of a surrogate pair is no file name
            continue
        genres = distinct(n.strip() for n in names if n.strip() and n.strip().isprintable())
        made.append(Row(path, genres, check, ("Old;x", "=y"), 0.5, 'a, "reason"', bool(genres)))
    with tempfile.TemporaryDirectory() as folder:
        write_plan(made, Path(folder, "plan.csv"))
        assert read_plan(Path(folder, "plan.csv")) == made


@settings(deadline=None)
@given(st.lists(TEXT | ODD))
def test_several_genres_in_one_cell(genres: list[str]) -> None:
    names = [g.strip() for g in genres if g.strip()]
    assert split(join(names)) == [s for g in names if (s := g.strip())]


def a_plan(tmp_path: Path) -> tuple[Path, list[list[str]]]:
    """A plan of three songs, and the cells of its table."""
    import csv

    rows = plan([(put(tmp_path, n), SURE) for n in ("mp3-bare", "flac-bare", "opus")], Policy("replace"))
    target = tmp_path / "plan.csv"
    write_plan([r for r in rows if isinstance(r, Row)], target)
    with target.open(encoding="utf-8-sig", newline="") as file:
        return target, list(csv.reader(file))


def edited(target: Path, cells: list[list[str]], delimiter: str = ",", encoding: str = "utf-8") -> list[Row]:
    import csv

    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(cells)
    target.write_bytes(text.getvalue().encode(encoding))
    return read_plan(target)


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16")])
def test_a_plan_may_be_edited_in_a_spreadsheet(tmp_path: Path, delimiter: str, encoding: str) -> None:
    target, cells = a_plan(tmp_path)
    assert cells[0] == list(COLUMNS)
    whole = read_plan(target)
    order = [6, 1, 5, 0, 3]  # columns moved, and some of them gone
    changed = [[line[i] for i in order] for line in (cells[0], cells[3], cells[1])]
    changed[1][1], changed[1][4], changed[2][3] = "Folk; Čalgija", "0,95", "FALSE"
    rows = edited(target, [*changed, ["", "", "", "", ""]], delimiter, encoding)
    assert [r.path for r in rows] == [whole[2].path, whole[0].path]
    assert rows[0].genres == ("Folk", "Čalgija")
    assert [r.write for r in rows] == [True, False]
    assert rows[0].check == whole[2].check


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("write", "perhaps", "yes or no"),
        ("genre", "", "no genre"),
        ("genre", "a\x07b", "can't be printed"),
        ("path", "song.mp3", "full path"),
        ("check", "size=3", '"check" was changed'),
        ("check", "", '"check" was changed'),
    ],
)
def test_an_edit_that_makes_no_sense_names_its_line(tmp_path: Path, column: str, text: str, said: str) -> None:
    target, cells = a_plan(tmp_path)
    cells[2][COLUMNS.index(column)] = text
    with pytest.raises(PlanError, match=f"line 3: .*{said}"):
        edited(target, cells)


def test_what_is_no_plan_says_so(tmp_path: Path) -> None:
    target, cells = a_plan(tmp_path)
    with pytest.raises(PlanError, match="the same file as in line 2"):
        edited(target, [*cells, cells[1]])
    for data, said in (
        (b"", "empty"),
        (b"a,b\n", "lacks the column"),
        (b"\xff\x00\xd8", "UTF-8"),
        (b"write\xe9", "UTF-8"),
    ):
        target.write_bytes(data)
        with pytest.raises(PlanError, match=said):
            read_plan(target)
    with pytest.raises(PlanError, match="can't be read"):
        read_plan(tmp_path / "absent.csv")
    with pytest.raises(PlanError, match="no such folder"):
        write_plan([], tmp_path / "absent" / "plan.csv")


def test_a_cell_never_runs_in_a_spreadsheet(tmp_path: Path) -> None:
    path = put(tmp_path)
    write_plan([replace(row(path, "=HYPERLINK(1)"), old=("+1",), reason="@x")], tmp_path / "plan.csv")
    text = (tmp_path / "plan.csv").read_text(encoding="utf-8-sig")
    assert "'=HYPERLINK" in text
    assert ",'+1," in text
    assert ",'@x," in text
    assert read_plan(tmp_path / "plan.csv")[0].genres == ("=HYPERLINK(1)",)


@pytest.mark.skipif(os.name == "nt", reason="names of files are Unicode there")
def test_a_path_that_is_not_unicode(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9\n.mp3")
    path.write_bytes(song("mp3")[1])
    (planned,) = plan([(path, SURE)], Policy("replace"))
    assert isinstance(planned, Row)
    write_plan([planned], tmp_path / "plan.csv")
    assert path_cell(path).endswith("caf%E9%0A.mp3")
    assert read_path_cell(path_cell(path)) == path
    before = state(tmp_path)
    assert [o.status for o in write(read_plan(tmp_path / "plan.csv"), tmp_path / "j.undo")] == ["written"]
    assert [o.status for o in undo(Journal.read(tmp_path / "j.undo"))] == ["restored"]
    assert state(tmp_path) == before


# -- refusals and failures: a clear line each, and nothing lost


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
    assert outcomes[1].reason == "there is no such file any more"
    rows[0].path.unlink()
    undone = {o.path.name: o for o in undo(Journal.read(tmp_path / "j.undo"))}
    assert undone["mp3.mp3"].reason == "there is no such file any more"
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

    def edits(file: Any, path: Path, genres: tuple[str, ...]) -> tuple[Edit, ...]:
        data = path.read_bytes()
        return ordered(change(list(edits_for(file, path, genres)), data), len(data))

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
    monkeypatch.setattr(apply_module, "edits_for", broken(change))
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
    torn, first_end = tmp_path / "torn.undo", whole.rfind(b'{"path"')
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
    left, used = tmp_path / ".zhanr-0123456789abcdef.tmp", tmp_path / ".zhanr-fedcba9876543210.tmp"
    other = tmp_path / ".zhanr-notours.tmp"
    for file in (left, used, other):
        file.write_bytes(b"half a song")
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import fcntl,sys; f=open({str(used)!r},'rb'); fcntl.flock(f, 2); print(); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    holder.stdout.readline()
    assert write_one(path).status == "written"
    assert not left.exists()
    assert used.exists()
    assert other.exists()
    holder.communicate(b"\n")
    list(undo(Journal.read(tmp_path / "journal.undo")))
    assert not used.exists()


# -- the commands


def zhanr(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "zhanr", "tag", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == code, f"exit code {done.returncode}, expected {code}:\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of four songs: sure, not so sure, not sure at all, and one that has gone."""
    monkeypatch.setenv("ZHANR_LIBRARY", str(tmp_path / "data" / "library.sqlite"))
    music = tmp_path / "music"
    music.mkdir()
    answers = {"flac-bare": ("jazz", 0.95), "mp3-bare": ("rock", 0.7), "opus": (None, 0.9), "m4a-bare": ("jazz", 0.9)}
    with Library.open() as opened:
        for name, (genre, confidence) in answers.items():
            path = put(music, name)
            status = path.stat()
            probabilities = {genre or "jazz": confidence, "rock": 1 - confidence}
            opened.add(
                Song(
                    path,
                    status.st_size,
                    status.st_mtime_ns,
                    content_hash=payload_sha256(path),
                    genre=genre,
                    best=genre or "jazz",
                    confidence=confidence,
                    probabilities=probabilities | {genre or "jazz": confidence},
                    reason=None if genre else "not sure",
                )
            )
    return music


def test_from_the_library_to_the_files_and_back(library: Path, tmp_path: Path) -> None:
    made, before = tmp_path / "plan.csv", state(library)
    (library / "m4a-bare.m4a").unlink()
    del before[str(library / "m4a-bare.m4a")]
    rows = lines(zhanr("plan", "-o", made, "--threshold", "0.8", "--all", "--json", code=1))
    assert [(Path(r["path"]).stem, r["write"], r["genres"]) for r in rows if "write" in r and "path" in r] == [
        ("flac-bare", True, ["Jazz"]),
        ("mp3-bare", False, ["Rock"]),
        ("opus", False, ["Jazz"]),
    ]
    assert [r["error"] for r in rows if "error" in r] != []
    assert rows[-1] == {"plan": str(made), "write": 1, "left": 2, "failed": 1}
    trial = zhanr("apply", made)
    assert "NOTHING WAS WRITTEN" in trial.stderr
    assert "--write" in trial.stderr
    assert state(library) == before
    *written, last = lines(zhanr("apply", made, "--write", "--json"))
    assert [(o["status"], o["genres"]) for o in written] == [("written", ["Jazz"])]
    assert last["written"] == 1
    assert Path(last["journal"]).is_file()
    assert state(library) != before
    assert [o["status"] for o in lines(zhanr("undo", "--json"))] == ["restored"]
    assert state(library) == before
    assert "nothing to undo" in zhanr("undo", "last", code=1).stderr


def test_a_plan_is_not_overwritten_and_stale_songs_are_left_out(library: Path, tmp_path: Path) -> None:
    made = tmp_path / "plan.csv"
    retagged, changed = library / "flac-bare.flac", library / "mp3-bare.mp3"
    retagged.write_bytes(rewritten(retagged.read_bytes(), ("Unknown",)))
    changed.write_bytes(id3_tag() + changed.read_bytes()[:-4000])
    done = zhanr("plan", retagged, changed, "--library", os.environ["ZHANR_LIBRARY"], "-o", made, "--threshold", "0.5",
                 "--no-genre", "unknown", "--policy", "empty", code=1)  # fmt: skip
    assert "changed since it was scanned" in done.stderr
    assert [r.path for r in read_plan(made)] == [retagged]
    assert "--force" in zhanr("plan", "-o", made, code=1).stderr
    assert len(read_plan(made)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ["--threshold", "jaz=0.5"],
        ["--threshold", "2"],
        ["--whitelist", ","],
        ["--map", "absent.toml"],
        ["--also", "-1"],
    ],
)
def test_wrong_rules_are_told_before_anything_is_read(library: Path, tmp_path: Path, wrong: list[str]) -> None:
    assert library.is_dir()
    assert zhanr("plan", "-o", tmp_path / "plan.csv", *wrong, code=1).stderr.startswith("zhanr: ")
    assert not (tmp_path / "plan.csv").exists()


def test_from_the_files_where_there_is_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANR_LIBRARY", str(tmp_path / "library.sqlite"))
    music, model = tmp_path / "music", tiny_model(tmp_path / "tiny.onnx")
    music.mkdir()
    paths = [put(music, n) for n in ("mp3", "flac-bare")]
    (music / "empty.ogg").touch()
    made = tmp_path / "plan.csv"
    options = ("--model", model, "--policy", "add", "--threshold", "0", "--case", "upper")
    assert "empty" in zhanr("plan", music, "-o", made, *options, code=1).stderr
    rows = {r.path: r for r in read_plan(made)}
    assert list(rows) == sorted(paths)
    assert rows[paths[0]].genres[0] == "Old Genre"
    assert {r.genres[-1] for r in rows.values()} <= {label.upper() for label in LABELS}
    assert "NOTHING WAS WRITTEN" in zhanr("apply", made).stderr
    assert "To take it back" in zhanr("apply", made, "--write").stdout
    assert "2 done" in zhanr("apply", made, "--write").stdout
    assert [read_genres(p) for p in paths] == [rows[p].genres for p in paths]
    assert "2 restored" in zhanr("undo", made).stdout
    assert read_genres(paths[0]) == ("Old Genre",)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("m4a-faststart", b"mp4a", b"\xcfp4a"), ("wma", "WM/Enc".encode("utf-16-le"), b"W\0\0\xdc")],
)
def test_errors_that_pyav_and_mutagen_let_out(tmp_path: Path, name: str, old: bytes, new: bytes) -> None:
    path = put(tmp_path, name)
    data = path.read_bytes()
    at = data.find(old)
    path.write_bytes(data[:at] + new + data[at + len(new) :])
    outcome = write_one(path)
    assert outcome.status == "refused"
    assert "damaged" in outcome.reason or "mutagen can't read" in outcome.reason


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


def test_genres_are_compared_by_their_letters() -> None:
    assert genre_key("Hip-Hop") == genre_key("hip hop") == "hiphop"
    assert distinct(["Hip-Hop", "hip hop", "R&B"]) == ("Hip-Hop", "R&B")
    assert genre_key("!!!") != genre_key("???")


def test_the_hash_of_the_sound_knows_no_tags() -> None:
    data = sound("mp3")
    bare = data[id3_length(data) :]
    tagged = [id3_tag() + bare, bare + id3v1(), bare + ape_tag() + id3v1(), id3_tag(3) + bare + ape_tag()]
    assert {payload_sha256(d) for d in [data, *tagged]} == {payload_sha256(bare)}
    other = bytearray(bare)
    other[len(other) // 2] ^= 1
    assert payload_sha256(bytes(other)) != payload_sha256(bare)
    flac, edited_flac = song("flac")[1], rewritten(song("flac")[1], ("x" * 20_000,))
    assert payload_sha256(flac) == payload_sha256(edited_flac)
