"""One colour for every genre, the same on all pages."""

from __future__ import annotations

from collections.abc import Iterable

# Told apart by everybody: of all pairs, "not sure" among them, the two nearest are 0.099 apart in OKLab, for full
# colour vision and for the three kinds of colour blindness (tests/test_palette.py); none is lost on the light or the
# dark page.
GENRES = {
    "blues": "#4488ff",
    "classical": "#8800bb",
    "country": "#aabb88",
    "disco": "#ff9911",
    "electronic": "#2222ff",
    "hiphop": "#ff3355",
    "jazz": "#00bbff",
    "metal": "#555577",
    "pop": "#aa55bb",
    "reggae": "#448800",
    "rock": "#aa0044",
}
NOT_SURE = "#8b909a"
_OTHERS = tuple(GENRES.values())


def colours(genres: Iterable[str]) -> dict[str, str]:
    """The colour of each genre, as #rrggbb; genres of one's own get theirs by their place in the list."""
    return {genre: GENRES.get(genre, _OTHERS[i % len(_OTHERS)]) for i, genre in enumerate(genres)}
