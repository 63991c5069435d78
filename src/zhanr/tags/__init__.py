"""The genre in the files themselves: read, planned, written with care, and taken back.

Parts: `formats` (which tag is it?) over its `id3`, `ape`, `vorbis` (the tags) and `stream`, `flac`, `ogg`, `mp4`,
`asf`, `riff` (the files that hold them), all of which say what they want changed as `edits`; `verify` (is it still the
same song?); `candidates` (what is known of the songs), `policy` (what should be written), `plan` (a list that a
person reads and edits), `apply`, `journal`, `undo`, on `disk`.
"""
