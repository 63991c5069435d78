"""The documents of the pages: what they hold, what they may load, and what a browser is shown of an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from live_app import live, problem
from tiny import LABELS, tiny_model
from zhanr.app.assets import STATIC, prefix
from zhanr.app.pages import PAGES, Page
from zhanr.app.settings import Settings

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("pages")
    with live(Settings(model=str(tiny_model(folder / "tiny.onnx")), library=folder / "no.sqlite")) as running:
        yield running.client


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_a_document_with_its_element_and_its_script(client: httpx.Client, page: Page) -> None:
    text = client.get(page.path, headers=PAGE).text
    assert page.element in text
    assert text.count("<main") == 1
    assert f'<a href="{page.path}" data-title="{page.title}" aria-current="page">' in text
    assert (STATIC / f"{page.name.lower()}.js").is_file()
    found = re.search(r'data-settings="([^"]*)"', text)
    assert found is not None
    assert json.loads(unescape(found[1]))["genres"] == list(LABELS)


def test_a_document_asks_for_all_scripts_at_once(client: httpx.Client) -> None:
    named = set(re.findall(r'modulepreload" href="[^"]+/([^"/]+)"', client.get("/", headers=PAGE).text))
    assert {"app.js", "listen.js", "song_store.js", "record.js"} <= named
    assert "draw.js" not in named  # waits for the first song
    for name in named:
        needed = re.findall(r'from "\./([^"]+)"', (STATIC / name).read_text("utf-8"))
        assert set(needed) <= named, name


def test_nothing_in_a_document_needs_an_exception_from_the_policy(client: httpx.Client) -> None:
    response = client.get("/", headers=PAGE)
    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src 'self';" in policy
    assert not re.search(r"<style|style=|<script(?![^>]*src=)| on\w+=", response.text)


def test_what_a_document_names_is_there_and_never_changes(client: httpx.Client) -> None:
    text = client.get("/").text
    names = re.findall(r'"(/assets/[^"]+)"', text)
    assert len(names) > 4
    for name in names:
        plain = client.get(name, headers={"Accept-Encoding": "identity"})
        packed = client.get(name, headers={"Accept-Encoding": "gzip"})
        assert plain.status_code == 200, name
        assert "immutable" in plain.headers["cache-control"]
        assert (packed.headers["content-encoding"], packed.content) == ("gzip", plain.content)
        assert int(packed.headers["content-length"]) < len(plain.content)
    assert client.get("/").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.js", "../pages.py", "..%2fpages.py", "demo", "base.css"])
def test_nothing_else_is_served_with_them(client: httpx.Client, name: str) -> None:
    assert client.get(f"{prefix()}/{name}").status_code == 404
    assert client.get(f"/assets/of-another-version/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/", "/library", prefix() + "/app.js", "/api/v1/health", "/library/version"])
def test_head_is_get_without_its_body(client: httpx.Client, path: str) -> None:
    head, whole = client.head(path), client.get(path)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-type", "content-length"):
        assert head.headers[name] == whole.headers[name]


def test_an_unknown_address_is_a_page_for_a_browser_and_a_problem_for_a_program(client: httpx.Client) -> None:
    response = client.get("/nowhere", headers=PAGE)
    assert response.status_code == 404
    assert "There is no such page" in response.text
    assert 'href="/"' in response.text
    assert problem(client.get("/nowhere"), 404) == "Not Found"
    assert problem(client.get("/media/uploads/none"), 404)
    assert problem(client.get("/api/v1/nowhere", headers=PAGE), 404)


def test_the_description_of_the_interface_is_a_page_like_the_others(client: httpx.Client) -> None:
    response = client.get("/api/v1/docs")
    assert response.headers["content-type"].startswith("text/html")
    assert response.text.count("<main") == 1
    assert "/api/v1/classify" in response.text


def test_no_line_of_a_script_is_longer_than_the_house_allows() -> None:
    for path in sorted(Path(STATIC).glob("*.js")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            assert len(line) <= 120, f"{path.name}:{number} has {len(line)} columns"
