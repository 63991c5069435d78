"""Short pieces of music in every format that can hold a genre, with tags of every kind, made at test time."""

from __future__ import annotations

import base64
import io
import random
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import mutagen
from hypothesis import strategies as st
from mutagen import asf, id3
from mutagen.aiff import AIFF
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, Picture
from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm
from mutagen.wave import WAVE

from audio_files import FORMATS, encode, music
from zhanr.tags.apply import Options, Outcome, apply, folders
from zhanr.tags.formats import parsed
from zhanr.tags.formats.edits import spliced
from zhanr.tags.formats.fields import GENRE
from zhanr.tags.journal import Journal
from zhanr.tags.plan import Row
from zhanr.tags.policy import Evidence
from zhanr.tags.target import Check

COVER = b"\x89PNG\r\n\x1a\n" + random.Random(0).randbytes(3000)
_ID3: Any = id3.ID3
Made = tuple[str, bytes]


@cache
def sound(name: str, **options: str) -> bytes:
    return encode(music(1.5), FORMATS[name], options=options)


def _bare_mp3() -> bytes:
    return encode(music(1.5), FORMATS["mp3"], options={"id3v2_version": "0"})


def id3_tag(version: int = 4, padding: int = 300) -> bytes:
    """A tag with a cover, chapters, odd frames, and one that mutagen doesn't know."""
    tag, buffer = _ID3(), io.BytesIO()
    tag.add(id3.TIT2(3, ["Наслов"]))
    tag.add(id3.TPE1(3, ["One", "Two"]))
    tag.add(id3.TALB(0, ["Album"]))
    tag.add(id3.TCON(0, ["Old Genre"]))
    tag.add(id3.TXXX(3, "REPLAYGAIN", ["-3 dB"]))
    tag.add(id3.COMM(3, "mkd", "about", ["Коментар"]))
    tag.add(id3.PRIV("owner", b"\0\xff\xfe\xff\x00\xe0"))
    tag.add(id3.UFID("http://example.org", b"123"))
    tag.add(id3.APIC(0, "image/png", 3, "front", COVER))
    tag.add(id3.CTOC("toc", id3.CTOCFlags.TOP_LEVEL | id3.CTOCFlags.ORDERED, ["one"], []))
    tag.add(id3.CHAP("one", 0, 700, 0xFFFFFFFF, 0xFFFFFFFF, [id3.TIT2(3, ["Chapter"])]))
    tag.save(buffer, v1=0, v2_version=version, padding=lambda _: padding)
    data = buffer.getvalue()
    unknown = b"XYZW" + struct.pack(">I", 7) + b"\0\0" + b"unknown"
    size = sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True)) + len(unknown)
    return data[:6] + bytes(size >> s & 0x7F for s in (21, 14, 7, 0)) + unknown + data[10:]


def id3v1(genre: int = 17) -> bytes:
    return (
        b"TAG"
        + b"Title".ljust(30, b"\0")
        + b"Artist".ljust(30, b"\0")
        + b"Album".ljust(30, b"\0")
        + b"1999"
        + (b"Comment".ljust(28, b"\0") + b"\0\x05" + bytes([genre]))
    )


def ape_tag(**items: str) -> bytes:
    tag, buffer = cast(Any, APEv2)(), io.BytesIO()
    for key, value in {"Title": "T", "Replaygain_Track_Gain": "-3 dB", **items}.items():
        tag[key] = value
    tag["Cover Art (Front)"] = mutagen.apev2.APEValue(b"cover.png\0" + COVER, mutagen.apev2.BINARY)
    tag.save(buffer)
    return buffer.getvalue()


def _id3v22() -> bytes:
    frames = b"".join(
        name + struct.pack(">I", len(text) + 1)[1:] + b"\0" + text
        for name, text in ((b"TT2", b"Title"), (b"TCO", b"(17)"), (b"TP1", b"Artist"))
    )
    return b"ID3\x02\0\0" + bytes([0, 0, 1, 0]) + frames.ljust(128, b"\0") + _bare_mp3()


def _saved(data: bytes, opener: Callable[[Any], Any], fill: Callable[[Any], None], **options: Any) -> bytes:
    buffer = io.BytesIO(data)
    song = opener(buffer)
    if song.tags is None:
        song.add_tags()
    fill(song)
    buffer.seek(0)
    song.save(buffer, **options)
    return buffer.getvalue()


