"""Folders of music into the library: find (`walk`), analyse in child processes (`worker`), keep (`scan`), compare."""
