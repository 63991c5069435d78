"""The pages for people. Each module has a `register(state)` that says under which addresses its pages are."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from zhanr.app.state import State

PAGES = ("home", "library", "review", "tags", "map")


def register(state: State) -> None:
    """Add all pages to NiceGUI's application, of which a process has one."""
    from zhanr.app.pages import shell

    shell.register()
    for name in PAGES:
        module = f"{__name__}.{name}"
        if find_spec(module):  # until all of them are there
            import_module(module).register(state)
