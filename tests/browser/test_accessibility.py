"""axe-core over every page, in light and dark, on a phone and on a large screen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import DEMO, PATIENCE, ROOT, NewPage

expect.set_options(timeout=PATIENCE)
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
SIZES = [(375, 800), (1440, 900)]
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]
PAGES = {
    "/library": ".t-row",
    "/review": ".r-card h2",
    "/tags": "form",
    "/map": "canvas",
    "/api/v1/docs": "h1",
    "/nowhere": ".z-error",
}
SETTLE = """() => new Promise((done) => {
  for (const animation of document.getAnimations()) animation.finish();
  requestAnimationFrame(() => requestAnimationFrame(done));
})"""
RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) => [id, nodes.map((n) => [n.html.slice(0, 160), n.failureSummary])]);
}"""


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.is_file():
        message = "needs axe-core (make web/node_modules/.package-lock.json)"
        if os.environ.get("ZHANR_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return AXE.read_text("utf-8")


def violations(page: Page, axe: str) -> list[Any]:
    """What axe finds in a page as it stands, in light and in dark."""
    page.evaluate(axe)
    found: list[Any] = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for _ in range(5):  # a colour that is inherited begins to change when its parent's has changed
            page.evaluate(SETTLE)
        found += [(scheme, violation) for violation in page.evaluate(RUN)]
    return found


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("path", PAGES)
def test_a_page(new_page: NewPage, axe: str, path: str, size: tuple[int, int]) -> None:
    page = new_page(path, viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    page.wait_for_selector(PAGES[path])
    assert violations(page, axe) == []


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_dialog_that_chooses_a_folder(new_page: NewPage, axe: str, size: tuple[int, int]) -> None:
    page = new_page("/library", viewport={"width": size[0], "height": size[1]})
    page.get_by_role("button", name="Scan a folder").click()
    expect(page.locator(".f-list li").first).to_be_visible()
    assert violations(page, axe) == []


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_first_page_in_all_its_states(new_page: NewPage, axe: str, size: tuple[int, int], tmp_path: Path) -> None:
    page = new_page(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    page.wait_for_selector("zhanr-listen[data-ready]")
    assert violations(page, axe) == []
    page.set_input_files("#files", [DEMO / "disco.m4a", DEMO / "rock.aiff"])
    expect(page.locator(".song .genre")).to_have_count(2)
    page.get_by_role("button", name="Why disco?").click()
    expect(page.locator(".strongest li")).to_have_count(3)
    assert violations(page, axe) == []
    bad = tmp_path / "bad.mp3"
    bad.write_text("just words")
    page.set_input_files("#files", [DEMO / "jazz.wav", bad])
    expect(page.locator(".s-row[aria-busy=false]")).to_have_count(4)
    page.locator(".s-toggle", has_text="jazz.wav").click()
    expect(page.locator(".s-row canvas.picture")).to_be_visible()
    assert violations(page, axe) == []
    page.get_by_role("button", name="Remove all…").click()
    assert violations(page, axe) == []
