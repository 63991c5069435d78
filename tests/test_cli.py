"""The commands, as a user runs them."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from rich.cells import cell_len
from rich.console import Console

from command import lines, zhanr
from zhanr import __version__
from zhanr.cli import output
from zhanr.cli.classify import _fitted
from zhanr.files import read_path_cell

DEMO = Path(__file__).parents[1] / "demo"
SONGS = sorted(p for p in DEMO.iterdir() if p.suffix not in (".mma", ".py", ".md", ".mid", ".csv"))
KEYS = {"path", "genre", "confidence", "probabilities", "duration", "warnings"}


def test_the_demo_songs_are_ten_and_all_answered() -> None:
    done = zhanr("classify", DEMO, "--json")
    answers = lines(done)
    assert len(answers) == 10
    assert all(KEYS <= set(a) <= KEYS | {"reason", "styles"} for a in answers)
    assert all(len(a["probabilities"]) == 11 for a in answers)
    assert any(not a["path"].isascii() for a in answers)
    assert len({max(a["probabilities"], key=a["probabilities"].get) for a in answers}) > 3
    assert done.stderr == ""


def test_for_people_each_song_is_a_line_with_its_timeline() -> None:
    done = zhanr("classify", "--timeline", "--top", "2", *SONGS[:2])
    rows = [line for line in done.stdout.splitlines() if line]
    songs = [i for i, row in enumerate(rows) if "%" in row]
    assert len(songs) == 2
    assert all(str(song) in done.stdout for song in SONGS[:2])
    assert "0:30" in rows[songs[1] - 1]
    assert "0:30" in rows[-2]
    assert "answered" in rows[-1]


def test_one_bad_file_never_stops_a_batch(tmp_path: Path) -> None:
    shutil.copy(SONGS[0], tmp_path / "good.mp3")
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "text.flac").write_text("these are words", encoding="utf-8")
    answers = {Path(a["path"]).name: a for a in lines(zhanr("classify", tmp_path, "--json", code=1))}
    assert set(answers["empty.mp3"]) == set(answers["text.flac"]) == {"path", "error"}
    assert set(answers["good.mp3"]) >= KEYS
    done = zhanr("classify", tmp_path, code=1)
    assert "2 of 3 files could not be classified" in done.stderr
    assert "good.mp3" in done.stdout


def test_a_missing_file_is_an_error_of_that_file(tmp_path: Path) -> None:
    answers = lines(zhanr("classify", tmp_path / "absent.mp3", SONGS[0], "--json", code=1))
    assert "error" in answers[0]
    assert "genre" in answers[1]


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    assert "no audio files" in zhanr("classify", tmp_path, code=1).stderr


@pytest.mark.parametrize("name", ["с пробел [red] #1%.mp3", "-leading dash.mp3", "line\nbreak.mp3", "日本 e\u0301.mp3"])
def test_odd_names(tmp_path: Path, name: str) -> None:
    shutil.copy(SONGS[0], tmp_path / name)
    (answer,) = lines(zhanr("classify", ".", "--json", cwd=tmp_path))
    assert Path(answer["path"]).name == name
    assert name.replace("\n", "\\n") in zhanr("classify", "--", name, cwd=tmp_path).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a file name be any bytes")
def test_a_name_that_is_not_unicode(tmp_path: Path) -> None:
    shutil.copy(os.fsencode(SONGS[0]), os.fsencode(tmp_path) + b"/caf\xe9.mp3")
    (answer,) = lines(zhanr("classify", tmp_path, "--json"))
    assert os.fsencode(answer["path"]).endswith(b"caf\xe9.mp3")
    assert "caf" in zhanr("classify", tmp_path).stdout
    (row,) = csv.DictReader(io.StringIO(zhanr("classify", "--csv", tmp_path).stdout))
    assert read_path_cell(row["path"]).is_file()


def test_a_folder_ends_with_how_much_was_answered(tmp_path: Path) -> None:
    (tmp_path / "text.flac").write_text("these are words", encoding="utf-8")
    answers = lines(zhanr("classify", *SONGS, "--json"))
    sure = sum(answer["genre"] is not None for answer in answers)
    last = zhanr("classify", *SONGS, tmp_path, code=1).stdout.splitlines()[-1]
    assert last.startswith(f"{sure} song")
    assert f"{len(SONGS) - sure} not sure" in last
    assert last.endswith("1 failed")
    assert "answered" not in zhanr("classify", SONGS[0]).stdout


@pytest.mark.parametrize("song", list({song.suffix: song for song in SONGS}.values()))
def test_standard_input_is_a_song(song: Path) -> None:
    """A pipe, which can't be sought in, of every format of the demo."""
    command = [sys.executable, "-m", "zhanr", "classify", "--json", "-"]
    done = subprocess.run(command, input=song.read_bytes(), capture_output=True, check=True)
    (expected,) = lines(zhanr("classify", "--json", song))
    assert json.loads(done.stdout) == expected | {"path": "<stdin>"}


def test_csv_is_one_table() -> None:
    rows = list(csv.DictReader(io.StringIO(zhanr("classify", "--csv", *SONGS[:3]).stdout)))
    assert [r["path"] for r in rows] == [str(s) for s in SONGS[:3]]
    assert all(0 <= float(r["jazz"]) <= 1 for r in rows)


def test_json_timeline_and_top() -> None:
    (answer,) = lines(zhanr("classify", "--json", "--timeline", "--top", "3", SONGS[0]))
    assert len(answer["probabilities"]) == 3
    assert {"start", "end", "genre", "probabilities"} == set(answer["timeline"][0])


