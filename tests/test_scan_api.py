"""Scanning folders for a page: what may be looked at, one scan at a time, its progress, its end."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live_app import Live, live, problem, song, until
from tiny import tiny_model
from zhanr.app.settings import Settings
from zhanr.bundle import builtin_path
from zhanr.library import Library, Song, memory
from zhanr.prediction import NOVEL


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    (folder / "album").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for number in range(3):
        (folder / "album" / f"{number}.flac").write_bytes(song(start=number))
    (folder / "broken.mp3").write_text("words")
    (tmp_path / "secret").mkdir()
    return folder


@pytest.fixture
def server(model: Path, music: Path, tmp_path: Path) -> Iterator[Live]:
    settings = Settings(model=str(model), library=tmp_path / "library.sqlite", server_paths=(music,))
    with live(settings) as running:
        yield running


def finished(server: Live) -> dict[str, object]:
    until(lambda: not server.client.get("/scan").json()["busy"])
    status: dict[str, object] = server.client.get("/scan").json()
    return status


def test_a_folder_is_listed_with_its_songs_and_without_what_is_hidden(server: Live, music: Path) -> None:
    found = server.client.post("/scan/folders", json={}).json()
    assert found["path"] == str(music)
    assert found["parent"] is None
    assert [folder["name"] for folder in found["folders"]] == ["album"]
    assert found["songs"] == 1
    inside = server.client.post("/scan/folders", json={"path": found["folders"][0]["path"]}).json()
    assert (inside["parent"], inside["songs"]) == (str(music), 3)


@pytest.mark.parametrize("path", ["..", "/", "/proc", "../secret", "album/../..", "nowhere", "a\0b", "broken.mp3"])
def test_what_is_outside_or_no_folder_is_not_there(server: Live, music: Path, path: str) -> None:
    wanted = os.path.join(music, path)  # noqa: PTH118 - as a client would write it
    problem(server.client.post("/scan/folders", json={"path": wanted}), 404)
    problem(server.client.post("/scan", json={"folders": [wanted]}), 404)


def test_a_link_does_not_lead_out(server: Live, music: Path, tmp_path: Path) -> None:
    (music / "out").symlink_to(tmp_path / "secret")
    problem(server.client.post("/scan/folders", json={"path": str(music / "out")}), 404)


def test_a_scan_and_what_it_says(server: Live, music: Path, tmp_path: Path) -> None:
    before = server.client.get("/scan").json()
    assert (before["stage"], before["allowed"], before["dialog"]) == ("idle", True, False)
    begun = server.client.post("/scan", json={"folders": [str(music)]})
    assert begun.json()["busy"]
    status = finished(server)
    assert (status["stage"], status["error"]) == ("done", None)
    summary = status["summary"]
    assert isinstance(summary, dict)
    assert (summary["found"], summary["classified"], summary["failed"]) == (4, 3, 1)
    with Library.open(tmp_path / "library.sqlite") as library:
        assert library.count() == 4
    server.client.post("/scan", json={"folders": [str(music)]})
    again = finished(server)["summary"]
    assert isinstance(again, dict)
    assert again["unchanged"] == 4


def test_one_scan_at_a_time_that_can_be_stopped_and_goes_on(server: Live, music: Path) -> None:
    for number in range(60):
        (music / f"{number}.flac").write_bytes(song(start=number / 10))
    server.client.post("/scan", json={"folders": [str(music)]})
    assert "at work already" in problem(server.client.post("/scan", json={"folders": [str(music)]}), 409)
    until(lambda: server.client.get("/scan").json()["stage"] == "listening")
    assert server.client.post("/scan/stop").json()["stopping"]
    status = finished(server)
    assert status["stage"] == "stopped"
    first = status["summary"]
    assert isinstance(first, dict)
    assert 0 < first["left"] < 64
    server.client.post("/scan", json={"folders": [str(music)]})
    rest = finished(server)["summary"]
    assert isinstance(rest, dict)
    assert rest["left"] == 0
    assert rest["unchanged"] + rest["classified"] + rest["copies"] + rest["failed"] >= 60


def test_a_server_for_others_scans_nothing_that_it_was_not_told(model: Path, music: Path, tmp_path: Path) -> None:
    settings = Settings(host="0.0.0.0", token="t", model=str(model), library=tmp_path / "library.sqlite")
    with live(settings) as running:
        headers = {"Authorization": "Bearer t"}
        assert running.client.get("/scan", headers=headers).json()["allowed"] is False
        for path, body in (("/scan/folders", {}), ("/scan", {"folders": [str(music)]})):
            assert "--allow-path" in problem(running.client.post(path, json=body, headers=headers), 403)


def test_the_dialog_of_a_window(server: Live) -> None:
    problem(server.client.post("/scan/dialog"), 404)
    server.state.folder_dialog = lambda: "/music"
    assert server.client.post("/scan/dialog").json() == {"path": "/music"}


def test_stopping_the_server_stops_the_scan(model: Path, music: Path, tmp_path: Path) -> None:
    for number in range(60):
        (music / f"{number}.flac").write_bytes(song(start=number / 10))
    settings = Settings(model=str(model), library=tmp_path / "library.sqlite", server_paths=(music,))
    with live(settings) as running:
        running.client.post("/scan", json={"folders": [str(music)]})
        until(lambda: running.client.get("/scan").json()["stage"] == "listening")
    with Library.open(tmp_path / "library.sqlite") as library:  # nobody holds it any more
        stored = library.count()
    assert stored < 64


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another model, with a genre of its own."""
    return tiny_model(tmp_path / "other.onnx", seed=1, labels=("classical", "jazz", "polka"))


