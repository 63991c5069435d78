"""A person without a terminal: chooses a folder on a page, watches the scan, stops it, reads why files failed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import DEMO, PATIENCE, NewPage, serving
from zhanr.library import Library, Song

expect.set_options(timeout=PATIENCE)
SONGS = ("disco.m4a", "jazz.wav", "country.ogg")


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A folder with three songs and one broken file, one of them further down."""
    folder = tmp_path / "my music"
    (folder / "deeper").mkdir(parents=True)
    for name in SONGS:
        shutil.copy(DEMO / name, folder / ("deeper" if name == "jazz.wav" else "."))
    (folder / "broken.mp3").write_text("just words")
    return folder


@pytest.fixture
def page(new_page: NewPage, music: Path, tmp_path: Path) -> Iterator[Page]:
    arguments = ("--allow-path", str(music.parent), "--jobs", "1")
    with serving(*arguments, library=tmp_path / "library.sqlite") as address:
        page = new_page("/library", address=address)
        yield page
        page.close()  # before its server ends, which it asks every few seconds


def choose(page: Page) -> None:
    page.get_by_role("button", name="Scan a folder …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="my music").click()
    expect(dialog.get_by_role("status")).to_contain_text("3 songs lie here")
    expect(dialog.get_by_role("button", name="deeper")).to_be_visible()
    dialog.get_by_role("button", name="Scan this folder").click()
    expect(dialog).to_have_count(0)


def test_a_scan_from_the_first_folder_to_the_library(page: Page) -> None:
    choose(page)
    state = page.locator("zhanr-scan .c-state")
    expect(state).to_contain_text(re.compile(r"^Done in .* 4 songs found: 3 classified, 1 failed\.$"))
    page.locator(".c-failures summary").click()
    expect(page.locator(".c-failures li")).to_contain_text("broken.mp3")
    expect(page.locator(".c-failures li")).to_contain_text("not a music file")
    page.get_by_role("link", name="Open the library").click()
    expect(page.locator(".t-row")).to_have_count(4)
    page.get_by_role("button", name=re.compile("^Scan again")).click()
    expect(state).to_contain_text("4 unchanged")


def test_a_scan_goes_on_while_one_is_elsewhere_and_can_be_stopped(page: Page, music: Path) -> None:
    for number in range(30):
        shutil.copy(music / "country.ogg", music / f"{number}.ogg")
        with (music / f"{number}.ogg").open("ab") as file:
            file.write(bytes([number]))  # another file, so that nothing is known by its sound
    choose(page)
    page.get_by_role("navigation").get_by_role("link", name="Tags").click()
    expect(page.get_by_role("heading", name="Tags")).to_be_visible()
    state = page.locator("zhanr-scan .c-state")
    page.get_by_role("navigation").get_by_role("link", name="Library").click()
    page.get_by_role("button", name="Stop").click()
    expect(state).to_contain_text(re.compile("^(Stopped|Done)"))
    again = page.get_by_role("button", name=re.compile("^(Go on|Scan again)"))
    again.click()
    expect(state).to_contain_text(re.compile("^Done"))


def test_the_dialog_shows_only_what_is_allowed_and_closes_by_escape(page: Page, tmp_path: Path) -> None:
    page.get_by_role("button", name="Scan a folder …").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".f-path")).to_have_text(str(tmp_path.resolve()))
    expect(dialog.get_by_role("button", name="up", exact=True)).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_genres_of_two_models_want_a_word(new_page: NewPage, music: Path, tmp_path: Path) -> None:
    library = tmp_path / "library.sqlite"
    with Library.open(library) as opened:  # of a model that can't be found any more
        opened.add(Song(tmp_path / "away.mp3", best="polka", genre="polka", confidence=0.9, model_sha256="f" * 64))
    with serving("--allow-path", str(music.parent), "--jobs", "1", library=library) as address:
        page = new_page("/library", address=address)
        choose(page)
        state = page.locator("zhanr-scan .c-state")
        expect(state).to_contain_text("were classified with a model (ffffffff...), and default has genres of its own")
        expect(page.get_by_role("button", name="Do all songs anew with it")).to_be_visible()
        page.get_by_role("button", name=re.compile("^Only the new ones")).click()
        expect(state).to_contain_text("3 classified")
        page.reload()
        expect(page.locator(".l-bar", has_text="polka")).to_be_visible()
        page.close()
