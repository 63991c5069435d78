"""The pages of the library, as a person uses them: the table, the review by keyboard, tags there and back, the map."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import DEMO, PATIENCE, NewPage, serving, until
from zhanr.library import Library, Song
from zhanr.prediction import Style
from zhanr.tags.formats import read_genres

N_MANY = 5_000
CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")
FITS = "document.documentElement.scrollWidth <= innerWidth"
HOSTILE = "<img src=x onerror=\"document.title='broken in'\"><b>bold & loud.wav"
GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of demo files to be tagged and played, one of them with a name that is markup."""
    folder = tmp_path_factory.mktemp("songs")
    for name in ("classical.flac", "disco.m4a", "country.ogg"):
        shutil.copy(DEMO / name, folder)
    shutil.copy(DEMO / "jazz.wav", folder / HOSTILE)
    return folder


@pytest.fixture(scope="module")
def library(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A library of these files, of some songs to review, and of very many that are only rows."""
    path = tmp_path_factory.mktemp("library") / "library.sqlite"
    with pytest.MonkeyPatch.context() as patch, Library.open(path) as opened:
        patch.setenv("ZHANR_LIBRARY", str(path))  # the server's runs of tags are kept beside it
        opened.add(*real(folder), *doubtful(), *many())
        opened.add(Song(Path("/broken/noise.mp3"), error="this is not a music file"))
        yield path


@pytest.fixture(scope="module")
def address(library: Path) -> Iterator[str]:
    with serving(library=library) as address:
        yield address


@pytest.fixture
def open_page(new_page: NewPage, address: str) -> NewPage:
    return lambda path, **options: new_page(path, address=address, **options)


def song(path: str | Path, genre: str | None, confidence: float, **more: Any) -> Song:
    best = genre or "pop"
    probabilities = dict.fromkeys(GENRES, (1 - confidence) / 9) | {best: confidence}
    values = {"best": best, "confidence": confidence, "probabilities": probabilities, "model_sha256": "m", **more}
    return Song(Path(path), genre=genre, reason=None if genre else "not sure: too many genres are likely", **values)


def real(folder: Path) -> Iterator[Song]:
    rng = np.random.default_rng(0)
    for path in sorted(folder.iterdir()):
        genre = path.stem if path.stem in GENRES else "jazz"
        seen = {"size": path.stat().st_size, "mtime_ns": path.stat().st_mtime_ns, "duration": 30.0}
        yield song(path, genre, 0.95, embedding=rng.normal(size=8).astype("f4"), **seen)


def doubtful() -> Iterator[Song]:
    """In order of their doubt: ask (not sure), odd (its tag says jazz), calm, calmer."""
    yield song("/review/ask.mp3", None, 0.2, title="Ask me", artist="Nobody")
    yield song("/review/odd.mp3", "rock", 0.8, title="Odd one", tag_genre="Jazz")
    yield song("/review/calm.mp3", "metal", 0.9, title="Calm one")
    style = Style("delta blues", 0.61)
    yield song("/review/calmer.mp3", "blues", 0.97, title="Calmer one", styles=(style,))


def many() -> Iterator[Song]:
    for i in range(N_MANY):
        genre = GENRES[i % 10]
        yield song(f"/many/{i:05}.mp3", genre, 0.5 + i / N_MANY / 2, title=f"Song {i}", artist=f"Artist {i % 700}")


def rows(page: Page) -> Locator:
    return page.locator(".t-row")


def filtered(page: Page, text: str) -> None:
    page.get_by_role("combobox", name="Search").fill(text)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("zhanr-library")).to_have_attribute("aria-busy", "false")


def stored(library: Path, name: str) -> str | None:
    with Library.open(library, readonly=True) as opened:
        found = opened.song(f"/review/{name}.mp3")
    assert found is not None
    return found.correction


# -- the table


def test_filter_sort_and_chart(open_page: NewPage) -> None:
    page = open_page("/library")
    status = page.locator(".l-status")
    expect(status).to_contain_text(f"{N_MANY + 9:,} songs, 1 of them could not be read")
    filtered(page, "genre=jazz path~many")
    expect(status).to_have_text(f"{N_MANY // 10:,} songs")
    page.get_by_role("button", name="Sure").click()
    expect(page.get_by_role("columnheader", name="Sure")).to_have_attribute("aria-sort", "descending")
    expect(rows(page).first).to_contain_text(f"Song {N_MANY - 5}")
    page.get_by_role("button", name="Sure").click()
    expect(rows(page).first).to_contain_text("Song 5Artist 5")
    filtered(page, "colour=red")
    expect(page.get_by_role("alert").first).to_contain_text("there is no field 'colour'")
    expect(status).to_have_text(f"{N_MANY // 10:,} songs")  # what was there stays
    filtered(page, "")
    page.locator(".l-bar", has_text="unreadable").click()
    expect(status).to_have_text("1 song")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("this is not a music file")
    page.reload()
    expect(status).to_have_text("1 song")  # the address says what is to be seen


def test_the_end_of_a_long_list(open_page: NewPage) -> None:
    page = open_page("/library?q=path~many")
    expect(rows(page).first).to_contain_text("Song 0")
    assert rows(page).count() < 60
    page.locator(".t-scroll").evaluate("node => { node.scrollTop = node.scrollHeight; }")
    expect(rows(page).last).to_contain_text(f"Song {N_MANY - 1}")
    assert rows(page).count() < 60
    expect(rows(page).last).to_have_attribute("aria-rowindex", str(N_MANY + 1))
    grid = page.get_by_role("grid", name="Songs")
    grid.focus()
    page.keyboard.press("Home")
    expect(rows(page).first).to_contain_text("Song 0")
    for _ in range(40):
        page.keyboard.press("ArrowDown")
    expect(page.locator(".t-active")).to_contain_text("Song 40")
    page.keyboard.press("End")
    expect(page.locator(".t-active")).to_contain_text(f"Song {N_MANY - 1}")


def test_a_row_plays_and_a_name_that_is_markup_stays_text(open_page: NewPage) -> None:
    page = open_page("/library?q=path~bold")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text('<img src=x onerror="')
    rows(page).get_by_role("button", name=re.compile("^Play")).click()
    expect(rows(page).get_by_role("button", name=re.compile("^Pause"))).to_be_visible()
    until(page, "document.querySelector('zhanr-player audio').currentTime > 0")
    expect(page.locator(".l-playing")).to_contain_text("<b>bold & loud")
    assert page.title() == "Library · zhanr"
    assert page.locator("main img, main bdi b, .c-two b").count() == 0


def test_plain_words_are_searched_for_and_back_goes_through_the_searches(open_page: NewPage) -> None:
    page = open_page("/library")
    filtered(page, "ask nobody")
    expect(page.locator(".l-status")).to_have_text("1 song")
    filtered(page, '"Odd one"')
    expect(rows(page)).to_contain_text("Odd one")
    page.locator(".l-bar", has_text="rock").click()
    expect(page.locator(".l-bar", has_text="rock")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.locator(".l-bar", has_text="rock")).to_have_attribute("aria-pressed", "false")
    page.go_back()
    expect(rows(page)).to_contain_text("Ask me")
    expect(page.get_by_role("combobox", name="Search")).to_have_value("ask nobody")


def test_a_row_opens_and_a_word_on_it_is_seen_and_taken_back(open_page: NewPage, library: Path) -> None:
    page = open_page("/library?q=calmer")
    rows(page).click()
    panel = page.get_by_role("dialog", name="Calmer one")
    expect(panel).to_contain_text("zhanr says blues")
    panel.get_by_role("button", name="reggae", exact=True).click()
    expect(panel).to_contain_text("Your word: reggae")
    expect(rows(page)).to_contain_text("reggaeyours")
    assert stored(library, "calmer") == "reggae"
    page.reload()
    rows(page).click()
    panel.get_by_role("button", name="Take your word back").click()
    expect(rows(page)).to_contain_text("blues")
    assert stored(library, "calmer") is None
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_a_style_is_seen_and_leads_to_its_songs(open_page: NewPage) -> None:
    page = open_page("/library?q=calmer")
    expect(rows(page)).to_contain_text("delta blues")
    rows(page).click()
    page.get_by_role("dialog").get_by_role("link", name="delta blues").click()
    expect(page.get_by_role("combobox", name="Search")).to_have_value('style="delta blues"')
    expect(page.locator(".l-status")).to_have_text("1 song")


def test_many_rows_are_chosen_corrected_restored_and_taken_along(open_page: NewPage, library: Path) -> None:
    page = open_page("/library?q=path~/review/calm")
    for name in ("Calm one", "Calmer one"):
        page.get_by_role("checkbox", name=f"Choose {name}").check()
    expect(page.locator(".s-count")).to_have_text("2 songs")
    page.get_by_label("Genre for the chosen songs").fill("jazz")
    page.get_by_role("button", name="Correct").click()
    expect(rows(page).first).to_contain_text("jazzyours")
    assert [stored(library, name) for name in ("calm", "calmer")] == ["jazz", "jazz"]
    page.get_by_role("button", name="Take back").click()
    expect(rows(page).first).to_contain_text("metal")
    assert [stored(library, name) for name in ("calm", "calmer")] == [None, None]
    page.get_by_role("checkbox", name="All songs of this list").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Playlist").click()
    assert download.value.path().read_text("utf-8").splitlines()[2::2] == ["/review/calm.mp3", "/review/calmer.mp3"]
    page.get_by_role("button", name="Plan tags").click()
    expect(page.get_by_label("Which songs")).to_have_value("path~/review/calm")


def test_the_player_goes_on_closes_and_hides_nothing(open_page: NewPage, folder: Path) -> None:
    page = open_page(f"/library?q=path~{folder.name}")
    rows(page).first.get_by_role("button", name=re.compile("^Play")).click()
    player = page.get_by_role("region", name="Player")
    first = player.locator(".l-playing").inner_text()
    player.get_by_role("button", name="Next song").click()
    expect(player.locator(".l-playing")).not_to_have_text(first)
    player.get_by_role("button", name="Previous song").click()
    expect(player.locator(".l-playing")).to_have_text(first)
    player.get_by_label("Position").fill("12")
    until(page, "document.querySelector('zhanr-player audio').currentTime >= 12")
    below = "scrollTo(0, 1e6); document.querySelector('main').getBoundingClientRect().bottom"
    assert page.evaluate(below) <= player.evaluate("node => node.getBoundingClientRect().top")
    player.get_by_role("button", name="Close the player").click()
    expect(player).to_be_hidden()


def test_a_change_by_another_program_is_announced(open_page: NewPage, library: Path) -> None:
    page = open_page("/library?q=path~/broken/")
    expect(rows(page)).to_have_count(1)
    with Library.open(library) as opened:
        opened.correct("/broken/noise.mp3", "rock")
    page.get_by_role("button", name="Show it as it is now").click()
    expect(rows(page).first).to_contain_text("rockyours")
    with Library.open(library) as opened:
        opened.correct("/broken/noise.mp3", None)


def test_without_a_library_the_pages_say_how_to_get_one(open_page: NewPage, library: Path) -> None:
    away = library.with_name("away.sqlite")
    library.rename(away)
    try:
        page = open_page("/library")
        for name in ("Library", "Review", "Tags", "Map"):
            page.get_by_role("navigation").get_by_role("link", name=name).click()
            expect(page.get_by_role("heading", level=1)).to_have_text(name)
            expect(page.get_by_role("button", name="Scan a folder …")).to_be_visible()
    finally:
        away.rename(library)


# -- the review


def test_the_review_by_keyboard(open_page: NewPage, library: Path) -> None:
    page = open_page("/review")
    page.get_by_role("searchbox", name="Filter").fill("path~/review/")
    page.keyboard.press("Enter")
    live, title = page.get_by_role("status").first, page.locator(".r-card h2")
    expect(live).to_have_text("2 songs need your ear; 2 others after them.")
    expect(title).to_have_text("Ask me")
    page.keyboard.press("a")  # the likeliest
    expect(live).to_contain_text("Ask me: accepted as pop. Next: Odd one, rock, 80 %.")
    expect(page.locator(".r-doubts")).to_contain_text("its tag says Jazz")
    assert stored(library, "ask") == "pop"
    page.keyboard.press("6")
    expect(live).to_contain_text("Odd one: is now jazz. Next: Calm one")
    assert stored(library, "odd") == "jazz"
    page.keyboard.press("s")
    expect(live).to_contain_text("Calm one: skipped")
    page.keyboard.press("c")
    page.keyboard.type("Samba rock")  # letters are no keys here
    page.keyboard.press("Enter")
    expect(live).to_contain_text("Calmer one: is now Samba rock. That was the last song.")
    assert (stored(library, "calm"), stored(library, "calmer")) == (None, "Samba rock")
    for expected in ("Calmer one", "Calm one", "Odd one"):
        page.keyboard.press("u")
        expect(title).to_have_text(expected)
    expect(live).to_contain_text("Taken back: Odd one")
    assert [stored(library, name) for name in ("ask", "odd", "calmer")] == ["pop", None, None]
    page.keyboard.press("Enter")  # a key that also sends forms accepts nothing
    page.keyboard.press("a")
    expect(live).to_contain_text("Odd one: accepted as rock")
    expect(title).to_have_text("Calm one")
    assert (stored(library, "odd"), stored(library, "calm")) == ("rock", None)
    page.reload()  # what was done can still be undone
    expect(title).to_be_visible()
    page.keyboard.press("u")
    expect(live).to_contain_text("Taken back: Odd one")
    page.keyboard.press("u")
    expect(live).to_contain_text("Taken back: Ask me")
    page.keyboard.press("u")
    expect(live).to_have_text("There is nothing to undo.")
    assert stored(library, "ask") is None


# -- tags


def test_tags_plan_edit_try_write_and_take_back(open_page: NewPage, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    page = open_page("/tags")
    page.get_by_label("Which songs").fill(f'path~"{folder}"')
    page.get_by_role("button", name="Make a plan").click()
    live = page.locator("zhanr-tags .l-status")
    expect(live).to_have_text("4 files to write, 0 left alone.")
    sums = page.get_by_role("list", name="Genres to write")
    expect(sums.get_by_role("listitem")).to_have_count(4)
    expect(page.get_by_role("button", name="Write…")).to_be_disabled()
    row = rows(page).filter(has_text="country.ogg")
    row.get_by_role("checkbox").uncheck()
    expect(live).to_contain_text("3 files to write")
    genre = rows(page).filter(has_text="disco.m4a").get_by_role("textbox")
    genre.fill("Disco; Italo")
    genre.press("Enter")
    page.get_by_role("button", name="Try, without writing").click()
    expect(live).to_have_text("Tried, nothing was written: 3 would be written.")
    assert {path: path.read_bytes() for path in before} == before
    page.get_by_role("button", name="Write…").click()
    expect(page.get_by_role("dialog")).to_contain_text("Write genres into 3 files?")
    page.get_by_role("dialog").get_by_role("button", name="Write").click()
    expect(live).to_have_text("Done: 3 written.")
    written = {path.name: read_genres(path) for path in before}
    assert written == {
        "classical.flac": ("Classical",),
        "disco.m4a": ("Disco", "Italo"),
        "country.ogg": (),
        HOSTILE: ("Jazz",),
    }
    page.get_by_role("region", name="Earlier runs").get_by_role("button", name="Undo").click()
    page.get_by_role("dialog").get_by_role("button", name="Take back").click()
    expect(live).to_have_text("Taken back: 3 restored.")
    expect(page.get_by_role("region", name="Earlier runs")).to_contain_text("taken back")
    assert {path: path.read_bytes() for path in before} == before


def test_files_that_cannot_be_written_say_why(open_page: NewPage) -> None:
    page = open_page("/tags")
    page.get_by_label("Which songs").fill("path~/many/0000")
    page.get_by_role("button", name="Make a plan").click()
    live = page.locator("zhanr-tags .l-status")
    expect(live).to_have_text("0 files to write, 0 left alone, 10 problems.")
    expect(rows(page).first).to_contain_text("there is no such file or folder")
    page.get_by_label("Which songs").fill("=nonsense")
    page.get_by_role("button", name="Make a plan").click()
    expect(page.get_by_role("alert").first).to_contain_text("is no filter")


# -- the map


def test_pointing_at_the_map_says_what_it_is_and_stays_right_while_one_zooms(open_page: NewPage) -> None:
    page = open_page("/map")
    expect(page.locator("zhanr-map")).to_have_attribute("data-ready", "true")
    where = page.locator("zhanr-map").evaluate("map => { const [x, y] = map.where(map.ids[0]); return { x, y }; }")
    page.locator("canvas").hover(position=where)
    tip = page.locator(".m-tip")
    expect(tip).to_be_visible()
    assert page.evaluate("document.querySelector('zhanr-player audio').paused")  # nobody has asked for sound
    page.mouse.wheel(0, -300)  # the point stays below the pointer, and what is said of it beside it
    expect(tip).to_be_visible()
    page.get_by_role("button", name="Show the whole map").click()
    expect(tip).to_be_hidden()
    assert page.locator("zhanr-map").evaluate("map => map.view.zoom") == 1


def test_the_player_never_lies_over_the_buttons_of_the_map(open_page: NewPage) -> None:
    page = open_page("/map", viewport={"width": 1280, "height": 720})
    expect(page.locator("zhanr-map")).to_have_attribute("data-ready", "true")
    page.locator("canvas").press("ArrowRight")
    page.locator(".m-side").get_by_role("button", name="Play", exact=True).click()
    expect(page.locator(".l-player")).to_be_visible()
    for name in ("Zoom in", "Zoom out", "Show the whole map"):
        page.get_by_role("button", name=name).click(trial=True, timeout=5000)


def test_the_map_plays_what_one_points_at_and_keys_go_around(open_page: NewPage, folder: Path) -> None:
    page = open_page("/map")
    expect(page.locator("zhanr-map")).to_have_attribute("data-ready", "true")
    expect(page.locator("zhanr-map .l-status")).to_have_text("4 songs")
    page.get_by_label("Play what I point at").check()
    where = "map => { const [x, y] = map.where(map.ids[0]); return { x, y }; }"
    page.locator("canvas").hover(position=page.locator("zhanr-map").evaluate(where))
    expect(page.locator(".m-tip")).to_be_visible()
    until(page, "document.querySelector('zhanr-player audio').currentTime > 0")
    page.locator("canvas").click(position=page.locator("zhanr-map").evaluate(where))
    heading = page.locator(".m-side h2")
    expect(heading).to_have_text(sorted(path.stem for path in folder.iterdir())[0])
    expect(page.locator(".m-near li")).to_have_count(3)
    page.locator(".m-near .m-go").first.click()
    expect(heading).not_to_have_text(sorted(path.stem for path in folder.iterdir())[0])
    page.locator("canvas").focus()
    seen = set()
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown") * 2:
        page.keyboard.press(key)
        seen.add(heading.inner_text())
    assert len(seen) > 1
    page.locator(".m-legend button").first.click()
    expect(page.locator(".m-legend button").first).to_have_attribute("aria-pressed", "false")


# -- all of them


@pytest.mark.parametrize("path", ["/library", "/review", "/tags", "/map"])
def test_on_a_phone_nothing_is_cut_off_or_pale_in_light_or_dark(open_page: NewPage, path: str) -> None:
    page = open_page(path, viewport={"width": 375, "height": 720})
    page.wait_for_selector(".t-row, .r-card h2, .g-form, [data-ready=true] canvas")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        assert page.evaluate(FITS)
        assert page.evaluate(CONTRAST) == []
