"""Genres in every kind of file: written so that nothing else changes, and taken back to the last byte."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import mutagen
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tag_files import (
    ODD,
    SONGS,
    TEXT,
    UNPLAYABLE,
    ape_tag,
    id3_tag,
    id3v1,
    put,
    rewritten,
    row,
    song,
    sound,
    state,
    write,
    write_one,
)
from zhanr.audio import load
from zhanr.audio.metadata import read_metadata
from zhanr.audio.payload import payload_sha256
from zhanr.audio.sources import id3_length
from zhanr.errors import ConfigError, TagError
from zhanr.tags.formats import checked_genres, open_tags, parsed, read_genres
from zhanr.tags.formats.edits import Edit, inverse, ordered, refined, spliced
from zhanr.tags.formats.fields import GENRE, checked_field
from zhanr.tags.formats.id3 import Id3
from zhanr.tags.journal import Journal
from zhanr.tags.plan import Row
from zhanr.tags.target import Check
from zhanr.tags.undo import undo
from zhanr.words import distinct, genre_key

GENRES = [("Jazz",), ("Жанр", "R&B; Soul/Фанк", "Drum & Bass"), ("Long " * 600 + "name",)]


# -- formats


def other_tags(path: Path) -> Any:
    """What mutagen shows of a file except its genre."""
    try:
        found = mutagen.File(path)
    except mutagen.MutagenError:  # AAC behind an ID3 tag
        return None
    lines = (found.pprint() if found is not None else "").splitlines()
    return sorted(x for x in lines[1:] if not x.lower().startswith(("tcon", "genre=", "©gen", "wm/genre")))


@pytest.mark.parametrize("genres", GENRES, ids=["one", "several", "long"])
@pytest.mark.parametrize("name", SONGS)
def test_a_genre_is_written_and_undone(tmp_path: Path, name: str, genres: tuple[str, ...]) -> None:
    path = put(tmp_path, name)
    before, others, payload = state(tmp_path), other_tags(path), payload_sha256(path)
    seconds = 0.0 if name in UNPLAYABLE else load(path, sample_rate=8000).duration
    outcome = write_one(path, *genres)
    assert (outcome.status, outcome.reason) == ("written", "")
    assert read_genres(path) == genres
    assert payload_sha256(path) == payload
    assert read_metadata(path).genre is not None or name == "wavpack-id3v1"
    if "bare" not in name and name not in ("mp3-id3v1", "mp3-ape", "mp2"):
        assert other_tags(path) == others
    if name not in UNPLAYABLE:
        assert load(path, sample_rate=8000).duration == seconds > 1.3
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert [o.status for o in undo(Journal.read(tmp_path / "journal.undo"))] == ["restored"]
    assert state(tmp_path) == before


STYLES = ("Post-Punk", "Чалга", "Drum & Bass")


@pytest.mark.parametrize("genres", [(), ("Jazz", "Жанр")], ids=["alone", "with genres"])
@pytest.mark.parametrize("name", SONGS)
def test_styles_get_a_field_of_their_own(tmp_path: Path, name: str, genres: tuple[str, ...]) -> None:
    path = put(tmp_path, name)
    before, payload, old = state(tmp_path), payload_sha256(path), read_genres(path)
    for styles in (STYLES, ("Ambient",)):  # which is added first and then exchanged
        planned = Row(path, genres, Check.of(path), field="STYLE", styles=styles)
        (outcome,) = write([planned], tmp_path / f"{len(styles)}.undo")
        assert (outcome.status, outcome.reason) == ("written", "")
        with open_tags(path) as opened:
            assert opened.tags.texts("STYLE") == styles
        assert read_genres(path) == (genres or old)
        assert payload_sha256(path) == payload
        assert said_by_mutagen(path) in (styles, None)
    (outcome,) = write([planned], tmp_path / "again.undo")
    assert outcome.status == "done"
    for styles in (("Ambient",), STYLES):
        assert [o.status for o in undo(Journal.read(tmp_path / f"{len(styles)}.undo"))] == ["restored"]
    assert state(tmp_path) == before


def said_by_mutagen(path: Path) -> tuple[str, ...] | None:
    """What mutagen finds in a field STYLE; None where it can't open the file."""
    try:
        tags = dict(mutagen.File(path).tags)
    except (mutagen.MutagenError, AttributeError):  # AAC behind an ID3 tag; an APEv2 tag is not looked at in an mp3
        return None
    names = ("STYLE", "TXXX:STYLE", "----:COM.APPLE.ITUNES:STYLE")
    (found,) = (value for key, value in tags.items() if key.upper() in names)
    values = found.text if hasattr(found, "text") else found
    return tuple(v.decode() if isinstance(v, bytes) else str(v) for v in values)


@pytest.mark.parametrize(
    "name", ["", "x", "TITLE", "genre", "Album Artist", "grouping", "musicbrainz_trackid", "a=b", "стил"]
)
def test_a_field_that_means_something_else_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        checked_field(name)
    assert checked_field(" Sub_Genre ") == "SUB_GENRE"


