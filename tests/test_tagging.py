"""Tags from a page: the same plan, writing and undoing as the command line's, and never two that write at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra app")

from tag_files import put
from tiny import tiny_model
from zhanr.app.problems import Problem
from zhanr.app.tagging import TagJob, begin, runs
from zhanr.bundle import load_bundle
from zhanr.library import Library, Song, memory
from zhanr.tags.formats import read_genres
from zhanr.tags.journal import Journal, find, new_path, sole_writer, somebody_writes
from zhanr.tags.plan import read_plan
from zhanr.tags.policy import Policy
from zhanr.tags.undo import undo

RULES = Policy(mode="replace", threshold=0.5)


@pytest.fixture
def music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Three files in a library of which zhanr is sure that they are jazz, one unsure, one that is gone."""
    monkeypatch.setenv("ZHANR_LIBRARY", str(tmp_path / "library.sqlite"))
    paths = [put(tmp_path, name) for name in ("mp3", "flac", "m4a", "vorbis")]
    with Library.open() as library:
        for path in (*paths, tmp_path / "gone.mp3"):
            size, mtime = (path.stat().st_size, path.stat().st_mtime_ns) if path.exists() else (1, 1)
            genre = None if path.suffix == ".ogg" else "jazz"
            probabilities = {"jazz": 0.9 if genre else 0.3, "rock": 0.1}
            best = {"best": "jazz", "confidence": probabilities["jazz"]}
            library.add(Song(path, size, mtime, genre=genre, probabilities=probabilities, model_sha256="m", **best))  # type: ignore[arg-type]
    yield paths
    assert not somebody_writes()


def join() -> None:
    for thread in threading.enumerate():
        if thread.name == "zhanr-writing":
            thread.join(30)


def planned() -> TagJob:
    job = TagJob()
    job.make(None, RULES, "", 5)
    return job


def write_now(job: TagJob) -> None:
    job.carry_out(write=False)
    assert job.stage == "tried"
    job.carry_out(write=True)


def test_one_genre_for_an_album(music: list[Path], tmp_path: Path) -> None:
    """The unsure one has the genre of the others."""
    job = TagJob()
    job.make(None, RULES, "", 5, "album")
    assert (job.stage, "can't be found" in str(job.error)) == ("failed", True), "from where on it is sure is unknown"
    bundle = load_bundle(tiny_model(tmp_path / "tiny.onnx", confidence=0.6))
    with Library.open() as library:
        library.add(*(replace(s, model_sha256=bundle.sha256, artist="A", album="B") for s in list(library.songs())))
        memory.remember(library, memory.Model(bundle.sha256, str(bundle.path)))
    job = TagJob()
    job.make(None, RULES, "", 5, "album")
    assert [job.row(i)["new"] for i in job.part("write")] == ["Jazz"] * len(music)


def test_plan_try_write_and_take_back_to_the_last_byte(music: list[Path]) -> None:
    before = [path.read_bytes() for path in music]
    job = planned()
    status = job.status()
    assert (status["stage"], status["write"], status["rows"], status["problems"]) == ("planned", 3, 4, 1)
    assert [job.row(i)["new"] for i in job.part("write")] == ["Jazz"] * 3
    assert [Path(job.row(i)["path"]).name for i in job.part("problems")] == ["gone.mp3"]
    job.carry_out(write=False)
    assert [path.read_bytes() for path in music] == before
    assert job.counts == {"would be written": 3}
    job.carry_out(write=True)
    assert (job.stage, job.counts, job.error) == ("written", {"written": 3}, None)
    assert [read_genres(path) for path in music[:3]] == [("Jazz",)] * 3
    (run,) = runs()
    assert (run["run"], run["files"], run["undone"]) == (job.run, 3, False)
    back = TagJob()
    back.take_back(run["run"])
    assert (back.stage, back.counts) == ("undone", {"restored": 3})
    assert [path.read_bytes() for path in music] == before
    assert runs()[0]["undone"]


def test_the_command_line_undoes_what_the_page_wrote_and_knows_its_plan(music: list[Path]) -> None:
    before = [path.read_bytes() for path in music]
    write_now(planned())
    (journal,) = find("last")
    assert journal.plan is not None
    assert {row.path for row in read_plan(journal.plan)} == set(music[:3])
    assert [o.status for o in undo(journal)] == ["restored"] * 3
    assert [path.read_bytes() for path in music] == before


