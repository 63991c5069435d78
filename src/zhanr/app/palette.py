"""One colour for every genre, the same on all pages."""

from __future__ import annotations

from collections.abc import Iterable

# Okabe & Ito 2008 ("Color Universal Design"), joined by four that are told from them by their lightness.
GENRES = {
    "blues": "#0072b2",
    "classical": "#8a6fd1",
    "country": "#a6761d",
    "disco": "#e69f00",
    "hiphop": "#d55e00",
    "jazz": "#56b4e9",
    "metal": "#77808f",
    "pop": "#cc79a7",
    "reggae": "#009e73",
    "rock": "#a4284f",
}
NOT_SURE = "#8b909a"
_OTHERS = tuple(GENRES.values())


def colours(genres: Iterable[str]) -> dict[str, str]:
    """The colour of each genre, as #rrggbb; genres of one's own get theirs by their place in the list."""
    return {genre: GENRES.get(genre, _OTHERS[i % len(_OTHERS)]) for i, genre in enumerate(genres)}