def _comments(song: Any) -> None:
    song.tags.extend([("TITLE", "Наслов"), ("Genre", "Old Genre"), ("ARTIST", "One"), ("artist", "Two")])
    song.tags.append(("ODD KEY", "x=y\n;"))


def _picture() -> Picture:
    picture = cast(Any, Picture)()
    picture.data, picture.type, picture.mime = COVER, 3, "image/png"
    return cast(Picture, picture)


def _flac() -> bytes:
    def fill(song: Any) -> None:
        _comments(song)
        song.add_picture(_picture())

    return _saved(sound("flac"), FLAC, fill)


def _ogg_with_cover() -> bytes:
    def fill(song: Any) -> None:
        _comments(song)
        picture = cast(Any, _picture())
        picture.data = random.Random(1).randbytes(60_000)
        song.tags.append(("METADATA_BLOCK_PICTURE", base64.b64encode(picture.write()).decode()))

    return _saved(sound("vorbis"), mutagen.File, fill)


def _mp4(data: bytes) -> bytes:
    def fill(song: Any) -> None:
        song.tags["\xa9nam"], song.tags["\xa9gen"], song.tags["trkn"] = ["Наслов"], ["Old Genre"], [(1, 9)]
        song.tags["covr"] = [MP4Cover(COVER, MP4Cover.FORMAT_PNG)]
        song.tags["----:com.example:odd"] = [MP4FreeForm(b"\0\xff", 0), MP4FreeForm(b"two", 1)]

    return _saved(data, MP4, fill)


def _asf(song: Any) -> None:
    song.tags["Title"], song.tags["WM/Genre"], song.tags["WM/Mood"] = "T", "Old Genre", ["a", "b"]
    song.tags["WM/Picture"] = cast(Any, asf).ASFByteArrayAttribute(COVER)


def _riff_id3(song: Any) -> None:
    song.tags.add(id3.TIT2(3, ["Наслов"]))
    song.tags.add(id3.TCON(3, ["Old Genre"]))
    song.tags.add(id3.APIC(0, "image/png", 3, "front", COVER))


def _info_wav() -> bytes:
    metadata = {"title": "Title", "genre": "Old Genre", "artist": "Artist"}
    return encode(music(1.5), FORMATS["wav-s16"], metadata=metadata)


def _monkeys_audio() -> bytes:
    """The structure of a Monkey's Audio file around noise (there is no free encoder); nothing decodes it."""
    noise = random.Random(2).randbytes(4000)
    header = struct.pack("<HHIIIHHI", 2000, 0, 73728, 66150, 1, 16, 2, 44100)
    seek = struct.pack("<I", 52 + len(header) + 4)
    sizes = struct.pack("<7I", 52, len(header), len(seek), 0, len(noise), 0, 0)
    return b"MAC " + struct.pack("<HH", 3990, 0) + sizes + bytes(16) + header + seek + noise


def _musepack() -> bytes:
    """The structure of a Musepack file (stream version 8) around noise."""

    def packet(key: bytes, content: bytes) -> bytes:
        length = len(content) + 4
        return key + bytes([0x80 | length >> 7, length & 0x7F]) + content

    stream = b"\1\2\3\4" + b"\x08" + b"\x84\x90\x00" + b"\0" + bytes([0x1F, 0x13])
    noise = random.Random(3)
    sound = b"".join(packet(b"AP", noise.randbytes(500)) for _ in range(4))
    return b"MPCK" + packet(b"SH", stream) + packet(b"RG", b"\x01" + bytes(8)) + sound + packet(b"SE", b"")


