"""The library: one SQLite file that remembers every song, what zhanr said of it and what the person said.

Parts: `columns` (`Song`: what is kept of one), `schema` (tables, versions, migrations), `store` (`Library`), `query`
(the filter language), `export` (tables and playlists), `similar` (songs that sound alike). The only home of SQLite.
"""

from zhanr.library.columns import Song
from zhanr.library.store import Library, default_path

__all__ = ["Library", "Song", "default_path"]
