"""How long the site takes in Chromium from a song of 30 seconds to its answer: the first one, and later ones.

python -m research.benchmarks.site_speed          needs the extra `dev`, Chromium, and site/dist (`make site`)
"""

from __future__ import annotations

import functools
import http.server
import shutil
import statistics
import threading
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
SONG = ROOT / "demo" / "jazz.wav"
REPEATS = 5


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static file server that logs nothing."""

    def log_message(self, *_: object) -> None:
        pass


def answer(page: Page) -> float:
    """Seconds from choosing the song to its answer."""
    begin = time.perf_counter()
    page.set_input_files("#files", SONG)
    page.wait_for_selector("article.song[aria-busy=false] .verdict")
    seconds = time.perf_counter() - begin
    page.click("article.song button.close")
    return seconds


def main() -> None:
    """Print both times, as medians of several visits of a browser that has nothing kept."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=ROOT / "site" / "dist")
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    first, later = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(REPEATS):
            page = browser.new_context().new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_selector("zhanr-listen[data-ready]")
            first.append(answer(page))
            later.append(answer(page))
            page.context.close()
        browser.close()
    print(f"first answer, while the model is loading: {statistics.median(first):.1f} s (largest {max(first):.1f} s)")
    print(f"once it is loaded: {statistics.median(later):.1f} s (largest {max(later):.1f} s)")


if __name__ == "__main__":
    main()
