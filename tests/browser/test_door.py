"""A person at the door of a server with a token, with the headers that a real browser sends."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from live_app import live
from tiny import tiny_model
from zhanr.app.door import WRONG
from zhanr.app.settings import Settings

TOKEN = "naïve Жанр & co"


def test_the_token_is_typed_and_stays_in_no_address(chromium: Browser, tmp_path: Path) -> None:
    settings = Settings(model=str(tiny_model(tmp_path / "tiny.onnx")), library=tmp_path / "none.sqlite", token=TOKEN)
    context = chromium.new_context()
    with live(settings) as server, context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/library?q=jazz&token=guess")
        assert page.inner_text("#wrong") == WRONG
        assert "guess" not in page.url
        page.fill("#token", "another")
        page.click("button")
        page.wait_for_url("**/token")
        assert page.inner_text("#wrong") == WRONG
        page.fill("#token", TOKEN)
        page.click("button")
        page.wait_for_url("**/library?q=jazz")
        assert page.title() == "Library · zhanr"
