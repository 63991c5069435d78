"""A person chooses how much of the answers shall be right: on the command line, for files and for a library."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audio_files import FORMATS, encode, music
from tiny import tiny_model
from zhanr.app.settings import Settings
from zhanr.app.state import State
from zhanr.card import OperatingPoint, StyleLabel
from zhanr.cli import app
from zhanr.errors import ConfigError
from zhanr.library import Library
from zhanr.tags.plan import read_plan

ROWS = (OperatingPoint(0.5, 0.3, 0.9, 0.6), OperatingPoint(0.95, 0.9999, 0.1, 0.96))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_model(
        tmp_path / "m.onnx", confidence=0.9999, precisions=ROWS, styles=(StyleLabel("bebop", 0.1, "jazz"),)
    )


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    folder = tmp_path / "songs"
    folder.mkdir()
    for i in range(6):
        (folder / f"{i}.wav").write_bytes(encode(music(4 + i / 10), FORMATS["wav-s16"]))
    return folder


def zhanr(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_files(model: Path, songs: Path) -> None:
    assert "not sure" in zhanr("classify", songs, "--model", model)
    told = zhanr("classify", songs, "--model", model, "--precision", 0.4)
    assert "not sure" not in told
    assert "90% of the songs were answered and 60% of the answers right" in told
    assert "bebop" in told
    with pytest.raises(ConfigError, match="more than the model tiny can promise"):
        zhanr("classify", songs, "--model", model, "--precision", 0.99)


def test_a_library_scanned_strictly_is_tagged_more_freely_and_with_styles(
    model: Path, songs: Path, tmp_path: Path
) -> None:
    library, plan = tmp_path / "l.sqlite", tmp_path / "plan.csv"
    zhanr("scan", songs, "--library", library, "--model", model)
    zhanr("tag", "plan", "-o", plan, "--library", library)
    assert read_plan(plan) == []
    told = zhanr("tag", "plan", "-o", plan, "--library", library, "--precision", 0.5, "--force", "--styles", "genre")
    assert "90% of the songs were answered" in told
    assert len(read_plan(plan)) == 6
    assert all(row.genres[1:] == ("Bebop",) for row in read_plan(plan))


def test_a_scan_of_another_precision(model: Path, songs: Path, tmp_path: Path) -> None:
    library = tmp_path / "l.sqlite"
    zhanr("scan", songs, "--library", library, "--model", model, "--precision", 0.5)
    with Library.open(library) as opened:
        assert opened.count("style=bebop !unsure") == 6


def test_music_that_nothing_is_known_of_is_told_before_it_is_tagged(songs: Path, tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "n.onnx", novelty=0.0)
    library, plan = tmp_path / "l.sqlite", tmp_path / "plan.csv"
    warning = "6 of 6 songs sound like nothing that the model knows"
    for arguments in (
        ("scan", songs, "--library", library, "--model", model),
        ("library", "--library", library),
        ("tag", "plan", "-o", plan, "--library", library),
        ("classify", songs, "--model", model),
    ):
        assert warning in zhanr(*arguments)


def test_the_application_answers_at_the_precision_of_the_settings(model: Path, songs: Path) -> None:
    for precision, sure in ((None, False), (0.5, True)):
        state = State(Settings(model=str(model), precision=precision))
        state.engine.start()
        try:
            prediction = asyncio.run(state.engine.classify(songs / "0.wav", name="0.wav"))
        finally:
            state.engine.stop()
        assert (prediction.genre is not None) is sure
        assert state.card.thresholds["confidence"] == (0.3 if sure else 0.9999)
