"""What shall be written: the rules, and the plan that a person reads and edits."""

from __future__ import annotations

import io
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tag_files import ODD, SURE, TEXT, put, row, song, state, write
from zhanr.errors import ConfigError, PlanError
from zhanr.files import path_cell, read_path_cell
from zhanr.tags.formats import open_tags
from zhanr.tags.journal import Journal
from zhanr.tags.plan import COLUMNS, Row, plan, read_plan, write_plan
from zhanr.tags.policy import Evidence, Mode, Policy, decide, read_names, read_thresholds, read_whitelist
from zhanr.tags.target import Check
from zhanr.tags.undo import undo
from zhanr.words import distinct, join, split


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
    unsure = Evidence({"jazz": 0.99}, None, "not sure: this sounds like nothing known")
    for mode in ("empty", "replace", "add"):
        decision = decide(Policy(mode, threshold=0.0), (), unsure)
        assert not decision.write
        assert decision.reason == "not sure: this sounds like nothing known"
        assert not decide(Policy(mode), (), Evidence()).write


def test_thresholds_per_genre_by_label_or_written_name() -> None:
    common, single = read_thresholds(["0.5", "Hip-Hop=0.9", "jazz=0.97"])
    rules = Policy(threshold=common or 0, thresholds=single)
    assert not decide(rules, (), SURE).write
    assert "95% for jazz, which needs 97%" in decide(rules, (), SURE).reason
    assert not decide(rules, (), Evidence({"hiphop": 0.8}, "hiphop")).write
    assert decide(rules, (), Evidence({"rock": 0.5}, "rock")).write
    rules.check_labels(["hiphop", "jazz", "rock"])
    with pytest.raises(ConfigError, match="jaz"):
        replace(rules, thresholds={"jaz": 0.1}).check_labels(["hiphop", "jazz"])


def test_names_casing_whitelist_and_further_genres(tmp_path: Path) -> None:
    table = tmp_path / "names.toml"
    table.write_text('jazz = ["Jazz", "Swing"]\ndisco = []\n"drum and bass" = "DnB"\n', encoding="utf-8")
    names = read_names(table)
    assert decide(Policy(names=names), (), SURE).genres == ("Jazz", "Swing")
    assert not decide(Policy(names=names), (), Evidence({"disco": 1.0}, "disco")).write
    assert Policy().written("hiphop") == ("Hip-Hop",)
    assert [Policy(case=c).written("new wave-pop")[0] for c in ("title", "lower", "upper", "keep")] == [
        "New Wave-Pop", "new wave-pop", "NEW WAVE-POP", "new wave-pop"]  # fmt: skip
    two = Evidence({"jazz": 0.6, "blues": 0.39}, "jazz")
    assert decide(Policy(threshold=0.5, also=0.3), (), two).genres == ("Jazz", "Blues")
    only = read_whitelist("blues, Rock")
    assert decide(Policy(threshold=0.5, also=0.3, whitelist=only), (), two).genres == ("Blues",)
    assert not decide(Policy(threshold=0.5, whitelist=only), (), two).write
    (tmp_path / "list.txt").write_text("Jazz  # mine\n\n", encoding="utf-8")
    assert read_whitelist(str(tmp_path / "list.txt")) == {"jazz"}


def test_the_persons_word_is_always_sure() -> None:
    answer = Evidence({"jazz": 0.2}, None, "not sure", correction="Čalgija")
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
    check = Check(3, 1_700_000_000_123_456_789, "ab" * 32)
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
    with pytest.raises(PlanError, match="no such file"):
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


@pytest.mark.parametrize("old", ["Reggae/Dub", "Jazz/Reggae"])
def test_a_genre_that_stands_behind_a_slash_is_not_added_again(old: str) -> None:
    """ID3v2.3 joins several genres so."""
    known = Evidence({"reggae": 0.95}, "reggae")
    decision = decide(Policy(mode="add"), (old,), known)
    assert (decision.write, decision.genres) == (False, (old,))
    assert decide(Policy(mode="add"), ("Folk/Rock",), known).genres == ("Folk/Rock", "Reggae")


def test_a_whitelist_that_is_not_there_is_no_genre(tmp_path: Path) -> None:
    for name in ("typo.txt", str(tmp_path / "lists" / "typo"), "~/genres"):
        with pytest.raises(ConfigError, match="no such file"):
            read_whitelist(name)
    assert read_whitelist("R&B/Soul") == {"rbsoul"}


PUNK = Evidence({"rock": 0.95, "jazz": 0.04}, "rock", styles=("post-punk", "punk"))


