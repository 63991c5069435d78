"""The REST interface: the answers of the command line, errors as problems, limits of the queue."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

import bad_listeners
from live_app import CLASSIFY, Live, live, problem, song, until
from test_scan import write_song
from tiny import LABELS, tiny_model
from zhanr import Classifier
from zhanr.app.api import permitted
from zhanr.app.problems import Problem
from zhanr.app.settings import Settings
from zhanr.app.upload_store import UploadStore
from zhanr.app.uploads import Upload
from zhanr.cli import app
from zhanr.library import Library, Song
from zhanr.library.columns import with_prediction


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """A library of five songs that are there, and one that could not be read."""
    folder = tmp_path_factory.mktemp("library")
    classifier = Classifier.load(model)
    sha256 = classifier.bundle.sha256
    with Library.open(folder / "library.sqlite") as opened:
        for number in range(5):
            path = write_song(folder / "music" / f"{number}.flac", 10 * number)
            known = Song(path, path.stat().st_size, content_hash=f"{number:064}", model_sha256=sha256)
            opened.add(with_prediction(known, classifier.predict(path)))
        opened.add(Song(folder / "music" / "bad.mp3", error="this is not a music file", model_sha256=sha256))
    return folder / "library.sqlite"


@pytest.fixture(scope="module")
def settings(model: Path, library: Path) -> Settings:
    return Settings(model=str(model), library=library, server_paths=(library.parent / "music",))


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[Live]:
    with live(settings) as running:
        yield running


def number_of(server: Live, pattern: str) -> float:
    """A number of /metrics, or 0."""
    text = server.client.get("/api/v1/metrics").text
    found = re.search(rf"^{pattern} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


# -- classify


@pytest.mark.parametrize("options", [{}, {"timeline": "true"}, {"top": "2"}, {"top": "1", "timeline": "1"}])
def test_the_answer_is_that_of_the_command_line(
    server: Live, model: Path, tmp_path: Path, options: dict[str, str]
) -> None:
    file = tmp_path / "a song.flac"
    file.write_bytes(song(5))
    flags = ["--timeline"] if "timeline" in options else []
    flags += ["--top", options["top"]] if "top" in options else []
    done = CliRunner().invoke(app, ["classify", "--json", "--model", str(model), *flags, str(file)])
    expected = json.loads(done.stdout) | {"path": file.name}
    multipart = server.client.post(CLASSIFY, params=options, files={"file": (file.name, file.read_bytes())})
    raw = server.client.post(CLASSIFY, params={**options, "name": file.name}, content=file.read_bytes())
    assert multipart.json() == raw.json() == expected
    assert list(multipart.json()) == list(expected)  # the order of the probabilities means something


@pytest.mark.parametrize("size", [1, 50, 4096])
def test_a_body_may_come_in_pieces_of_any_size(server: Live, size: int) -> None:
    data = song(1.1, "opus")
    whole = server.client.post(CLASSIFY, files={"file": ("x", data)}).json()
    request = server.client.build_request("POST", CLASSIFY, files={"file": ("x", data)})
    form, kind = request.read(), {"Content-Type": request.headers["content-type"]}
    cuts = [*range(0, 250, size), *range(250, len(form) - 250, 4096), *range(len(form) - 250, len(form), size)]
    pieces = (form[a:b] for a, b in zip(cuts, [*cuts[1:], len(form)], strict=True))
    assert server.client.post(CLASSIFY, content=pieces, headers=kind).json() == whole
    raw = server.client.post(CLASSIFY, params={"name": "x"}, content=iter([data[:1], data[1:999], data[999:]]))
    assert raw.json() == whole


def test_many_at_once_get_each_their_own_answer(server: Live) -> None:
    songs = {f"{i}.flac": song(1.5, start=3.0 * i) for i in range(6)}

    def ask(item: tuple[str, bytes]) -> dict[str, Any]:
        return dict(httpx.post(f"{server.client.base_url}{CLASSIFY}", files={"file": item}, timeout=60).json())

    alone = [ask(item) for item in songs.items()]
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(ask, songs.items())) == alone
    assert len({json.dumps(answer["probabilities"]) for answer in alone}) == 6


def test_what_is_no_music_is_a_problem_with_the_reason(server: Live) -> None:
    response = server.client.post(CLASSIFY, files={"file": ("x.mp3", b"no music at all" * 100)})
    assert "not a music file" in problem(response, 422)
    assert str(server.state.folder.path) not in response.text


def test_other_errors_are_problems_too(server: Live) -> None:
    get, post = server.client.get, server.client.post
    assert problem(get("/api/v1/nothing"), 404)
    assert problem(get("/nothing"), 404)
    response = get(CLASSIFY)
    assert problem(response, 405)
    assert response.headers["allow"] == "POST"
    assert "body" in json.dumps(post("/api/v1/classify-path", json={"file": 3}).json()["errors"])
    assert problem(post(CLASSIFY, params={"top": "many"}, content=b"x"), 422)
    for kind in ("text/plain", "application/json", "application/x-www-form-urlencoded"):
        assert "multipart/form-data" in problem(post(CLASSIFY, content=b"x", headers={"Content-Type": kind}), 415)


def test_nothing_stays_on_the_disk(server: Live) -> None:
    server.client.post(CLASSIFY, files={"file": ("x.flac", song())})
    server.client.post(CLASSIFY, files={"file": ("x.mp3", b"no music")})
    assert list(server.state.folder.path.iterdir()) == []


# -- the queue


@pytest.fixture
def bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhanr.app.engine.analysis.classify", bad_listeners.classify)


@pytest.mark.usefixtures("bad")
def test_a_full_queue_says_when_to_come_again(model: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    with live(Settings(model=str(model), queue=2)) as server, ThreadPoolExecutor(8) as threads:
        url = f"{server.client.base_url}{CLASSIFY}"

        def ask(name: str) -> httpx.Response:
            return httpx.post(url, files={"file": (name, song())}, timeout=120)

        slow = threads.submit(ask, f"wait-{gate}".replace("/", "|"))
        until(lambda: server.state.engine.running == 1)
        waiting = [threads.submit(ask, f"{i}.flac") for i in range(2)]
        until(lambda: server.state.engine.waiting == 2)
        refused = ask("too much.flac")
        assert "too many songs" in problem(refused, 429)
        assert int(refused.headers["retry-after"]) >= 1
        assert server.client.get("/api/v1/health").json()["waiting"] == 2
        assert number_of(server, "zhanr_queue_length") == 2
        gate.unlink()
        assert [future.result().status_code for future in (slow, *waiting)] == [200, 200, 200]
        assert ask("again.flac").status_code == 200
        assert number_of(server, r'zhanr_errors_total\{kind="busy"\}') == 1


@pytest.mark.usefixtures("bad")
def test_one_bad_song_costs_one_answer(model: Path) -> None:
    with live(Settings(model=str(model), parse_seconds=4)) as server:

        def ask(name: str) -> httpx.Response:
            return server.client.post(CLASSIFY, files={"file": (name, song())})

        good = ask("good").json()
        for name, status, reason in (
            ("killed", 503, "SIGKILL"),
            ("crash", 422, "SIGSEGV"),
            ("hang", 422, "longer than 4 seconds"),
            ("memory", 422, "memory"),
            ("bug", 422, "ZeroDivisionError"),
        ):
            response = ask(name)
            assert reason in problem(response, status)
            assert ("retry-after" in response.headers) == (status == 503)
            assert ask("good").json() == good
        assert list(server.state.folder.path.iterdir()) == []


def test_a_process_that_was_killed_while_it_had_nothing_to_do_costs_nothing(model: Path) -> None:
    with live(Settings(model=str(model))) as server:
        post = server.client.post
        assert post(CLASSIFY, content=song()).status_code == 200
        (worker,) = server.state.engine._pools[0]._workers
        worker.process.kill()
        worker.process.join()
        assert post(CLASSIFY, content=song()).status_code == 200


@pytest.mark.usefixtures("bad")
def test_a_client_that_leaves_takes_its_song_along(model: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    with live(Settings(model=str(model))) as server:
        url = f"{server.client.base_url}{CLASSIFY}"
        engine = server.state.engine
        with ThreadPoolExecutor(1) as threads:
            name = f"wait-{gate}".replace("/", "|")
            slow = threads.submit(httpx.post, url, files={"file": (name, song())}, timeout=60)
            until(lambda: engine.running == 1)
            with pytest.raises(httpx.TimeoutException):
                httpx.post(url, content=song(), timeout=0.5)
            until(lambda: len(list(server.state.folder.path.iterdir())) == 1)
            gate.unlink()
            assert slow.result().status_code == 200


# -- server paths


def test_a_file_of_the_server_below_a_permitted_folder(server: Live, library: Path) -> None:
    path = library.parent / "music" / "1.flac"
    answer = server.client.post("/api/v1/classify-path", json={"path": str(path)}).json()
    assert answer["path"] == str(path)
    assert answer["genre"] in LABELS


def test_no_other_file_of_the_server(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "secret.flac"
    (root / "inner").mkdir(parents=True)
    outside.write_bytes(song())
    (root / "link.flac").symlink_to(outside)
    (root / "folder").symlink_to(tmp_path)
    (root / "inner" / "good.flac").write_bytes(song())
    (root / "good.flac").symlink_to(root / "inner" / "good.flac")
    os.mkfifo(root / "pipe.flac")
    assert permitted(str(root / "good.flac"), (root,)) == (root / "inner" / "good.flac").resolve()
    answers = set()
    for name in (
        outside,
        root / "link.flac",
        root / "folder" / "secret.flac",
        root / ".." / "secret.flac",
        root / "pipe.flac",
        root / "inner",
        root / "absent.flac",
        "/etc/passwd",
        "\0",
        "x" * 5000,
        "good.flac",
    ):
        with pytest.raises(Problem) as raised:
            permitted(str(name), (root,))
        assert raised.value.status == 404
        answers.add(raised.value.detail)
    assert len(answers) == 1  # nobody learns what files there are
    with pytest.raises(Problem) as raised:
        permitted(str(root / "good.flac"), ())
    assert raised.value.status == 403


# -- models, similar, health, metrics


def test_models_and_health(server: Live, model: Path) -> None:
    models = server.client.get("/api/v1/models").json()
    assert models["serving"]["sha256"] == Classifier.load(model).bundle.sha256
    assert models["serving"]["card"]["labels"] == list(LABELS)
    assert models["built_in"][0]["model"] == "default"
    health = server.client.get("/api/v1/health").json()
    assert (health["status"], health["model"]) == ("ok", models["serving"]["sha256"])


def test_similar_songs_of_one_of_the_library(server: Live, library: Path) -> None:
    path = library.parent / "music" / "2.flac"
    with Library.open(library) as opened:
        known = opened.song(path)
    assert known is not None
    by_id = server.client.post("/api/v1/similar", params={"id": known.id, "n": 3}).json()
    by_path = server.client.post("/api/v1/similar", params={"path": str(path), "n": 3}).json()
    assert by_id == by_path
    distances = [hit["distance"] for hit in by_id["similar"]]
    assert len(distances) == 3
    assert distances == sorted(distances)
    assert known.id not in [hit["song"]["id"] for hit in by_id["similar"]]


def test_similar_songs_of_one_that_is_sent(server: Live, library: Path) -> None:
    data = (library.parent / "music" / "3.flac").read_bytes()
    hits = server.client.post("/api/v1/similar", files={"file": ("new.flac", data)}).json()["similar"]
    assert len(hits) == 5
    assert hits[0]["song"]["path"].endswith("3.flac")
    assert hits[0]["distance"] < 1e-5


def test_a_library_that_grows_is_looked_at_again(server: Live, library: Path) -> None:
    post = server.client.post
    before = len(post("/api/v1/similar", params={"id": 1, "n": 100}).json()["similar"])
    with Library.open(library) as opened:
        one = opened.song_by_id(2, embedding=True)
        assert one is not None
        assert one.embedding is not None
        copy = {**one.__dict__, "path": library.parent / "music" / "copy.flac", "content_hash": "c" * 64, "id": None}
        opened.add(Song(**copy))
    assert len(post("/api/v1/similar", params={"id": 1, "n": 100}).json()["similar"]) == before + 1


def test_what_is_not_in_the_library(server: Live, library: Path, model: Path, tmp_path: Path) -> None:
    post = server.client.post
    assert "not in the library" in problem(post("/api/v1/similar", params={"id": 999}), 404)
    assert "not in the library" in problem(post("/api/v1/similar", params={"path": "/etc/passwd"}), 404)
    assert "not in the library" in problem(post("/api/v1/similar", params={"path": "\0"}), 404)
    bad = str(library.parent / "music" / "bad.mp3")
    assert "could not be heard" in problem(post("/api/v1/similar", params={"path": bad}), 409)
    other = tiny_model(tmp_path / "other.onnx", seed=1)
    with live(Settings(model=str(other), library=library)) as another:
        assert "another model" in problem(another.client.post("/api/v1/similar", content=song()), 409)
    with live(Settings(model=str(model), library=tmp_path / "none.sqlite")) as without:
        assert "no library" in problem(without.client.post("/api/v1/similar", params={"id": 1}), 404)
    assert not (tmp_path / "none.sqlite").exists()


def test_albums_of_the_library(server: Live, library: Path, tmp_path: Path) -> None:
    get = server.client.get
    (album,) = get("/api/v1/library/albums", params={"q": "id=1"}).json()["albums"]
    assert (album["folder"], album["album"]) == (str(library.parent / "music"), "")
    assert album["songs"] == sum(album["genres"].values()) == len(album["ids"]) - 1, "one could not be read"
    assert get("/api/v1/library/albums", params={"by": "artist", "start": 1}).json()["albums"] == []
    assert "no field" in problem(get("/api/v1/library/albums", params={"q": "nothing=1"}), 422)
    problem(get("/api/v1/library/albums", params={"by": "planet"}), 422)
    other = tiny_model(tmp_path / "other.onnx", seed=1)
    with live(Settings(model=str(other), library=library)) as another:
        assert "can't be found" in problem(another.client.get("/api/v1/library/albums"), 409)


def test_metrics_count_answers_errors_and_seconds(server: Live) -> None:
    genre = server.client.post(CLASSIFY, content=song()).json()["genre"]
    one = rf'zhanr_answers_total\{{genre="{genre}"\}}'
    before = {name: number_of(server, name) for name in (one, r'zhanr_errors_total\{kind="audio"\}')}
    server.client.post(CLASSIFY, content=song())
    server.client.post(CLASSIFY, content=b"no music")
    server.client.get("/api/v1/secret-of-a-client")
    assert {name: number_of(server, name) - count for name, count in before.items()} == dict.fromkeys(before, 1)
    assert number_of(server, r'zhanr_requests_total\{path="/classify",status="422"\}') >= 1
    assert number_of(server, r'zhanr_request_seconds_count\{path="/classify"\}') >= 3
    text = server.client.get("/api/v1/metrics").text
    assert "secret-of-a-client" not in text
    with live(server.state.settings) as another:
        assert number_of(another, one) == 0  # numbers of one server, not of the process


def test_the_page_of_the_api_loads_nothing_from_elsewhere(server: Live) -> None:
    response = server.client.get("/api/v1/docs")
    assert response.headers["content-type"].startswith("text/html")
    assert "/api/v1/classify-path" in response.text
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//|@import""", response.text)
    paths = server.client.get("/api/v1/openapi.json").json()["paths"]
    assert set(paths) == {
        "/classify",
        "/classify-path",
        "/similar",
        "/library/albums",
        "/models",
        "/health",
        "/metrics",
    }


