"""The pages with a large library, and many songs dropped at once, in Chromium.

    python -m research.benchmarks.pages [--songs 100000] [--dropped 500]

Makes a library of songs that are only rows, serves it, and says for each page when its first view stood, and of
scrolling through the table and of the songs that were dropped how long the longest frame took.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from zhanr.bundle import load_bundle
from zhanr.library import Library, Song

VIEWS = {
    "/": "zhanr-listen[data-ready]",
    "/library": ".t-row .c-title",
    "/review": ".r-card h2",
    "/tags": "form",
    "/map": "zhanr-map[data-ready=true], progress.l-progress:not([hidden])",  # a map is laid out once, for minutes
}
SIZE = 64  # numbers of an embedding: what the pages do doesn't depend on it
# The time between frames, in milliseconds: 16.7 where nothing is in the way.
FRAMES = """() => {
  let last = performance.now();
  window.longest = 0;
  const look = (now) => {
    window.longest = Math.max(window.longest, now - last);
    last = now;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def songs(n: int) -> Iterator[Song]:
    """Songs of random genres, in albums of twelve."""
    bundle = load_bundle(None)
    labels = bundle.card.labels
    rng = np.random.default_rng(0)
    for i in range(n):
        p = rng.dirichlet(np.full(len(labels), 0.3))
        best = int(p.argmax())
        sure = p[best] > 0.6
        yield Song(
            Path(f"/music/artist {i // 120}/album {i // 12}/{i % 12 + 1:02} song {i}.mp3"),
            genre=labels[best] if sure else None,
            reason=None if sure else "not sure: too many genres are likely",
            best=labels[best],
            confidence=float(p[best]),
            probabilities=dict(zip(labels, map(float, p), strict=True)),
            title=f"Song {i}",
            artist=f"Artist {i // 120}",
            album=f"Album {i // 12}",
            duration=float(rng.integers(60, 400)),
            embedding=(rng.normal(size=SIZE) + 3 * np.eye(SIZE)[best]).astype("f4"),
            model_sha256=bundle.sha256,
        )


@contextmanager
def serving(library: Path) -> Iterator[str]:
    """The address of an application with this library."""
    command = [sys.executable, "-m", "zhanr", "app", "--port", "0", "--no-browser", "--library", str(library)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if "http://" in line)
            yield next(word for word in line.split() if word.startswith("http")).rstrip("/")
        finally:
            process.terminate()


def first_views(browser: Browser, address: str) -> None:
    """Open every page three times, each in a browser that knows nothing."""
    for path, selector in VIEWS.items():
        seconds = []
        for _ in range(3):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.goto(address + path)
            page.wait_for_selector(selector, timeout=60_000)
            seconds.append(page.evaluate("performance.now() / 1000"))  # since the document was asked for
            context.close()
        print(f"| first view of {path} | {', '.join(f'{s:.2f}' for s in sorted(seconds))} s |", flush=True)


def scrolling(page: Page) -> None:
    """Scroll through the table by the wheel, and to places all over it."""
    page.wait_for_selector(".t-row .c-title")
    page.hover(".t-scroll")
    page.evaluate(FRAMES)
    page.wait_for_timeout(3000)
    print(f"| longest frame while nothing happens | {page.evaluate('window.longest'):.0f} ms |", flush=True)
    page.evaluate("window.longest = 0")
    for _ in range(100):
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(20)
    for part in (0.9, 0.2, 0.6, 0):
        page.locator(".t-scroll").evaluate("(node, part) => { node.scrollTop = part * node.scrollHeight; }", part)
        page.wait_for_timeout(300)
    print(f"| longest frame while the table is scrolled | {page.evaluate('window.longest'):.0f} ms |", flush=True)


def dropping(page: Page, folder: Path, n: int) -> None:
    """Add songs of a second all at once, and wait until each has its answer, or why it has none."""
    rng = np.random.default_rng(0)
    files = []
    for i in range(n):
        files.append(folder / f"song {i}.wav")
        with wave.open(str(files[-1]), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes((3000 * rng.normal(size=8000)).astype("<i2").tobytes())
    page.wait_for_selector("zhanr-listen[data-ready]")
    page.evaluate(FRAMES)
    begin = time.monotonic()
    page.set_input_files("#files", files)
    page.wait_for_selector(".s-row")
    seen = time.monotonic() - begin
    while "of" in page.locator(".s-summary").inner_text():
        page.wait_for_timeout(500)
    print(f"| {n} songs at once: their list | {seen:.1f} s |")
    print(f"| {n} songs at once: all answers | {time.monotonic() - begin:.0f} s |")
    print(f"| {n} songs at once: longest frame | {page.evaluate('window.longest'):.0f} ms |", flush=True)


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=100_000)
    parser.add_argument("--dropped", type=int, default=500)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    print("| | |\n|---|---|")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        with Library.open(folder / "library.sqlite") as library:
            library.add(*songs(options.songs))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        with serving(folder / "library.sqlite") as address:
            first_views(browser, address)
            page = browser.new_page()
            page.goto(f"{address}/library")
            scrolling(page)
            page.goto(address)
            dropping(page, folder, options.dropped)
        browser.close()


if __name__ == "__main__":
    main()
