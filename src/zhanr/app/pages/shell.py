"""What all pages share: the head of the document, the bar with the links, the switch between light and dark.

    with shell(state, "Library"):
        ui.label("...")

Colours, lengths and type are custom properties of `static/base.css`; a page adds its own sheet by its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nicegui import app, ui

from zhanr import __version__
from zhanr.app.state import State

STATIC = Path(__file__).parents[1] / "static"
LINKS = {"Listen": "/", "Library": "/library", "Review": "/review", "Tags": "/tags", "Map": "/map"}
HOUR = 3600.0


def register() -> None:
    """Serve the style sheets and scripts of the pages."""
    app.add_static_files("/assets", STATIC, max_cache_age=0)  # asked for again each time, answered "not modified"


@contextmanager
def shell(state: State, title: str, *, assets: tuple[str, ...] = ()) -> Iterator[None]:
    """The frame of a page; `assets` are further files of `static`, sheets (.css) and modules (.js)."""
    del state
    ui.page_title("zhanr" if title == "Listen" else f"{title} · zhanr")
    # before anything is drawn, so that nothing flashes: not a module, which would wait for the document
    ui.add_head_html(f'<script src="/assets/theme.js?{__version__}"></script>')
    for name in ("base.css", *assets):
        url = f"/assets/{name}?{__version__}"
        is_sheet = name.endswith(".css")
        ui.add_head_html(
            f'<link rel="stylesheet" href="{url}">' if is_sheet else f'<script type="module" src="{url}"></script>'
        )
    with ui.element("a").props('href="#main"').classes("z-skip"):
        ui.html("Skip to the content", sanitize=False, tag="span")
    _bar(title)
    with ui.element("main").props('id="main" tabindex="-1"').classes("z-main"):
        yield


def _bar(current: str) -> None:
    with ui.element("header").classes("z-bar"):
        with ui.element("a").props('href="/" aria-label="zhanr, to the first page"').classes("z-logo"):
            ui.html(_LOGO, sanitize=False, tag="span")
        with ui.element("nav").props('aria-label="Pages"').classes("z-nav"):
            for name, url in LINKS.items():
                here = ' aria-current="page"' if name == current else ""
                with ui.element("a").props(f'href="{url}"{here}'):
                    ui.html(name, sanitize=False, tag="span")
        ui.html(_SWITCH, sanitize=False).classes("z-switch")


_LOGO = """<svg viewBox="0 0 28 20" width="28" height="20" aria-hidden="true"><g fill="currentColor">
<rect x="0" y="8" width="3" height="4" rx="1.5"/><rect x="5" y="4" width="3" height="12" rx="1.5"/>
<rect x="10" y="0" width="3" height="20" rx="1.5"/><rect x="15" y="5" width="3" height="10" rx="1.5"/>
<rect x="20" y="2" width="3" height="16" rx="1.5"/><rect x="25" y="7" width="3" height="6" rx="1.5"/></g></svg>
<b>zhanr</b>"""

_SWITCH = """<button type="button" data-theme-switch aria-label="Switch between light and dark">
<svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true"><circle cx="12" cy="12" r="8.5" fill="none"
stroke="currentColor" stroke-width="1.8"/><path d="M12 3.5a8.5 8.5 0 0 1 0 17z" fill="currentColor"/></svg></button>"""