# -- what the pages play


def test_songs_of_the_library_play_from_any_moment(server: Live, library: Path) -> None:
    data = (library.parent / "music" / "1.flac").read_bytes()
    whole = server.client.get("/media/library/2")
    part = server.client.get("/media/library/2", headers={"Range": "bytes=100-199"})
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, data, "audio/flac")
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(data)}"


def test_nothing_else_plays(server: Live, library: Path) -> None:
    with Library.open(library) as opened:  # a row whose file is gone, and one that never was a file
        numbers = [song.id for song in opened.songs() if not song.path.is_file()]
    assert numbers
    for number in (*numbers, 0, -1, 999, 1 << 70):
        assert problem(server.client.get(f"/media/library/{number}"), 404)
    assert problem(server.client.get("/media/library/..%2f..%2fetc%2fpasswd"), 404)
    assert problem(server.client.get("/media/uploads/..%2f..%2fetc%2fpasswd"), 404)


def test_an_upload_of_a_page_is_never_a_page_itself(server: Live) -> None:
    html = b"<script>alert(1)</script>"
    sent = server.client.post("/media/uploads", files={"file": ("x.html", html)}).json()
    played = server.client.get(f"/media/uploads/{sent['id']}")
    assert (played.content, played.headers["content-type"]) == (html, "application/octet-stream")
    assert played.headers["x-content-type-options"] == "nosniff"
    assert server.client.delete(f"/media/uploads/{sent['id']}").status_code == 204
    assert problem(server.client.get(f"/media/uploads/{sent['id']}"), 404)