def test_rows_can_be_left_out_and_edited_and_then_want_another_trial(music: list[Path]) -> None:
    job = planned()
    job.carry_out(write=False)
    by_name = {Path(job.row(i)["path"]).suffix: i for i in range(4)}
    job.edit(by_name[".mp3"], write=False)
    assert (job.stage, job.outcomes) == ("planned", {})
    job.edit(by_name[".flac"], genre="Rock ; Acid Jazz;")
    job.edit(by_name[".ogg"], genre="Folk", write=True)
    write_now(job)
    assert [read_genres(path) for path in music[1:]] == [("Rock", "Acid Jazz"), ("Jazz",), ("Folk",)]
    assert read_genres(music[0]) != ("Jazz",)


def test_what_cannot_be_written_is_refused_at_once(music: list[Path]) -> None:
    del music
    job = planned()
    for genre in ("", " ; ", "a\x00b"):
        with pytest.raises(Problem) as error:
            job.edit(0, genre=genre)
        assert error.value.status == 422
    with pytest.raises(Problem, match="no such row"):
        job.edit(17, write=True)
    job.choose(False)
    assert job.status()["write"] == 0
    job.choose(True)
    assert job.status()["write"] == 4
    write_now(job)
    with pytest.raises(Problem, match="can't be changed"):
        job.edit(0, write=False)


def test_a_file_that_changed_after_the_plan_is_a_problem_and_the_others_are_written(music: list[Path]) -> None:
    job = planned()
    job.carry_out(write=False)
    with music[1].open("ab") as file:
        file.write(b"x")
    job.carry_out(write=True)
    assert job.counts == {"written": 2, "refused": 1}
    bad = [job.row(i) for i in job.part("problems")]
    assert bad[0]["path"] == str(music[1])
    assert "changed since the plan" in bad[0]["why"]


def test_only_one_job_writes_at_a_time(music: list[Path]) -> None:
    first, second = planned(), planned()
    first.carry_out(write=False)
    second.carry_out(write=False)
    begun = threading.Event()
    go_on = threading.Event()
    ended = threading.Event()

    def slow() -> None:
        with sole_writer():
            begun.set()
            go_on.wait(30)
        first.carry_out(write=True)

    begin(first, "writing", slow)
    assert begun.wait(30)
    for stage in ("writing", "undoing"):
        with pytest.raises(Problem, match="another run is writing"):
            begin(second, stage, ended.set)
    assert (second.stage, ended.is_set()) == ("tried", False)
    go_on.set()
    join()
    assert first.stage == "written"
    begin(second, "writing", ended.set)
    assert ended.wait(30)
    join()
    assert read_genres(music[0]) == ("Jazz",)


def test_nothing_is_written_while_a_command_line_writes(music: list[Path]) -> None:
    job = planned()
    job.carry_out(write=False)
    before = [path.read_bytes() for path in music]
    journal = new_path(Path("other.csv"))
    with Journal.create(journal, None, ()):
        job.carry_out(write=True)
        assert (job.stage, job.error) == (
            "failed",
            "another zhanr is writing files just now; please wait until it is done",
        )
    assert [path.read_bytes() for path in music] == before


@pytest.mark.parametrize("run", ["nothing.undo", "../../etc/passwd", "", "."])
def test_only_listed_runs_can_be_taken_back(music: list[Path], run: str) -> None:
    del music
    job = TagJob()
    job.take_back(run)
    assert job.stage == "failed"
    assert job.error is not None
    assert "no such run" in job.error


def test_a_job_stops_after_the_song_it_works_on(music: list[Path]) -> None:
    job = planned()
    job.carry_out(write=False)
    job.stopped = True
    job.carry_out(write=True)
    assert job.counts == {"written": 1}
    assert sum(read_genres(path) == ("Jazz",) for path in music) == 1


def test_a_wrong_filter_ends_the_plan_with_its_reason(music: list[Path]) -> None:
    del music
    job = TagJob()
    job.make(None, RULES, "colour=red", 0)
    assert job.stage == "failed"
    assert "no field 'colour'" in str(job.error)
