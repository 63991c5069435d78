"""The site in Chromium: built, served by a plain static file server, and its answers held against the program's."""

from __future__ import annotations

import functools
import http.server
import io
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from browser.conftest import DEMO, PATIENCE, ROOT
from zhanr import Classifier

RUNTIME = ROOT / "site" / "node_modules" / "onnxruntime-web"
KEPT = ROOT / "src" / "zhanr" / "app" / "static" / "demo"
SONGS = [
    *(
        DEMO / name
        for name in (
            "blues.mp3",
            "classical.flac",
            "country.ogg",
            "disco.m4a",
            "hiphop.opus",
            "jazz.wav",
            "pop.webm",
            "метал.mp3",
        )
    ),
    KEPT / "classical.opus",
    KEPT / "metal.opus",
]
LARGEST = 25_000_000  # bytes that one may be asked to load


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder on loopback, and notes what was asked for."""

    def __init__(self, folder: Path) -> None:
        asked: list[str] = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_request(self, *_: object) -> None:
                asked.append(self.path)

        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.asked = asked
        self.address = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not RUNTIME.is_dir():
        pytest.skip("needs the runtime for browsers: npm ci --prefix site, which `make site` does")
    target = tmp_path_factory.mktemp("site") / "zhanr"
    subprocess.run([sys.executable, "-m", "research.site", "--output", str(target)], cwd=ROOT, check=True)
    return target


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    server = Server(folder.parent)  # so that the site lies in a folder of its host, as project pages do
    yield server
    server.close()


@pytest.fixture
def page(chromium: Browser, server: Server) -> Iterator[Page]:
    """The site, all kept; a request to another host, an error or a complaint fails the test."""
    complaints: list[str] = []
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    context.on("request", lambda r: None if r.url.startswith((server.address, "blob:")) else complaints.append(r.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{server.address}zhanr/")
    page.wait_for_selector("zhanr-listen[data-ready]")
    page.evaluate("navigator.serviceWorker.ready.then(() => {})")
    yield page
    context.close()
    assert not complaints


def add(page: Page, song: Path) -> dict[str, Any]:
    """Add a song and close it again; what its card says."""
    page.set_input_files("#files", song)
    page.wait_for_selector("article.song[aria-busy=false] .plot")
    card = page.locator("article.song")
    names = card.locator(".r-top .l-name").all_text_contents()
    shares = card.locator(".r-top li").evaluate_all("bars => bars.map(b => +b.style.getPropertyValue('--share'))")
    found = {
        "probabilities": dict(zip(names, shares, strict=True)),
        "genre": card.locator(".verdict .genre").text_content(),
        "styles": card.locator(".z-styles li").count(),
    }
    card.locator("button.close").click()
    return found


def test_answers_are_those_of_the_program_and_cause_no_request(page: Page, server: Server) -> None:
    classifier = Classifier.load()
    add(page, SONGS[0])  # by now everything is loaded that is loaded at all
    before = [path for path in server.asked if not path.endswith("sw.js")]
    for song in SONGS:
        expected, found = classifier.predict(song), add(page, song)
        assert found["genre"] == (expected.genre or "not sure"), song.name
        for genre, share in found["probabilities"].items():
            assert share == pytest.approx(expected.probabilities[genre], abs=0.02), (song.name, genre)
        assert found["styles"] == len(expected.styles), song.name
    assert [path for path in server.asked if not path.endswith("sw.js")] == before


def test_works_without_a_network(page: Page, server: Server) -> None:
    add(page, SONGS[0])
    server.close()
    page.reload()
    page.wait_for_selector("zhanr-listen[data-ready]")
    assert add(page, DEMO / "jazz.wav")["probabilities"]
    page.get_by_role("button", name="String quartet").click()  # what comes with the site is there, too
    page.wait_for_selector("article.song[aria-busy=false] .plot")


def test_what_cannot_be_told_is_said(page: Page, tmp_path: Path) -> None:
    for name, content, words in (
        ("text.mp3", b"no music", "can’t decode"),
        ("silence.wav", silence(40_000), "nothing but silence"),
        ("short.wav", silence(4000), "Only 0.50 seconds"),
    ):
        (tmp_path / name).write_bytes(content)
        page.set_input_files("#files", tmp_path / name)
        page.wait_for_selector("article.song.failed")
        assert words in page.locator("article.song .reason").inner_text()
        page.locator("article.song button.close").click()


def test_folder_is_small_and_can_be_installed(folder: Path, page: Page) -> None:
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < LARGEST
    session = page.context.new_cdp_session(page)
    manifest = session.send("Page.getAppManifest")
    assert manifest["data"]
    assert not manifest["errors"]


def silence(n_samples: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * n_samples))
    return buffer.getvalue()
