"""The pages for people: one document (`page.html`), and a table of what there is.

A page is a custom element of `static/`, which gets what it shows from the routers beside this file. The table is all
that the server knows of it; `static/app.js` finds the element and its script by the page's name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from zhanr import settings as preferences
from zhanr.app import assets
from zhanr.app.palette import NOT_SURE, colours
from zhanr.app.problems import Problem
from zhanr.app.state import State
from zhanr.explain import bin_hertz
from zhanr.tags.policy import Policy

DOCUMENT = Template(Path(__file__).with_name("page.html").read_text("utf-8"))


@dataclass(frozen=True)
class Page:
    """A page: where it is, and what the navigation calls it. Its element is `zhanr-` and the name in small letters."""

    path: str
    name: str

    @property
    def title(self) -> str:
        """The title of its document."""
        return "zhanr" if self.path == "/" else f"{self.name} · zhanr"

    @property
    def element(self) -> str:
        """The markup of its element, which is empty until its script has come."""
        return f"<zhanr-{self.name.lower()}></zhanr-{self.name.lower()}>"


PAGES = (
    Page("/", "Listen"),
    Page("/library", "Library"),
    Page("/review", "Review"),
    Page("/tags", "Tags"),
    Page("/map", "Map"),
)


def router(state: State) -> APIRouter:
    """The routes of the pages."""
    routes = APIRouter(include_in_schema=False)
    for page in PAGES:
        routes.add_api_route(page.path, _answering(state, page))
    return routes


def document(state: State, title: str, content: str, current: Page | None = None) -> str:
    """A whole document in the frame that all pages share; `content` is markup."""
    return DOCUMENT.substitute(
        title=escape(title),
        content=content,
        links="\n".join(_link(page, current) for page in PAGES),
        assets=assets.prefix(),
        modules="\n".join(f'<link rel="modulepreload" href="{assets.prefix()}/{name}">' for name in _modules(current)),
        settings=escape(json.dumps(settings(state), ensure_ascii=False), quote=True),
    )


def settings(state: State) -> dict[str, object]:
    """What the scripts must know of the server and its model."""
    features = state.card.features
    return {
        "genres": list(state.card.labels),
        "styles": [style.name for style in state.card.styles],
        "colours": colours(state.card.labels),
        "not_sure": NOT_SURE,
        "hertz": None if features.kind == "mfcc" else [round(float(f), 1) for f in bin_hertz(features)],
        "threshold": Policy.threshold,
        "by": preferences.text("by"),
        "max_bytes": state.settings.max_bytes,
        "local": state.settings.is_local,
        "server": True,
        "scan": _scan_command(state),
        "model": state.bundle.sha256[:8],
        "expected": _expected(state),
    }


def _expected(state: State) -> dict[str, float] | None:
    """What the precision that was asked for brings, by the model's card."""
    if state.settings.precision is None:
        return None
    point = state.card.point(state.settings.precision)
    return {"precision": point.precision, "answered": point.answered, "right": point.right}


def error_page(state: State) -> Callable[[Problem], Response]:
    """What a browser shows of an error where it asked for a page."""

    def page(problem: Problem) -> Response:
        missing = problem.status == 404
        title = "There is no such page" if missing else HTTPStatus(problem.status).phrase
        detail = "Perhaps its address was mistyped." if missing else problem.detail
        content = (
            f'<section class="z-error"><h1 class="l-title">{escape(title)}</h1><p>{escape(detail)}</p>'
            '<p><a class="z-button primary" href="/">To the first page</a></p></section>'
        )
        return HTMLResponse(document(state, f"{title} · zhanr", content), problem.status, problem.headers)

    return page


def _modules(page: Page | None) -> list[str]:
    """The scripts that a document needs, for the browser to ask for at once, and not for one after the other."""
    return assets.scripts("app.js", *([] if page is None else [f"{page.name.lower()}.js"]))


def _answering(state: State, page: Page) -> Callable[[], Response]:
    def answer() -> Response:
        return HTMLResponse(document(state, page.title, page.element, page))

    return answer


def _link(page: Page, current: Page | None) -> str:
    here = ' aria-current="page"' if page == current else ""
    return f'<a href="{page.path}" data-title="{escape(page.title)}"{here}>{page.name}</a>'


def _scan_command(state: State) -> str:
    """What to type to scan a folder into this library."""
    chosen = state.settings.library
    return "zhanr scan FOLDER" if chosen is None else f'zhanr scan FOLDER --library "{chosen}"'