@pytest.mark.parametrize("width", [20, 60, 110])
def test_lines_of_a_terminal_have_room_for_the_genres(width: int) -> None:
    path = "music/日本/" + "a very long name of a file " * 4 + ".mp3"
    with mock.patch.object(output, "results", return_value=Console(force_terminal=True, width=width)):
        fitted = _fitted(path, width)
        assert cell_len(fitted) == width
        assert fitted.startswith("…")
        assert path.endswith(fitted[1:])
        assert _fitted("short.mp3", width) == "short.mp3".ljust(width)
    assert _fitted(path, width) == path


@pytest.mark.parametrize(
    "arguments",
    [
        ["classify"],
        ["classify", "--json", "--csv", "x"],
        ["classify", "--timeline", "--csv", "x"],
        ["sing"],
        ["classify", "--top", "0", "x"],
        ["lab", "extract", "x"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    zhanr(*arguments, code=2)


def test_model_info_and_list(tmp_path: Path) -> None:
    card = json.loads(zhanr("model", "info").stdout)
    assert card["features"]["sample_rate"] == 16000
    assert len(card["sha256"]) == 64
    listed = lines(zhanr("model", "list", "--json"))
    assert [m["model"] for m in listed][:1] == ["default"]
    assert "no such model file" in zhanr("model", "info", tmp_path / "x.onnx", code=1).stderr


def test_version() -> None:
    assert zhanr("--version").stdout == f"zhanr {__version__}\n"


def test_the_paper_model_answers() -> None:
    (answer,) = lines(zhanr("classify", "--json", "--model", "paper", SONGS[0]))
    assert set(answer) >= KEYS


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo songs as a labelled data set, one genre named otherwise and one genre that no model has."""
    path = tmp_path_factory.mktemp("manifest") / "songs.csv"
    rows = [(song, "hip hop" if song.stem == "hiphop" else song.stem) for song in SONGS]
    rows.append((Path(shutil.copy(SONGS[0], path.parent)), "ragtime"))
    rows.append((path.parent / "absent.wav", "jazz"))
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "genre"), *rows])
    return path


def test_evaluate_a_manifest_and_the_store_made_of_it(manifest: Path) -> None:
    store = manifest.with_suffix(".npz")
    labels = "hip hop=hiphop,метал=metal"
    said = zhanr("lab", "extract", manifest, "-o", store).stderr
    assert "absent.wav" in said
    picture = manifest.with_name("confusion.png")
    how = ("--model", "gtzan", "--labels", labels)
    (of_store,) = lines(zhanr("lab", "evaluate", store, *how, "--json", "--confusion", picture))
    (of_files,) = lines(zhanr("lab", "evaluate", manifest, *how, "--json"))
    keys = {"n", "accuracy", "ci95", "macro_f1", "ece", "per_genre", "confusion", "selective"}
    assert keys <= set(of_store)
    assert of_store["n"] == of_files["n"] == 10
    assert of_store["unknown_genres"] == {"ragtime": 1}
    assert {k: of_store[k] for k in keys} == {k: of_files[k] for k in keys}
    assert picture.stat().st_size > 10_000
    assert "`--model gtzan` reads it" in zhanr("lab", "evaluate", store, "--labels", labels, code=1).stderr
    assert "95 % interval" in zhanr("lab", "evaluate", store, *how).stdout


def test_evaluate_refuses_what_it_cannot_compare(tmp_path: Path) -> None:
    (tmp_path / "junk.npz").write_bytes(b"junk")
    assert "junk.npz" in zhanr("lab", "evaluate", tmp_path / "junk.npz", code=1).stderr
    assert "absent" in zhanr("lab", "evaluate", tmp_path / "absent", code=1).stderr


def test_data_check_finds_what_is_wrong(tmp_path: Path) -> None:
    for genre in ("jazz", "rock"):
        (tmp_path / genre).mkdir()
    shutil.copy(SONGS[0], tmp_path / "jazz" / f"a{SONGS[0].suffix}")
    shutil.copy(SONGS[0], tmp_path / "rock" / f"b{SONGS[0].suffix}")
    shutil.copy(SONGS[1], tmp_path / "rock" / f"c{SONGS[1].suffix}")
    (tmp_path / "jazz" / "d.wav").write_bytes(b"RIFFjunk")
    (report,) = lines(zhanr("lab", "data", "check", tmp_path, "--json", code=1))
    assert sorted(f["kind"] for f in report["findings"]) == ["duplicate", "unreadable"]
    assert "unreadable" in zhanr("lab", "data", "check", tmp_path, code=1).stdout


@pytest.mark.parametrize("order", [1, -1])
def test_a_named_file_that_is_unreadable_stops_no_other(tmp_path: Path, order: int) -> None:
    """Nobody can read these as files, not even the one who may read everything."""
    os.mkfifo(tmp_path / "pipe.mp3")
    (tmp_path / "loop.mp3").symlink_to("loop.mp3")
    named = [tmp_path / "pipe.mp3", tmp_path / "loop.mp3", tmp_path / "missing.mp3", DEMO / "jazz.wav"][::order]
    done = zhanr("classify", "--json", *named, code=1)
    assert [Path(song["path"]).name for song in lines(done) if "genre" in song] == ["jazz.wav"]
    for name in ("pipe.mp3", "loop.mp3", "missing.mp3"):
        assert name in done.stdout + done.stderr
    done = zhanr("scan", *named, "--library", tmp_path / "library.sqlite", code=1)
    assert "1 classified" in done.stdout + done.stderr
