"""The first page, as a person uses it: by mouse, by keyboard, on a phone, with good files and bad ones."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import DEMO, PATIENCE, NewPage

METAL, DISCO, AIFF = "метал.mp3", "disco.m4a", "rock.aiff"
expect.set_options(timeout=PATIENCE)

CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")
DROP = """([name, data]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));
  for (const type of ["dragenter", "dragover", "drop"])
    document.querySelector(".z-bar").dispatchEvent(
      new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def home(new_page: NewPage) -> Page:
    return ready(new_page())


def ready(page: Page) -> Page:
    page.wait_for_selector("zhanr-listen[data-ready]")
    return page


def add(page: Page, *names: str | Path) -> Locator:
    """Choose demo songs or files; gives their cards when all of them are done."""
    page.set_input_files("#files", [DEMO / name for name in names])
    expect(page.locator(".song")).to_have_count(len(names))
    expect(page.locator(".song[aria-busy=false]")).to_have_count(len(names))
    return page.locator(".song")


def position(card: Locator) -> int:
    return int(card.get_by_role("slider").get_attribute("aria-valuenow") or -1)


def test_a_dropped_song_gets_its_genre(home: Page) -> None:
    data = base64.b64encode((DEMO / METAL).read_bytes()).decode()
    home.evaluate(DROP, [METAL, data])
    card = home.get_by_role("article", name=METAL)
    expect(card.locator(".genre")).to_have_text("metal")
    expect(card.locator(".sure")).to_have_text(re.compile(r"9\d %$"))
    expect(card.get_by_role("list", name="The likeliest genres").get_by_role("listitem")).to_have_count(5)
    expect(home.get_by_role("status").filter(has_text=f"{METAL}: metal")).to_be_visible()
    expect(home.locator("#drop")).to_be_hidden()


def test_a_song_of_which_the_model_is_not_sure(home: Page) -> None:
    card = add(home, AIFF)
    expect(card.locator(".genre")).to_have_text("not sure")
    expect(card.locator(".verdict .reason")).to_contain_text("probability of only")


def test_a_click_on_the_timeline_seeks(home: Page) -> None:
    card = add(home, METAL)
    plot = card.get_by_role("slider")
    box = plot.bounding_box()
    assert box is not None
    plot.click(position={"x": box["width"] / 2, "y": box["height"] - 40})
    expect(card.locator(".time")).to_have_text("0:15 / 0:30")
    assert position(card) == 15
    assert plot.get_attribute("aria-valuetext") == "0:15 of 0:30, metal"
    card.get_by_role("button", name="Play", exact=True).click()
    expect(card.locator(".time")).to_have_text(re.compile("^0:1[678]"))  # the position moves
    card.get_by_role("button", name="Pause").click()
    expect(card.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_all_pictures_are_drawn(home: Page) -> None:
    card = add(home, METAL)
    for name in ("rest", "played", "picture", "moments", "axis", "scale"):
        canvas = card.locator(f"canvas.{name}")
        assert distinct_colours(canvas) > 1, name
    assert distinct_colours(card.locator("canvas.picture")) > 50


def distinct_colours(canvas: Locator) -> int:
    script = """(c) => {
        const copy = Object.assign(document.createElement("canvas"), { width: c.width, height: c.height });
        const context = copy.getContext("2d", { willReadFrequently: true });
        context.drawImage(c, 0, 0);
        return new Set(new Uint32Array(context.getImageData(0, 0, c.width, c.height).data.buffer)).size;
    }"""
    return int(canvas.evaluate(script))


def test_why_points_at_frequencies_and_moments(home: Page) -> None:
    card = add(home, DISCO)
    assert distinct_colours(card.locator("canvas.reasons")) == 1
    why = card.get_by_role("button", name="Why disco?")
    why.click()
    reasons = card.locator(".strongest li")
    expect(reasons).to_have_count(3)
    expect(reasons.first).to_have_text(re.compile(r"^\d:\d\d to \d:\d\d, (below|above)? ?[\d.]+ k?Hz"))
    expect(card.locator(".legend")).to_contain_text("spoke against it")
    expect(why).to_have_attribute("aria-pressed", "true")
    assert distinct_colours(card.locator("canvas.reasons")) > 50
    reasons.first.get_by_role("button").click()
    assert position(card) > 0
    why.click()
    expect(card.locator(".panel")).to_be_hidden()
    assert distinct_colours(card.locator("canvas.reasons")) == 1


def test_a_bad_file_gets_a_card_that_says_why(home: Page, tmp_path: Path) -> None:
    bad, empty = tmp_path / "no <b>music.mp3", tmp_path / "empty.wav"
    bad.write_text("just words")
    empty.touch()
    cards = add(home, bad, METAL, empty)
    expect(cards.nth(0)).to_contain_text("no <b>music.mp3")  # and no markup of a stranger's
    expect(cards.nth(0)).to_contain_text("This is not a music file")
    expect(cards.nth(1).locator(".genre")).to_have_text("metal")
    expect(cards.nth(2)).to_contain_text("The file is empty.")
    expect(home.get_by_role("status")).to_contain_text("no answer")


def test_a_person_without_a_song_learns_what_it_knows_and_tries_ours(home: Page) -> None:
    known = home.locator(".known li")
    assert "disco" in known.all_inner_texts()
    expect(home.get_by_role("heading", name=f"The {known.count()} genres it knows")).to_be_visible()
    expect(home.get_by_role("link", name="REST interface")).to_have_attribute("href", "/api/v1/docs")
    home.get_by_role("button", name="Metal").click()
    expect(home.locator(".song .genre")).to_have_text("metal")
    expect(home.locator(".about")).to_be_hidden()


def test_a_refused_microphone_says_so_where_it_can_be_seen(new_page: NewPage) -> None:
    page = new_page()
    refuse = "() => Promise.reject(new DOMException('', 'NotAllowedError'))"
    page.add_init_script(f"navigator.mediaDevices.getUserMedia = {refuse}")
    page.reload()
    ready(page).locator("#record").click()
    expect(page.get_by_role("alert")).to_contain_text("The microphone may not be used")
    expect(page.get_by_role("alert")).to_be_in_viewport()


def test_a_server_that_is_away_is_said_in_our_words(home: Page) -> None:
    card = add(home, DISCO)
    home.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('Failed to fetch')); }")
    card.get_by_role("button", name="Why disco?").click()
    expect(card.locator(".panel")).to_contain_text("The server can’t be reached. Is zhanr still running?")