def scan(server: Live, music: Path, **how: bool) -> dict[str, Any]:
    server.client.post("/scan", json={"folders": [str(music)]} | how)
    return finished(server)


def served(server: Live) -> tuple[str, list[str]]:
    """The model that answers, by the interface's word and by what it says of a song."""
    serving = server.client.get("/api/v1/models").json()["serving"]["model"]
    answer = server.client.post("/api/v1/classify", files={"file": ("a.flac", song())}).json()
    return serving, sorted(answer["probabilities"])


def test_an_application_serves_its_library_with_the_librarys_model(model: Path, music: Path, tmp_path: Path) -> None:
    library = tmp_path / "library.sqlite"
    with live(Settings(model=str(model), library=library, server_paths=(music,))) as running:
        scan(running, music)
    with live(Settings(library=library)) as running:
        assert served(running) == (str(model), ["classical", "jazz", "rock"])


def test_another_models_genres_want_the_persons_word(model: Path, other: Path, music: Path, tmp_path: Path) -> None:
    library = tmp_path / "library.sqlite"
    with live(Settings(model=str(model), library=library, server_paths=(music,))) as running:
        scan(running, music)
    (music / "new.flac").write_bytes(song(start=9))
    with live(Settings(model=str(other), library=library, server_paths=(music,))) as running:
        asking = scan(running, music)
        assert asking["stage"] == "asking"
        assert asking["conflict"]["wanted"] == str(other)
        assert str(model) in asking["conflict"]["known"]
        mixed = scan(running, music, mix=True)
        assert (mixed["stage"], mixed["summary"]["classified"], mixed["conflict"]) == ("done", 1, None)
        with Library.open(library) as opened:
            assert memory.model_of(opened).reference == str(model)  # type: ignore[union-attr]
        anew = scan(running, music, again=True)
        assert (anew["stage"], anew["summary"]["classified"]) == ("done", 3)
        with Library.open(library) as opened:
            assert memory.model_of(opened).reference == str(other)  # type: ignore[union-attr]
            assert {label for song in opened.songs() for label in song.probabilities} == {"classical", "jazz", "polka"}


def test_a_scan_with_the_model_that_was_learnt_changes_what_answers(
    model: Path, other: Path, music: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library.sqlite"
    with live(Settings(model=str(model), library=library, server_paths=(music,))) as running:
        scan(running, music)
    with live(Settings(library=library, server_paths=(music,))) as running:
        before = running.client.get("/scan").json()["model"]
        assert served(running)[0] == str(model)
        with Library.open(library) as opened:
            memory.plan(opened, str(other))
        assert scan(running, music, again=True)["model"] != before
        assert served(running) == (str(other), ["classical", "jazz", "polka"])


def test_what_is_to_be_told_of_a_library(music: Path, tmp_path: Path) -> None:
    library = tmp_path / "library.sqlite"
    old = hashlib.sha256(builtin_path("gtzan").read_bytes()).hexdigest()
    with Library.open(library) as opened:
        unknown: dict[str, Any] = {"best": "rock", "model_sha256": old, "reason": NOVEL}
        opened.add(*(Song(Path(f"/away/{i}.mp3"), **unknown) for i in range(6)))
    with live(Settings(library=library, server_paths=(music,))) as running:
        status = running.client.get("/scan").json()
        assert status["old_model"] is True
        assert status["strange"].startswith("6 of 6 songs sound like nothing")
        assert scan(running, music, again=True, default=True)["stage"] == "done"
        assert served(running)[0] == "default"