def test_the_texts_of_a_wav_file_stay_and_an_odd_list_of_them_is_left_alone() -> None:
    _, data = song("wav-info")
    new = rewritten(data, ("A", "Bc"))
    assert b"IGNR\x06\0\0\0A; Bc\0" in new
    assert all(part in new for part in (b"INAM\x06\0\0\0Title\0", b"IART\x07\0\0\0Artist\0\0"))
    assert int.from_bytes(new[4:8], "little") == len(new) - 8
    odd = data.replace(b"Artist\0\0", b"Artist\0?")  # no padding: what follows can't be told
    at = odd.find(b"IART") + 4
    odd = odd[:at] + b"\x70" + odd[at + 1 :]
    assert odd[odd.find(b"LIST") : odd.find(b"data")] in rewritten(odd, ("Jazz",))


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs the program ffprobe")
@pytest.mark.parametrize("name", [n for n in SONGS if n not in ("wavpack-id3v1", "mpc")])
def test_ffprobe_itself_reads_the_genre(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, name)
    path.write_bytes(rewritten(path.read_bytes(), ("Čalgija & Jazz",)))
    command = ["ffprobe", "-v", "error", "-show_entries", "format_tags:stream_tags", "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    tags = [found["format"].get("tags", {}), *(stream.get("tags", {}) for stream in found["streams"])]
    genres = [value for part in tags for key, value in part.items() if key.lower() == "genre"]
    assert genres[0] == "Čalgija & Jazz"


@pytest.mark.parametrize("name", ["mp3-v2.3", "mp3-v2.3-full", "mp3-v2.2", "mp3", "aac-id3"])
def test_id3_keeps_its_version_and_every_other_frame_to_the_byte(name: str) -> None:
    _, data = song(name)
    new = rewritten(data, ("Другачиј жанр",))
    old_tag, new_tag = (Id3.parse(d[: id3_length(d)]) for d in (data, new))
    assert new[3] == data[3]
    assert new_tag.others({GENRE}) == old_tag.others({GENRE})
    assert len(old_tag.others({GENRE})) > (1 if name == "mp3-v2.2" else 10)
    assert [f[:4] for f in new_tag.frames] == [f[:4] for f in old_tag.frames]  # in their old order
    assert new[id3_length(new) :] == data[id3_length(data) :]


def test_padding_is_used_so_that_nothing_moves() -> None:
    for name in ("mp3", "flac", "m4a", "wma", "aiff", "mp3-v2.3"):
        _, data = song(name)
        assert len(rewritten(data, ("Drum and Bass",))) == len(data), name


def test_all_tags_of_a_file_agree_afterwards(tmp_path: Path) -> None:
    path = put(tmp_path, "mp3-all-tags")
    assert write_one(path, "Jazz").status == "written"
    ape: Any = mutagen.apev2.APEv2
    assert list(ape(path)["Genre"]) == ["Jazz"]
    assert path.read_bytes()[-1] == 8  # Jazz, in ID3v1
    write([row(path, "Turbofolk")], tmp_path / "second.undo")
    assert path.read_bytes()[-1] == 255


def test_an_id3v1_tag_is_not_hidden_by_the_new_one(tmp_path: Path) -> None:
    path = put(tmp_path, "mp3-id3v1")
    old = read_metadata(path)
    assert write_one(path, "Jazz").status == "written"
    new = read_metadata(path)
    assert (old.genre, new.genre) == ("Rock", "Jazz")
    assert new.texts == old.texts
    assert new.texts["", "comment"] == "Comment"


@pytest.mark.parametrize(
    "data", [b"", b"just words", b"ID3", b"OggS", b"RIFF\0\0\0\0WAVE", b"\x1aE\xdf\xa3" + bytes(99)]
)
def test_what_is_no_music_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(data)
    with pytest.raises(TagError):
        read_genres(path)
    assert write_one(path).status == "refused"
    assert path.read_bytes() == data


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(SONGS)), st.data())
def test_a_damaged_file_is_refused_or_written_rightly_but_never_a_crash(name: str, data: st.DataObject) -> None:
    _, whole = song(name)
    at = data.draw(st.integers(0, min(len(whole), 5000) - 1))
    cut = data.draw(st.booleans())
    byte = data.draw(st.binary(min_size=1, max_size=8))
    damaged = whole[:at] if cut else whole[:at] + byte + whole[at + len(byte) :]
    file = io.BytesIO(damaged)
    try:
        edits = parsed(file, name).edits({GENRE: ("Jazz",)})
    except TagError:
        return
    new = b"".join(piece for _, piece in spliced(file, edits, len(damaged)))
    back = inverse(file, edits)
    assert b"".join(piece for _, piece in spliced(io.BytesIO(new), back, len(new))) == damaged


