"""What a file's tags say of its song, also where they were made to keep their reader busy."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio_files import example
from zhanr.audio import load
from zhanr.audio.sources import id3_length
from zhanr.errors import TagError
from zhanr.tags.formats import read_genres
from zhanr.tags.formats.id3 import MAX_FRAMES
from zhanr.tags.labels import read_labels


def tagged(n_frames: int, path: Path) -> Path:
    """An mp3 with a title, a genre and frames of no use, `n_frames` in all."""
    song = example("mp3")
    idle = b"TXXX" + bytes([0, 0, 0, 4, 0, 0]) + b"\3a\0b"
    known = b"TIT2" + bytes([0, 0, 0, 5, 0, 0]) + b"\3Tune" + b"TCON" + bytes([0, 0, 0, 5, 0, 0]) + b"\3Jazz"
    body = known + idle * (n_frames - 2)
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\4\0\0" + size + body + song[id3_length(song[:10]) :])
    return path


def test_a_song_with_very_many_frames_is_read(tmp_path: Path) -> None:
    said = read_labels(tagged(1000, tmp_path / "song.mp3"))
    assert (said["title"], said["tag_genre"]) == ("Tune", "Jazz")


def test_frames_without_end_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tagged(1_000_000, tmp_path / "song.mp3")
    monkeypatch.setattr("mutagen.File", lambda *_: pytest.fail("mutagen would be busy for minutes"))
    monkeypatch.setattr("mutagen.id3.ID3.load", lambda *_: pytest.fail("mutagen would be busy for minutes"))
    assert set(read_labels(path).values()) == {None}
    with pytest.raises(TagError, match=f"more than {MAX_FRAMES} frames"):
        read_genres(path)
    assert len(load(path, sample_rate=22050).samples) > 22050, "its sound is read all the same"
