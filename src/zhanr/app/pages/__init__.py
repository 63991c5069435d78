"""The pages for people. Each module has a `register(state)` that says under which addresses its pages are."""

from __future__ import annotations

from zhanr.app.state import State


def register(state: State) -> None:
    """Add all pages to NiceGUI's application, of which a process has one."""
    from zhanr.app.pages import home, library, map, review, shell, tags

    shell.register()
    for page in (home, library, review, tags, map):
        page.register(state)