def test_a_file_that_is_dropped_on_another_page_is_heard(new_page: NewPage) -> None:
    page = new_page("/tags")
    page.wait_for_selector("form")
    data = base64.b64encode((DEMO / DISCO).read_bytes()).decode()
    page.evaluate(DROP, [DISCO, data])
    expect(page.locator(".song .genre")).to_have_text("disco")
    assert page.url.endswith("/")


def test_a_long_song_has_a_timeline_that_can_be_read(home: Page) -> None:
    moments = [
        {"start": 10 * i, "end": 10 * i + 10, "genre": g, "probabilities": {"jazz": p, "rock": 1 - p}}
        for i in range(360)
        for g, p in [("jazz", 0.9) if i % 3 else ("rock", 0.2)]
    ]
    script = """async (moments) => {
        const { merged } = await import(document.querySelector("script[type=module]").src.replace("app.js", "draw.js"));
        return merged(moments, 72).map((m) => [m.start, m.end, m.genre, m.probabilities.jazz]);
    }"""
    shown = home.evaluate(script, moments)
    assert (shown[0][0], shown[-1][1]) == (0, 3600)
    assert all(end - start >= 60 for start, end, *_ in shown[:-1])
    assert {genre for _, _, genre, _ in shown} == {"jazz"}
    assert all(0.5 < p < 0.8 for *_, p in shown)


def test_two_people_see_only_their_own_songs(new_page: NewPage) -> None:
    one, two = ready(new_page()), ready(new_page())
    one.set_input_files("#files", DEMO / METAL)
    two.set_input_files("#files", DEMO / DISCO)
    expect(one.locator(".song .genre")).to_have_text(["metal"])
    expect(two.locator(".song .genre")).to_have_text(["disco"])
    assert METAL not in two.content()
    assert DISCO not in one.content()


def add_and_find(page: Page) -> str:
    """Add a song; gives the address of its upload."""
    with page.expect_request(re.compile("/analysis$")) as asked:
        add(page, METAL)
    url = asked.value.url.removesuffix("/analysis")
    assert page.request.get(url).ok
    return url


def test_a_closed_song_is_deleted(home: Page) -> None:
    url = add_and_find(home)
    with home.expect_response(lambda r: r.request.method == "DELETE"):
        home.get_by_role("button", name=f"Close {METAL}").click()
    expect(home.locator(".song")).to_have_count(0)
    assert home.request.get(url).status == 404


def test_a_format_that_the_browser_does_not_know_plays(home: Page) -> None:
    card = add(home, "reggae.wma")
    card.get_by_role("slider").press("ArrowRight")
    card.get_by_role("button", name="Play", exact=True).click()
    expect(card.locator(".time")).to_have_text(re.compile("^0:0[6-9]"))


def test_similar_songs_of_the_library(home: Page) -> None:
    card = add(home, "hiphop.opus")
    similar = card.locator(".similar li")
    expect(similar).to_have_count(3)
    button = similar.filter(has_text="classical").get_by_role("button")
    button.click()
    expect(button).to_have_attribute("aria-label", re.compile("^Pause"))