@pytest.mark.parametrize(
    ("mode", "old", "styles", "genres", "wanted"),
    [
        ("empty", (), (), ("Rock",), ("Post-Punk", "Punk")),
        ("empty", ("Pop",), (), ("Pop",), ("Post-Punk", "Punk")),  # the genre stays, its field of styles is empty
        ("empty", (), ("Ska",), ("Rock",), ()),
        ("replace", ("Rock",), ("Ska",), ("Rock",), ("Post-Punk", "Punk")),
        ("add", ("Pop",), ("Ska", "punk"), ("Pop", "Rock"), ("Ska", "punk", "Post-Punk")),
    ],
)
def test_styles_follow_the_policy_in_a_field_of_their_own(
    mode: Mode, old: tuple[str, ...], styles: tuple[str, ...], genres: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    decision = decide(Policy(mode, styles="field"), old, PUNK, styles)
    assert (decision.write, decision.genres, decision.styles) == (True, genres, wanted)
    assert decide(Policy(mode), old, PUNK, styles).styles == ()


def test_styles_are_left_out_where_nothing_is_sure_or_the_genre_was_wrong() -> None:
    rules = Policy("replace", styles="field")
    assert not decide(rules, (), replace(PUNK, genre=None, reason="not sure")).write
    assert decide(rules, (), replace(PUNK, correction="Jazz")).styles == ()
    assert decide(rules, (), replace(PUNK, correction="Rock")).styles == ("Post-Punk", "Punk")
    assert not decide(rules, ("Rock",), PUNK, ("Punk", "Post-Punk")).write
    assert decide(Policy(styles="genre"), (), replace(PUNK, correction="Jazz")).genres == ("Jazz",)
    assert decide(replace(rules, whitelist=frozenset({"jazz"})), (), PUNK).styles == ("Post-Punk", "Punk")
    with pytest.raises(ConfigError, match="means something else"):
        assert replace(rules, style_field="Artist").field


def test_a_plan_holds_the_styles_in_a_column_of_their_own(tmp_path: Path) -> None:
    song_path = put(tmp_path)
    (planned,) = plan([(song_path, PUNK)], Policy("empty", styles="field", style_field="substyle"))
    assert isinstance(planned, Row)
    write_plan([planned], tmp_path / "plan.csv")
    text = (tmp_path / "plan.csv").read_text(encoding="utf-8-sig")
    assert "write,genre,field:SUBSTYLE,old," in text
    assert ",Post-Punk; Punk," in text
    assert read_plan(tmp_path / "plan.csv")[0].wanted == planned.wanted
    before = state(tmp_path)
    assert [o.status for o in write(read_plan(tmp_path / "plan.csv"), tmp_path / "j.undo")] == ["written"]
    with open_tags(song_path) as opened:
        assert (opened.tags.genres, opened.tags.texts("SUBSTYLE")) == (planned.old, ("Post-Punk", "Punk"))
    assert [o.status for o in undo(Journal.read(tmp_path / "j.undo"))] == ["restored"]
    assert state(tmp_path) == before
    for wrong, why in (("field:ARTIST", "something else"), ("field:A,field:B", "more than one field")):
        (tmp_path / "odd.csv").write_text(text.replace("field:SUBSTYLE", wrong), encoding="utf-8")
        with pytest.raises(PlanError, match=why):
            read_plan(tmp_path / "odd.csv")


def test_the_answer_of_an_album_says_so() -> None:
    for by, reason in (("track", "it had no genre"), ("album", "the album's, it had no genre")):
        assert decide(Policy(), (), replace(SURE, by=by)).reason == reason
    assert decide(Policy(), (), replace(SURE, by="album", correction="Polka")).reason.startswith("your correction")


def test_names_in_vain_are_told_and_rules_that_let_nothing_through_are_refused() -> None:
    labels, others = ("rock", "hiphop"), ("post-punk", "Čalgija")
    assert Policy(names={"rok": ("Rock",), "postpunk": ("Punk",)}).check_labels(labels, others) == [
        "the map names what neither the model nor you use: rok"
    ]
    allowed = frozenset({"hiphop", "čalgija", "jass"})
    assert Policy(whitelist=allowed).check_labels(labels, others) == ["the whitelist names what is never written: jass"]
    everybodys = allowed | {f"genre{i}" for i in range(1000)}
    assert Policy(whitelist=everybodys).check_labels(labels, others) == []
    with pytest.raises(ConfigError, match="no genre of the whitelist"):
        Policy(whitelist=frozenset({"jass"})).check_labels(labels, others)
    assert Policy().check_labels(labels) == []


def test_a_genre_is_spelt_alike_whoever_says_it() -> None:
    """The songs of one album must not be of "jazz" and of "Jazz"."""
    for label, name in (("jazz", "Jazz"), ("UK garage", "UK garage"), ("drum & bass", "Drum & Bass")):
        said = Evidence({label: 0.95}, label)
        assert decide(Policy(), (), said).genres == (name,)
        assert decide(Policy(), (), replace(said, correction=label)).genres == (name,)
    assert decide(Policy(), (), replace(SURE, correction="turbofolk 2")).genres == ("turbofolk 2",)
    assert decide(Policy(case="lower"), (), Evidence({"UK garage": 0.95}, "UK garage")).genres == ("uk garage",)
