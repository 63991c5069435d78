"""Songs stay: over other pages, Back, a reload and a restart of the server; many of them are a list."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import DEMO, PATIENCE, NewPage, serving

expect.set_options(timeout=PATIENCE)
MANY = ("jazz.wav", "disco.m4a", "метал.mp3", "rock.aiff")


def ready(page: Page) -> Page:
    page.wait_for_selector("zhanr-listen[data-ready]")
    return page


@pytest.fixture
def home(new_page: NewPage) -> Page:
    return ready(new_page())


@pytest.fixture
def listed(home: Page, tmp_path: Path) -> Page:
    """A page with more songs than are shown as cards, one of them broken."""
    bad = tmp_path / 'bad, "very".mp3'
    bad.write_text("just words")
    home.set_input_files("#files", [*(DEMO / name for name in MANY), bad])
    expect(home.locator(".s-row[aria-busy=false]")).to_have_count(5)
    return home


def names(page: Page) -> list[str]:
    return page.locator(".s-row:not([hidden]) .s-name").all_inner_texts()


def test_going_to_other_pages_and_back_keeps_songs_and_what_plays(home: Page) -> None:
    home.set_input_files("#files", DEMO / "disco.m4a")
    expect(home.locator(".song .genre")).to_have_text("disco")
    links = home.get_by_role("navigation")
    links.get_by_role("link", name="Library").click()
    expect(home.get_by_role("heading", level=1)).to_have_text("Library")
    assert home.title() == "Library · zhanr"
    home.go_back()
    expect(home.locator(".song .genre")).to_have_text("disco")
    assert home.title() == "zhanr"
    home.go_forward()
    expect(home.get_by_role("heading", level=1)).to_have_text("Library")
    links.get_by_role("link", name="Listen").click()
    expect(home.locator(".song canvas.picture")).to_be_visible()


def test_a_song_that_is_on_its_way_gets_its_answer_on_another_page(home: Page) -> None:
    home.set_input_files("#files", DEMO / "disco.m4a")
    home.get_by_role("navigation").get_by_role("link", name="Tags").click()
    expect(home.get_by_role("heading", level=1)).to_have_text("Tags")
    expect(home.locator("#live")).to_contain_text("disco.m4a: disco")
    home.get_by_role("navigation").get_by_role("link", name="Listen").click()
    expect(home.locator(".song .genre")).to_have_text("disco")


def test_a_reload_keeps_answer_pictures_sound_and_reasons(home: Page) -> None:
    home.set_input_files("#files", DEMO / "disco.m4a")
    home.get_by_role("button", name="Why disco?").click()
    expect(home.locator(".strongest li")).to_have_count(3)
    home.reload()
    card = ready(home).locator(".song")
    expect(card.locator(".genre")).to_have_text("disco")
    expect(card.locator("canvas.picture")).to_be_visible()
    card.get_by_role("button", name="Play", exact=True).click()
    expect(card.locator(".time")).to_have_text(re.compile("^0:0[1-9]"))
    card.get_by_role("button", name="Why disco?").click()
    expect(card.locator(".strongest li")).to_have_count(3)


def test_after_a_restart_the_answers_are_there_and_the_page_says_that_the_sound_is_not(
    new_page: NewPage, tmp_path: Path
) -> None:
    with serving(library=tmp_path / "no.sqlite") as address:
        page = ready(new_page(address=address))
        page.set_input_files("#files", DEMO / "disco.m4a")
        expect(page.locator(".song .genre")).to_have_text("disco")
        port = address.rpartition(":")[2]
    with serving("--port", port, library=tmp_path / "no.sqlite"):
        page.reload()
        card = ready(page).locator(".song")
        expect(card.locator(".genre")).to_have_text("disco")
        expect(card.locator(".silent")).to_contain_text("Add the file again")
        expect(card.get_by_role("button", name="Why disco?")).to_be_disabled()
        page.set_input_files("#files", DEMO / "disco.m4a")
        expect(card).to_have_count(1)  # the same song again takes its place
        expect(card.locator(".genre")).to_have_text("disco")
        expect(card.locator(".silent")).to_be_hidden()


def test_a_song_that_was_never_sent_says_so_after_a_reload(home: Page) -> None:
    home.route("**/media/uploads?**", lambda _: None)  # an upload that never ends
    home.set_input_files("#files", DEMO / "disco.m4a")
    expect(home.locator(".song .state")).to_contain_text("Uploading")
    home.once("dialog", lambda dialog: dialog.accept())  # the browser asks before it leaves
    home.reload()
    expect(ready(home).locator(".song .reason")).to_contain_text("left before the song was sent")


def test_closing_a_song_forgets_it(home: Page) -> None:
    home.set_input_files("#files", DEMO / "disco.m4a")
    expect(home.locator(".song .genre")).to_have_text("disco")
    home.get_by_role("button", name="Close disco.m4a").click()
    expect(home.locator(".song")).to_have_count(0)
    home.reload()
    ready(home)
    expect(home.locator(".song")).to_have_count(0)


def test_many_songs_are_a_list_that_sorts_filters_and_opens(listed: Page) -> None:
    expect(listed.locator(".s-summary")).to_have_text(re.compile(r"^5 songs, 1 \w+, \d not sure, 1 failed$"))
    assert names(listed) == [*MANY, 'bad, "very".mp3']
    listed.get_by_role("combobox", name="Order").select_option("Name")
    expect(listed.locator(".s-name").first).to_have_text('bad, "very".mp3')
    listed.get_by_role("combobox", name="Order").select_option("Most certain first")
    expect(listed.locator(".s-name").last).to_have_text('bad, "very".mp3')
    shown = listed.get_by_role("group", name="Show")
    shown.get_by_role("button", name="disco").click()
    expect(shown.get_by_role("button", name="disco")).to_have_attribute("aria-pressed", "true")
    expect(listed.locator(".s-row")).to_have_count(1)
    row = listed.locator(".s-row")
    row.get_by_role("button", name=re.compile("^disco.m4a")).click()
    expect(row.locator(".genre")).to_have_text("disco")
    expect(row.locator("canvas.picture")).to_be_visible()
    row.get_by_role("button", name=re.compile("^disco.m4a")).click()
    expect(row.locator(".song")).to_have_count(0)
    shown.get_by_role("button", name="failed").click()
    expect(listed.locator(".s-row .s-state")).to_contain_text("not a music file")


def test_the_list_can_be_saved(listed: Page) -> None:
    def saved(name: str) -> str:
        with listed.expect_download() as download:
            listed.get_by_role("button", name=f"Save as {name}").click()
        return Path(download.value.path()).read_text("utf-8")

    lines = saved("CSV").splitlines()
    assert lines[0].startswith("path,genre,confidence,")
    assert lines[-1].startswith('"bad, ""very"".mp3",,,')
    answers = json.loads(saved("JSON"))
    assert [answer["path"] for answer in answers] == [*MANY, 'bad, "very".mp3']
    assert answers[1]["genre"] == "disco"
    assert answers[4]["error"]
    assert saved("M3U").splitlines()[:3] == ["#EXTM3U", "#EXTINF:30,jazz.wav", "jazz.wav"]


def test_all_can_be_removed_but_not_by_accident(listed: Page) -> None:
    listed.get_by_role("button", name="Remove all…").click()
    dialog = listed.get_by_role("dialog")
    box = dialog.bounding_box()
    assert box is not None
    assert abs(box["x"] + box["width"] / 2 - 640) < 2  # in the middle
    dialog.get_by_role("button", name="Cancel").click()
    expect(listed.locator(".s-row")).to_have_count(5)
    listed.get_by_role("button", name="Remove all…").click()
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(listed.locator(".s-row")).to_have_count(0)
    expect(listed.get_by_role("button", name="Choose songs")).to_be_focused()


def test_new_songs_are_seen_wherever_the_page_was_scrolled_to(listed: Page) -> None:
    listed.set_viewport_size({"width": 1280, "height": 400})
    listed.locator(".s-row").last.scroll_into_view_if_needed()
    listed.evaluate("scrollTo(0, document.body.scrollHeight)")
    listed.set_input_files("#files", DEMO / "blues.mp3")
    expect(listed.locator(".s-row .s-name", has_text="blues.mp3")).to_be_in_viewport()