def test_uploads_are_kept_for_a_while_and_not_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr("zhanr.app.upload_store.time.monotonic", lambda: clock)
    kept = UploadStore(Settings(kept_bytes=100, keep_seconds=60))

    def upload(name: str) -> Upload:
        (tmp_path / name).write_bytes(bytes(50))
        return Upload(tmp_path / name, name, 50)

    first, clock = kept.add(upload("a")), 1030.0
    second = kept.add(upload("b"))
    with pytest.raises(Problem, match="too much"):
        kept.add(upload("c"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    clock = 1061.0
    third = kept.add(upload("d"))
    assert (kept.get(first), kept.get(second) is None, kept.get(third) is None) == (None, False, False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "d"]
    clock = 1100.0
    kept.remove_old()
    assert kept.get(second) is not None  # it was used meanwhile


def test_an_upload_with_an_answer_makes_room_for_others(tmp_path: Path) -> None:
    store = UploadStore(Settings(kept_bytes=100))
    numbers = []
    for name in "abcd":
        (tmp_path / name).write_bytes(bytes(50))
        numbers.append(store.add(Upload(tmp_path / name, name, 50)))
        store.answered(numbers[-1])
        store.get(numbers[0])  # what is played stays
    assert [store.get(number) is not None for number in numbers] == [True, False, False, True]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "d"]
