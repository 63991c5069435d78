"""The library: one SQLite file that remembers every song, what zhanr said of it and what the person said.

Parts: `schema` (tables, versions, migrations), `store` (`Library` and `Song`), `query` (the filter language), `export`
(tables and playlists), `tags` (what stands in the files themselves), `similar` (songs that sound alike). The only home
of SQLite and mutagen.
"""

from zhanr.library.store import Library, Song, default_path

__all__ = ["Library", "Song", "default_path"]
