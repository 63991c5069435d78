"""`python -m research.app_pictures [--library FILE]`: the pictures of the application in docs/, from the demo songs.

Those of the library and the map are of a scanned library, by default one of the demo songs.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demo"
WIDE = {"width": 1120, "height": 900}
PHONE = {"width": 390, "height": 844}
WAIT = 90_000  # milliseconds


@contextmanager
def serving(library: Path) -> Iterator[str]:
    """The address of an application with this library."""
    command = [sys.executable, "-m", "zhanr", "app", "--port", "0", "--no-browser", "--library", str(library)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
    finally:
        process.terminate()
        process.wait()


def opened(browser: Browser, address: str, size: dict[str, int], *, dark: bool = False) -> Page:
    """The first page in a browser of its own."""
    scheme = "dark" if dark else "light"
    scale = 2 if size is PHONE else 1
    context = browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=scale)  # type: ignore[arg-type]
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("zhanr-listen[data-ready]")
    return page


def add(page: Page, *names: str) -> None:
    """Add demo songs, and wait for all answers."""
    page.set_input_files("#files", [DEMO / name for name in names])
    page.wait_for_selector(".song .genre, .s-row")
    page.wait_for_selector("[aria-busy=true]", state="detached")


def picture(page: Page, name: str, *, until: str | None = None) -> None:
    """Take it, as high as the element `until` reaches."""
    if until:
        bottom = page.locator(until).evaluate("node => node.getBoundingClientRect().bottom + scrollY + 24")
        page.set_viewport_size({"width": WIDE["width"], "height": int(bottom)})
    page.mouse.move(2, 2)
    page.wait_for_timeout(600)  # until what moves has come to rest
    page.screenshot(path=ROOT / "docs" / name)


def library_pages(browser: Browser, library: Path) -> None:
    """The table and the map of a library."""
    with serving(library) as address:
        page = browser.new_page(viewport=WIDE, color_scheme="light")  # type: ignore[arg-type]
        page.set_default_timeout(WAIT)
        page.goto(f"{address}library")
        page.wait_for_selector(".t-row .c-title")
        picture(page, "app-library.png")
        page.goto(f"{address}map")
        page.wait_for_selector("zhanr-map[data-ready=true]")
        page.locator("canvas").press("ArrowRight")
        page.wait_for_selector(".m-near li")
        picture(page, "app-map.png")


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=Path)
    library = parser.parse_args().library
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    songs = sorted(path.name for path in DEMO.iterdir() if path.suffix not in (".mma", ".md", ".csv", ".py"))
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "no.sqlite") as address,
        sync_playwright() as p,
    ):
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = opened(browser, address, WIDE)
        add(page, "disco.m4a")
        page.get_by_role("button", name="Why").click()
        page.wait_for_selector(".strongest li")
        picture(page, "app-song.png", until=".song")
        page = opened(browser, address, PHONE, dark=True)
        add(page, "jazz.wav")
        picture(page, "app-phone.png")
        page = opened(browser, address, WIDE)
        add(page, *songs)
        picture(page, "app-songs.png", until=".s-list")
        if library is None:
            library = Path(folder) / "demo.sqlite"
            music = Path(folder) / "Music"  # no path of who takes the pictures
            shutil.copytree(DEMO, music)
            scan = [sys.executable, "-m", "zhanr", "scan", str(music), "--library", str(library)]
            subprocess.run(scan, check=True, capture_output=True)
        library_pages(browser, library)
        browser.close()


if __name__ == "__main__":
    main()
