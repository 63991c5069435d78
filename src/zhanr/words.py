"""How genres and artists are spelt: one key for all spellings of a name."""

from __future__ import annotations

import re


def artist_key(artist: str) -> str:
    """One spelling of an artist's name: without case, punctuation and the difference of "&" and "and"."""
    return re.sub(r"[\W_]+", "", artist.casefold().replace("&", "and")) or artist