def test_everything_can_be_done_by_keyboard(home: Page) -> None:
    tab_to(home, "Choose songs")
    with home.expect_file_chooser() as chooser:
        home.keyboard.press("Enter")
    chooser.value.set_files(DEMO / METAL)
    card = home.locator(".song[aria-busy=false]")
    expect(card).to_have_count(1)
    tab_to(home, "Play")
    home.keyboard.press("Space")
    expect(card.get_by_role("button", name="Pause")).to_be_focused()
    home.keyboard.press("Space")
    tab_to(home, "Why metal?")
    home.keyboard.press("Enter")
    expect(card.locator(".legend")).to_be_visible()
    tab_to(home, f"Position in {METAL}")
    home.keyboard.press("Home")
    assert position(card) == 0
    home.keyboard.press("ArrowRight")
    home.keyboard.press("ArrowRight")
    home.keyboard.press("ArrowLeft")
    home.keyboard.press("Shift+ArrowRight")
    assert position(card) == 6
    home.keyboard.press("End")
    assert position(card) in (29, 30)
    tab_to(home, f"Close {METAL}", backwards=True)
    home.keyboard.press("Enter")
    expect(card).to_have_count(0)
    expect(home.get_by_role("button", name="Choose songs")).to_be_focused()


def tab_to(page: Page, name: str, *, backwards: bool = False) -> None:
    """Press Tab until the element of that name has the focus, which must be visible."""
    script = """() => { const e = document.activeElement, s = getComputedStyle(e);
        return [e.getAttribute("aria-label") ?? e.textContent.trim(), s.outlineStyle, parseFloat(s.outlineWidth)] }"""
    for _ in range(40):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        label, style, width = page.evaluate(script)
        if label == name:
            assert (style, width >= 2) == ("solid", True), f"the focus on {name} can't be seen"
            return
    pytest.fail(f"{name} can't be reached by Tab")


def test_keys_reach_the_song_when_nothing_has_the_focus(home: Page) -> None:
    card = add(home, METAL)
    home.evaluate("document.activeElement.blur()")
    home.keyboard.press("ArrowRight")
    assert position(card) == 5
    home.keyboard.press("Space")
    expect(card.get_by_role("button", name="Pause")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 375)])
def test_text_stands_out_and_fits(new_page: NewPage, scheme: str, width: int, tmp_path: Path) -> None:
    """In every state of the page: contrast as WCAG's level AA wants it, and nothing to scroll sideways."""
    page = ready(new_page(color_scheme=scheme, viewport={"width": width, "height": 800}))
    fits = "document.documentElement.scrollWidth === innerWidth"
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(fits)
    bad = tmp_path / f"{'very' * 40}long.mp3"
    bad.write_text("just words")
    cards = add(page, bad, METAL, AIFF)
    cards.nth(1).get_by_role("button", name="Why metal?").click()
    expect(cards.nth(1).locator(".legend")).to_be_visible()
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(fits)


def test_light_and_dark_follow_the_system_and_the_switch(new_page: NewPage) -> None:
    page = ready(new_page(color_scheme="dark"))
    html, switch = page.locator("html"), page.get_by_role("button", name="Switch between light and dark")
    expect(html).to_have_attribute("data-theme", "dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="light")
    expect(html).to_have_attribute("data-theme", "light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    switch.click()
    expect(html).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(html).to_have_attribute("data-theme", "dark")  # the person's word counts, and stays


def test_ten_seconds_from_the_microphone(new_page: NewPage) -> None:
    page = ready(new_page(permissions=["microphone"]))
    button = page.locator("#record")
    expect(button).to_have_text("Record 10 seconds")
    button.click()
    expect(button).to_have_text("Listening, 8 s left")
    button.click()  # enough
    card = page.get_by_role("article", name=re.compile("^Recording"))
    expect(card).to_have_attribute("aria-busy", "false")
    expect(card.locator(".genre")).to_be_visible()
    expect(button).to_have_text("Record 10 seconds")
    card.get_by_role("slider").press("Shift+ArrowRight")  # a recording states no length, and can be sought in
    assert position(card) == 1
    card.get_by_role("button", name="Play", exact=True).click()
    expect(card.get_by_role("button", name="Pause")).to_be_visible()
    expect(card.get_by_role("button", name="Play", exact=True)).to_be_visible()  # it has an end


def test_a_browser_without_a_microphone_has_no_button_for_it(new_page: NewPage) -> None:
    page = new_page()
    page.add_init_script("delete window.MediaRecorder")
    page.reload()
    expect(ready(page).locator("#record")).to_be_hidden()


def test_every_control_has_a_name(home: Page) -> None:
    add(home, METAL)
    nameless = home.evaluate("""() => [...document.querySelectorAll("button, a, input, [role=slider], progress")]
        .filter((e) => !(e.getAttribute("aria-label") ?? e.textContent).trim()).map((e) => e.outerHTML)""")
    assert nameless == []
