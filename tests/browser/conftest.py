"""A served application and Chromium. A page that asks another host for anything, or complains, fails its test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright  # noqa: E402

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo"
PATIENCE = 60_000  # milliseconds; a busy machine is slow, and nothing waits for that long otherwise
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; closed after the last test in a browser, for its event loop would disturb other tests."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        message = "needs Chromium (on Debian: apt-get install chromium)"
        if os.environ.get("ZHANR_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def serving(*arguments: str, library: Path) -> Iterator[str]:
    """The address of a `zhanr app` of its own."""
    command = [sys.executable, "-m", "zhanr", "app", "--port", "0", "--no-browser", "--library", str(library)]
    asked = {
        **os.environ,
        "ZHANR_PRECISION": "0.85",
    }  # so that the demo songs that the pages are tried with are answered
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True, encoding="utf-8", env=asked)
    assert process.stdout is not None
    try:
        line = next((line for line in process.stdout if "http://" in line), "")
        assert line, f"the server ended with code {process.wait()} before it was ready"
        yield next(word for word in line.split() if word.startswith("http://")).rstrip("/")
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An application with the default model and a library of three demo songs."""
    folder = tmp_path_factory.mktemp("music")
    for name in ("classical.flac", "jazz.wav", "country.ogg"):
        shutil.copy(DEMO / name, folder)
    library = tmp_path_factory.mktemp("library") / "library.sqlite"
    command = [sys.executable, "-m", "zhanr", "scan", str(folder), "--library", str(library)]
    subprocess.run(command, check=True, capture_output=True)
    with serving(library=library) as address:
        yield address


def until(page: Page, script: str) -> None:
    """Wait until a script gives true; Playwright's own way to wait evaluates texts, which the pages' policy forbids."""
    limit = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(script):
        assert time.monotonic() < limit, f"never true: {script}"
        page.wait_for_timeout(50)


@dataclass
class Watch:
    """What the pages of one test asked for and complained of."""

    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext, address: str) -> None:
        host = urlsplit(address).netloc

        def asked(request: Any) -> None:
            parts = urlsplit(request.url)
            if parts.scheme not in ("data", "blob") and parts.netloc != host:
                self.strangers.append(request.url)

        context.on("request", asked)

        def said(message: Any) -> None:
            # a document that isn't there is asked for by its own test, and what a document needs has other addresses
            missing = message.text.startswith("Failed to load") and message.location["url"] == message.page.url
            if message.type in ("error", "warning") and not missing:
                self.complaints.append(message.text)

        context.on("console", said)
        context.on("weberror", lambda e: self.complaints.append(str(e.error)))


NewPage = Callable[..., Page]


@pytest.fixture
def new_page(chromium: Browser, server: str) -> Iterator[NewPage]:
    """Opens a path of the server in a browser of its own: `new_page("/", color_scheme="dark")`."""
    watch = Watch()
    with ExitStack() as stack:

        def make(path: str = "/", *, address: str = server, **options: Any) -> Page:
            context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE)
            watch.over(context, address)
            page = context.new_page()
            page.on("filechooser", lambda _: None)  # waiting for one later begins too late for an Enter that follows
            page.goto(address + path)
            return page

        yield make
    assert watch.strangers == [], "asked another host"
    assert watch.complaints == []