WRITABLE = ["mp3", "mp3-v2.3", "mp3-v2.2", "flac", "vorbis", "opus", "m4a", "wma", "wavpack", "wav", "ape"]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(WRITABLE), st.lists(TEXT | ODD, min_size=1, max_size=3))
@example("vorbis-cover", ["x" * 70_000])
@example("opus", ["x" * 70_000])
def test_any_genre_is_read_back_as_it_was_or_refused(name: str, genres: list[str]) -> None:
    _, data = song(name)
    wanted = distinct(g.strip() for g in genres)
    if not all(g and g.isprintable() for g in wanted):
        with pytest.raises(TagError):
            checked_genres(wanted, name)
        return
    new = rewritten(data, wanted)
    tags = parsed(io.BytesIO(new), name).tags
    assert tags.others({GENRE}) == parsed(io.BytesIO(data), name).tags.others({GENRE})
    if not name.startswith("mp3") and name != "wav":  # ID3 reads "17" and "RX" as names, so that `verify` refuses them
        assert tags.genres == wanted


@pytest.mark.parametrize("genre", ["17", "(17)", "RX"])
def test_a_genre_that_id3_would_read_as_another_is_refused(tmp_path: Path, genre: str) -> None:
    path = put(tmp_path)
    before = state(tmp_path)
    outcome = write_one(path, genre)
    assert outcome.status == "refused"
    assert "would be read as" in outcome.reason
    assert state(tmp_path) == before


def test_more_pages_in_ogg_renumber_the_rest(tmp_path: Path) -> None:
    path = put(tmp_path, "vorbis")
    assert write_one(path, "x" * 200_000).status == "written"
    numbers = {
        page.sequence for page in _ogg_pages(path.read_bytes())
    }  # mutagen checks the rest, when the genre is verified
    assert numbers == set(range(len(numbers)))


def _ogg_pages(data: bytes) -> Iterator[Any]:
    from mutagen.ogg import OggPage

    file, page = io.BytesIO(data), cast(Any, OggPage)
    while file.tell() < len(data):
        yield page(file)


# -- edits


@settings(deadline=None)
@given(st.binary(max_size=400), st.binary(max_size=400), st.binary(max_size=300))
def test_refined_edits_make_the_same_change(a: bytes, b: bytes, shared: bytes) -> None:
    shared *= 3
    old, new = a + shared + b, b + shared + a
    edits = ordered(refined(5, old, new), 5 + len(old))
    file = io.BytesIO(b"-----" + old + b"+")
    made = b"".join(piece for _, piece in spliced(file, edits, len(old) + 6))
    assert made == b"-----" + new + b"+"
    back = inverse(file, edits)
    assert b"".join(piece for _, piece in spliced(io.BytesIO(made), back, len(made))) == b"-----" + old + b"+"


def test_a_cover_that_moves_is_not_kept_in_the_journal(tmp_path: Path) -> None:
    for name in ("mp3-v2.3-full", "vorbis-cover", "m4a-faststart"):
        path = put(tmp_path, name)
        write([row(path, "A much longer genre than before")], tmp_path / f"{name}.undo")
        (entry,) = Journal.read(tmp_path / f"{name}.undo").entries
        assert len(entry.blob()) < 2500, name


def test_edits_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="can't be made"):
        ordered([Edit(0, 5, b""), Edit(4, 6, b"")], 10)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("m4a-faststart", b"mp4a", b"\xcfp4a"), ("wma", "WM/Enc".encode("utf-16-le"), b"W\0\0\xdc")],
)
def test_errors_that_pyav_and_mutagen_let_out(tmp_path: Path, name: str, old: bytes, new: bytes) -> None:
    path = put(tmp_path, name)
    data = path.read_bytes()
    at = data.find(old)
    path.write_bytes(data[:at] + new + data[at + len(new) :])
    outcome = write_one(path)
    assert outcome.status == "refused"
    assert "damaged" in outcome.reason or "mutagen can't read" in outcome.reason


def test_genres_are_compared_by_their_letters() -> None:
    assert genre_key("Hip-Hop") == genre_key("hip hop") == "hiphop"
    assert distinct(["Hip-Hop", "hip hop", "R&B"]) == ("Hip-Hop", "R&B")
    assert genre_key("!!!") != genre_key("???")


def test_the_hash_of_the_sound_knows_no_tags() -> None:
    data = sound("mp3")
    bare = data[id3_length(data) :]
    tagged = [id3_tag() + bare, bare + id3v1(), bare + ape_tag() + id3v1(), id3_tag(3) + bare + ape_tag()]
    assert {payload_sha256(d) for d in [data, *tagged]} == {payload_sha256(bare)}
    other = bytearray(bare)
    other[len(other) // 2] ^= 1
    assert payload_sha256(bytes(other)) != payload_sha256(bare)
    flac, edited_flac = song("flac")[1], rewritten(song("flac")[1], ("x" * 20_000,))
    assert payload_sha256(flac) == payload_sha256(edited_flac)


def test_raw_aac_without_a_tag_is_refused(tmp_path: Path) -> None:
    """With one, `mutagen.File` could not open it any more, nor could whatever uses that."""
    path = tmp_path / "a.aac"
    path.write_bytes(sound("adts"))
    with pytest.raises(TagError, match="raw AAC"):
        read_genres(path)
