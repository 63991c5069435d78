"""What the first page fetches of an upload: events with the answer, why, and the sound as wav."""

from __future__ import annotations

import base64
import io
import json
import os
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from live_app import live, problem, song
from tiny import LABELS, N_BINS, tiny_model
from zhanr import Classifier
from zhanr.app.palette import GENRES, colours
from zhanr.app.settings import Settings
from zhanr.audio import load
from zhanr.explain import explain_song
from zhanr.library import Library, Song
from zhanr.library.columns import with_prediction

UPLOADS = "/media/uploads"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    classifier = Classifier.load(model)
    path = tmp_path_factory.mktemp("library") / "library.sqlite"
    with Library.open(path) as opened:
        for number in range(3):
            known = Song(Path(f"/music/{number}.flac"), content_hash=f"{number:064}")
            known = with_prediction(known, classifier.predict(song(3, start=number)))
            opened.add(Song(**{**vars(known), "model_sha256": classifier.bundle.sha256}))
    return path


@pytest.fixture(scope="module")
def client(model: Path, library: Path) -> Iterator[httpx.Client]:
    with live(Settings(model=str(model), library=library)) as running:
        yield running.client


def upload(client: httpx.Client, data: bytes, name: str = "a song.flac") -> str:
    answer = client.post(UPLOADS, params={"name": name}, content=data)
    assert answer.status_code == 201
    return str(answer.json()["id"])


def events(client: httpx.Client, number: str) -> list[dict[str, Any]]:
    answer = client.get(f"{UPLOADS}/{number}/analysis")
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [json.loads(part.removeprefix("data: ")) for part in answer.text.split("\n\n") if part]


def test_the_events_end_with_the_answer_of_the_command_line(client: httpx.Client, model: Path) -> None:
    data = song(5)
    *before, answered, similar = events(client, upload(client, data))
    assert all(set(event) <= {"waiting", "progress"} for event in before)
    expected = Classifier.load(model).predict(data).to_dict(timeline=True) | {"path": "a song.flac"}
    assert {key: answered["song"][key] for key in expected} == expected
    assert set(similar) == {"similar"}


def test_the_pictures_fit_the_song(client: httpx.Client) -> None:
    found = next(e["song"] for e in events(client, upload(client, song(5))) if "song" in e)
    peaks = base64.b64decode(found["peaks"])
    assert found["n_bins"] == N_BINS
    assert len(base64.b64decode(found["picture"])) == N_BINS * len(peaks)
    assert len(peaks) * found["column_seconds"] == pytest.approx(5, abs=2 * found["column_seconds"])


def test_similar_songs_are_the_nearest_first(client: httpx.Client) -> None:
    similar = events(client, upload(client, song(3, start=1)))[-1]["similar"]
    assert similar[0]["title"] == "1"
    assert len(similar) == 3
    assert [s["distance"] for s in similar] == sorted(s["distance"] for s in similar)
    assert {"id", "title", "artist", "file", "genre", "distance"} <= set(similar[0])


def test_a_similar_song_whose_name_is_no_unicode(model: Path, tmp_path: Path) -> None:
    classifier, data = Classifier.load(model), song(3, start=1)
    path = tmp_path / "library.sqlite"
    with Library.open(path) as opened:
        odd = Song(Path(os.fsdecode(b"/music/caf\xe9.flac")), model_sha256=classifier.bundle.sha256)
        opened.add(with_prediction(odd, classifier.predict(data)))
    with live(Settings(model=str(model), library=path)) as running:
        (similar,) = events(running.client, upload(running.client, data))[-1]["similar"]
        answer = running.client.post("/api/v1/similar", params={"id": similar["id"]})
        sent = running.client.post("/api/v1/similar", files={"file": ("new.flac", song(3, start=2))})
    assert similar["file"] == r"caf\udce9.flac"
    assert answer.json() == {"similar": []}
    assert [hit["song"]["path"] for hit in sent.json()["similar"]] == [r"/music/caf\udce9.flac"]


def test_a_bad_file_is_an_event_that_says_why(client: httpx.Client) -> None:
    last = events(client, upload(client, b"no music at all"))[-1]
    assert "not a music file" in last["error"]


def test_why_is_the_explanation_of_the_same_file(client: httpx.Client, model: Path) -> None:
    data = song(5)
    classifier = Classifier.load(model)
    answer = client.get(f"{UPLOADS}/{upload(client, data)}/why", params={"genre": LABELS[1]})
    assert answer.json() == explain_song(data, classifier.bundle, LABELS[1]).to_dict()


def test_what_cannot_be_explained_is_refused(client: httpx.Client) -> None:
    number = upload(client, song(2))
    assert "polka" in problem(client.get(f"{UPLOADS}/{number}/why", params={"genre": "polka"}), 422)
    bad = upload(client, b"no music at all")
    assert "not a music file" in problem(client.get(f"{UPLOADS}/{bad}/why", params={"genre": LABELS[0]}), 422)


@pytest.mark.parametrize("what", ["analysis", "why?genre=rock"])
def test_an_unknown_upload_is_not_there(client: httpx.Client, what: str) -> None:
    assert "not there" in problem(client.get(f"{UPLOADS}/guessed/{what}"), 404)


def test_the_sound_comes_as_wav(client: httpx.Client) -> None:
    data = song(2, "opus")
    number = upload(client, data, "song.wma")
    made = client.post(f"{UPLOADS}/{number}/sound")
    assert made.status_code == 201
    sound = client.get(f"{UPLOADS}/{made.json()['id']}", headers={"Range": "bytes=0-"})
    assert (sound.status_code, sound.headers["content-type"]) == (206, "audio/wav")
    with wave.open(io.BytesIO(sound.content)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
        expected = load(data, sample_rate=file.getframerate()).samples
    np.testing.assert_allclose(samples, np.clip(expected, -1, 1), atol=1e-4)
    client.delete(f"{UPLOADS}/{made.json()['id']}")
    assert client.get(f"{UPLOADS}/{made.json()['id']}").status_code == 404


def test_no_sound_of_what_is_none(client: httpx.Client) -> None:
    bad = upload(client, b"no music at all")
    assert "not a music file" in problem(client.post(f"{UPLOADS}/{bad}/sound"), 422)
    assert "not there" in problem(client.post(f"{UPLOADS}/guessed/sound"), 404)


def test_every_genre_has_its_own_colour_on_all_pages() -> None:
    assert len(set(GENRES.values())) == len(GENRES)
    assert colours(["rock", "polka"])["rock"] == GENRES["rock"]
    assert colours(["rock", "polka"])["polka"].startswith("#")
