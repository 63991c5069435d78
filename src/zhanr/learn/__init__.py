"""Your own genres from your library: `own` collects and compares, `linear` is the head, `graph` attaches it."""
