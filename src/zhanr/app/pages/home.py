"""The first page: drop a song, hear it and see its genre. Everything on it happens in `static/home.js` and its parts.

The page is given as plain markup, and its songs live in the browser alone: two people see nothing of each other.
"""

from __future__ import annotations

import json
from html import escape

from nicegui import ui

from zhanr.app.pages.palette import NOT_SURE, colours
from zhanr.app.pages.shell import HOUR, shell
from zhanr.app.state import State
from zhanr.explain import bin_hertz


def register(state: State) -> None:
    """Add the page."""

    @ui.page("/", reconnect_timeout=HOUR)  # a laptop that slept finds its songs again
    def home() -> None:
        with shell(state, "Listen", assets=("home.css", "home.js")):
            ui.html(_markup(state), sanitize=False)


def _markup(state: State) -> str:
    settings = escape(json.dumps(_settings(state)), quote=True)
    where = "this computer" if state.settings.is_local else "this server"
    return _PAGE.format(settings=settings, where=where)


def _settings(state: State) -> dict[str, object]:
    """What the scripts must know of the server."""
    features = state.card.features
    return {
        "colours": colours(state.card.labels),
        "not_sure": NOT_SURE,
        "max_bytes": state.settings.max_bytes,
        "hertz": None if features.kind == "mfcc" else [round(float(f), 1) for f in bin_hertz(features)],
    }


_PAGE = """<div id="home" data-settings="{settings}">
<section class="hero" aria-labelledby="hero-title">
  <h1 id="hero-title">What genre is it?</h1>
  <p class="lead">Drop songs anywhere on this page. zhanr listens and tells their genre, or says that it isn’t sure.</p>
  <div class="actions">
    <button type="button" class="z-button primary" id="pick"><svg viewBox="0 0 24 24" width="20" height="20"
      aria-hidden="true"><path d="M12 16V5m0 0L7.5 9.5M12 5l4.5 4.5M5 19h14" fill="none" stroke="currentColor"
      stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></svg>Choose songs</button>
    <button type="button" class="z-button" id="record" hidden><svg viewBox="0 0 24 24" width="20" height="20"
      aria-hidden="true"><rect x="9" y="3" width="6" height="11" rx="3" fill="currentColor"/><path
      d="M5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21" fill="none" stroke="currentColor" stroke-width="2"
      stroke-linecap="round"/></svg><span>Record 10 seconds</span></button>
    <input type="file" id="files" multiple hidden aria-label="Songs">
  </div>
  <p class="note">mp3, m4a, flac, ogg, wav and nearly everything else. Songs stay on {where},
  and are deleted when you close them.</p>
</section>
<section id="songs" aria-label="Your songs"></section>
<p class="keys"><kbd>Space</kbd> plays and pauses, <kbd>←</kbd> <kbd>→</kbd> move by five seconds, with
<kbd>Shift</kbd> by one</p>
<div id="live" class="z-hidden" role="status" aria-live="polite" aria-atomic="false"></div>
<div id="drop" aria-hidden="true"><p>Drop to hear the genre</p></div>
</div>"""