SONGS: dict[str, Callable[[], Made]] = {
    "mp3": lambda: ("mp3", id3_tag() + _bare_mp3()),
    "mp3-v2.3": lambda: ("mp3", id3_tag(3) + _bare_mp3()),
    "mp3-v2.3-full": lambda: ("mp3", id3_tag(3, padding=0) + _bare_mp3()),
    "mp3-v2.2": lambda: ("mp3", _id3v22()),
    "mp3-bare": lambda: ("mp3", _bare_mp3()),
    "mp3-id3v1": lambda: ("mp3", _bare_mp3() + id3v1()),
    "mp3-all-tags": lambda: ("mp3", id3_tag() + _bare_mp3() + ape_tag(Genre="Old Genre") + id3v1()),
    "mp3-ape": lambda: ("mp3", _bare_mp3() + ape_tag()),
    "mp2": lambda: ("mp2", sound("mp2")),
    "aac-id3": lambda: ("aac", id3_tag() + sound("adts")),
    "tta": lambda: ("tta", id3_tag() + sound("tta")),
    "flac": lambda: ("flac", _flac()),
    "flac-bare": lambda: ("flac", sound("flac")),
    "flac-id3": lambda: ("flac", id3_tag() + _flac()),
    "vorbis": lambda: ("ogg", _saved(sound("vorbis"), mutagen.File, _comments)),
    "vorbis-cover": lambda: ("ogg", _ogg_with_cover()),
    "opus": lambda: ("opus", _saved(sound("opus"), mutagen.File, _comments)),
    "ogg-flac": lambda: ("oga", _saved(sound("ogg-flac"), mutagen.File, _comments)),
    "m4a": lambda: ("m4a", _mp4(sound("aac"))),
    "m4a-faststart": lambda: ("m4a", _mp4(sound("aac-faststart"))),
    "m4a-bare": lambda: ("m4a", sound("aac", movflags="+faststart", fflags="+bitexact")),
    "m4b-alac": lambda: ("m4b", _mp4(sound("alac"))),
    "mp4-fragmented": lambda: ("mp4", sound("aac-fragmented")),
    "wma": lambda: ("wma", _saved(sound("wma"), asf.ASF, _asf)),
    "wma-bare": lambda: ("wma", sound("wma")),
    "wavpack": lambda: ("wv", sound("wavpack") + ape_tag(Genre="Old Genre")),
    "wavpack-id3v1": lambda: ("wv", sound("wavpack") + id3v1()),
    "ape": lambda: ("ape", _monkeys_audio() + ape_tag(Genre="Old Genre")),
    "mpc": lambda: ("mpc", _musepack() + ape_tag()),
    "wav": lambda: ("wav", _saved(sound("wav-s16"), WAVE, _riff_id3)),
    "wav-bare": lambda: ("wav", sound("wav-s24")),
    "wav-info": lambda: ("wav", _info_wav()),
    "aiff": lambda: ("aiff", _saved(sound("aiff"), AIFF, _riff_id3)),
    "aiff-bare": lambda: ("aif", sound("aiff")),
}
UNPLAYABLE = {"ape", "mpc"}
WITH_GENRE = {"mp3", "mp3-v2.3", "flac", "vorbis", "opus", "m4a", "wma", "wavpack", "ape", "wav", "aiff"}


@cache
def song(name: str) -> Made:
    """Suffix and bytes of a song."""
    return SONGS[name]()


TEXT = st.text(min_size=1, max_size=60)
ODD = st.sampled_from(
    ["a/b", "a;b", "a\\b", "a,b", "(17)", "17", "RX", "жанр", "e\u0301", "😀", "Rock\\", "=1+1", "x" * 5000]
)
SURE = Evidence({"jazz": 0.95, "blues": 0.04}, "jazz")


def put(folder: Path, name: str = "mp3") -> Path:
    suffix, data = song(name)
    path = folder / f"{name}.{suffix}"
    path.write_bytes(data)
    return path


def row(path: Path, *genres: str) -> Row:
    return Row(path, genres or ("Jazz",), Check.of(path))


def write(rows: list[Row], journal: Path, **options: bool) -> list[Outcome]:
    with Journal.create(journal, journal.with_suffix(".csv"), folders(rows)) as opened:
        return list(apply(rows, opened, Options(**options)))


def write_one(path: Path, *genres: str, **options: bool) -> Outcome:
    (outcome,) = write([row(path, *genres)], path.parent / "journal.undo", **options)
    return outcome


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file's bytes and time of change; the journals and plans of the tests apart."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix not in (".undo", ".csv", ".lock"))
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


def rewritten(data: bytes, genres: tuple[str, ...]) -> bytes:
    file = io.BytesIO(data)
    return b"".join(new for _, new in spliced(file, parsed(file, "song").edits({GENRE: genres}), len(data)))
