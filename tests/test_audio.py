"""Decoding: a matrix of formats x properties and of formats x defects, all on files made here."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
import wave
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import mutagen.flac
import mutagen.id3
import mutagen.mp4
import numpy as np
import pytest
from numpy.typing import NDArray

from audio_files import FORMATS, Format, LongWav, Samples, encode, example, flipped, music, remix
from zhanr.audio import Audio, AudioReader, Source, load, probe
from zhanr.audio.reader import SILENCE_PEAK
from zhanr.errors import AudioError
from zhanr.scan.walk import find_audio

RATE = 22050
EVERY = pytest.mark.parametrize("name", FORMATS)
# Formats in which nothing tells that the end is missing: a row of packets, without a length or an end mark.
NO_STATED_LENGTH = {"mp3-no-header", "mp2", "adts", "ac3"}
INDEX_AT_END = {"alac", "aac"}


def reason(source: Source, **options: float) -> str:
    with pytest.raises(AudioError) as caught:
        load(source, sample_rate=RATE, **options)
    assert pickle.loads(pickle.dumps(caught.value)).reason == caught.value.reason
    return caught.value.reason


def outcome(source: Source) -> Audio | str:
    try:
        return load(source, sample_rate=RATE)
    except AudioError as error:
        return error.reason


def shift(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[int, float]:
    """By how many samples `b` is late against `a`, and the correlation there."""
    n = min(len(a), len(b))
    a, b = a[:n], b[:n]
    c = np.fft.irfft(np.fft.rfft(b, 2 * n) * np.conj(np.fft.rfft(a, 2 * n)))
    k = int(np.argmax(c))
    return (k if k < n else k - 2 * n), float(c[k] / np.sqrt((a**2).sum() * (b**2).sum()))


# --- whole files


@EVERY
def test_every_format_gives_the_music_back(name: str) -> None:
    audio, expected = load(example(name), sample_rate=RATE), music(4, RATE, 1)[:, 0]
    assert audio.samples.dtype == np.float32
    assert audio.samples.ndim == 1
    assert audio.warnings == ()
    assert audio.duration == pytest.approx(4, abs=0.06)
    lag, correlation = shift(expected, audio.samples)
    assert correlation > (0.999 if FORMATS[name].lossless else 0.99)
    if FORMATS[name].lossless or name in {"mp3", "opus", "webm", "aac", "aac-faststart"}:
        assert lag == 0  # encoder delay is trimmed
    if FORMATS[name].lossless:
        assert len(audio.samples) == 4 * RATE
        np.testing.assert_allclose(audio.samples[100:-100], expected[100:-100], atol=0.02)


@EVERY
def test_probe_tells_length_rate_and_channels(name: str) -> None:
    info = probe(example(name))
    assert (info.sample_rate, info.channels) == (FORMATS[name].rate, 2)
    assert info.duration == pytest.approx(4, rel=0.1)
    assert info.codec
    assert info.container


@pytest.mark.parametrize("target", [16000, 44100])
@pytest.mark.parametrize("source", [8000, 22050, 48000, 96000])
def test_any_rate_becomes_any_other(source: int, target: int) -> None:
    y = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * source) / source)).astype(np.float32)[:, None]
    audio = load(encode(y, Format("wav", "wav", "pcm_f32le", rate=source)), sample_rate=target)
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * target) / target)
    assert abs(len(audio.samples) - 2 * target) <= 1  # nothing stays in the resampler
    middle = slice(target // 10, -target // 10)
    np.testing.assert_allclose(audio.samples[middle], expected[: len(audio.samples)][middle], atol=0.005)


def test_resampling_to_a_lower_rate_does_not_alias() -> None:
    y = (0.5 * np.sin(2 * np.pi * 15000 * np.arange(88200) / 44100)).astype(np.float32)[:, None]
    data = encode(y, FORMATS["wav-f32"])
    assert np.abs(load(data, sample_rate=44100).samples).max() > 0.49
    assert np.abs(load(data, sample_rate=RATE).samples[500:-500]).max() < 1e-3


def test_left_alone_comes_out_at_half_its_amplitude_and_nothing_clips() -> None:
    y = music(2) * 3  # up to 1.1
    left = y.copy()
    left[:, 1] = 0
    full = load(encode(y, FORMATS["wav-f32"]), sample_rate=44100).samples
    np.testing.assert_allclose(full, y[:, 0], atol=1e-6)
    assert full.max() > 1
    np.testing.assert_allclose(
        load(encode(left, FORMATS["wav-f32"]), sample_rate=44100).samples, y[:, 0] / 2, atol=1e-6
    )


@pytest.mark.parametrize("name", ["wav-s24", "wav-f64", "flac", "alac"])
@pytest.mark.parametrize("channel", range(6))
def test_each_of_six_channels_counts_the_same(name: str, channel: int) -> None:
    y = np.zeros((44100 * 2, 6), np.float32)
    y[:, channel] = music(2, channels=1)[:, 0]
    audio = load(encode(y, FORMATS[name]), sample_rate=44100)
    np.testing.assert_allclose(audio.samples, y[:, channel] / 6, atol=0.002)


def test_mono_stays_as_it_is_and_odd_channel_counts_work() -> None:
    y = music(2, channels=1)
    np.testing.assert_allclose(load(encode(y, FORMATS["flac"]), sample_rate=44100).samples, y[:, 0], atol=1e-4)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(11)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(np.repeat((y * 32767).astype("<i2"), 11, axis=1).tobytes())
    np.testing.assert_allclose(load(out.getvalue(), sample_rate=44100).samples, y[:, 0], atol=1e-4)


@pytest.mark.parametrize(("name", "channels"), [("wavpack", 8), ("wavpack", 12), ("wav-f32", 8), ("flac", 8)])
def test_more_channels_than_pyav_has_planes_for(name: str, channels: int) -> None:
    y = np.zeros((44100 * 2, channels), np.float32)
    y[:, -1] = music(2, channels=1)[:, 0]
    audio = load(encode(y, FORMATS[name]), sample_rate=44100)
    np.testing.assert_allclose(audio.samples, y[:, -1] / channels, atol=1e-3)


def test_integers_of_64_bits() -> None:
    data = encode(music(2), Format("wav", "wav", "pcm_s64le"))
    np.testing.assert_allclose(load(data, sample_rate=44100).samples, music(2)[:, 0], atol=1e-4)


def test_a_rate_that_changes_on_the_way_is_joined() -> None:
    slow = encode(music(3, 22050, 1), Format("mp3", "mp3", "libmp3lame", rate=22050))
    audio = load(example("mp3") + slow, sample_rate=RATE)
    assert audio.duration == pytest.approx(7, abs=0.15)
    expected = music(3, RATE, 1)[:, 0]
    assert shift(expected, audio.samples[-len(expected) :])[1] > 0.95


# --- from where it is read


@pytest.mark.parametrize("name", ["wav-s16", "mp3", "flac", "vorbis", "aac"])
def test_path_bytes_and_file_objects_are_the_same(name: str, tmp_path: Path) -> None:
    data = example(name)
    path = tmp_path / "music"
    path.write_bytes(data)
    expected = load(data, sample_rate=RATE).samples
    with path.open("rb") as file:
        file.seek(1000)  # wherever it stands
        sources: list[Source] = [path, str(path), io.BytesIO(data), file]
        for source in sources:
            np.testing.assert_array_equal(load(source, sample_rate=RATE).samples, expected)
        assert not file.closed


class Pipe(io.RawIOBase):
    """A file object that can only be read forward."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, n: int = -1) -> bytes:
        return self._data.read(n)


@pytest.mark.parametrize("name", ["wav-s16", "mp3", "aac"])
def test_a_pipe_is_read_as_well(name: str) -> None:
    audio = load(cast(BinaryIO, Pipe(example(name))), sample_rate=RATE)
    np.testing.assert_array_equal(audio.samples, load(example(name), sample_rate=RATE).samples)


ODD_NAMES = [
    "My song 100% #1.mp3",
    "-i.mp3",
    "Жанр – Veränderung 音楽 🎵.mp3",
    "line\nbreak.mp3",
    "concat:a.mp3|b.mp3",
    "http:nowhere.mp3",
    "file:song.mp3",
    "pipe:0",
    "subfile,,start,1,end,2,,:x",
    "%03d.mp3",
    "quote\"and's.mp3",
    "back\\slash.mp3",
    os.fsdecode(b"not-utf8-\xff\xfe.mp3"),
    "no suffix",
    "x" * 200,
]


@pytest.mark.parametrize("odd", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_odd_names_are_plain_local_files(odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / odd).write_bytes(example("mp3"))
    monkeypatch.chdir(tmp_path)
    expected = load(example("mp3"), sample_rate=RATE).samples
    np.testing.assert_array_equal(load(odd, sample_rate=RATE).samples, expected)
    np.testing.assert_array_equal(load(tmp_path / odd, sample_rate=RATE).samples, expected)


@pytest.mark.parametrize("suffix", ["wav", "m3u8", "txt", "jpg", "sdp", "ul", "concat"])
@pytest.mark.parametrize("name", ["mp3", "flac", "aac", "opus"])
def test_wrong_suffixes_do_not_matter(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"song.{suffix}"
    path.write_bytes(example(name))
    assert load(path, sample_rate=RATE).duration == pytest.approx(4, abs=0.05)


# --- a part of it


@EVERY
@pytest.mark.parametrize("start", [0.4, 3.3])
def test_a_part_is_a_slice_of_the_whole(name: str, start: float) -> None:
    data = example(name, 6.0)
    whole = load(data, sample_rate=RATE).samples
    part = load(data, sample_rate=RATE, start=start, duration=2.0)
    assert len(part.samples) == 2 * RATE
    assert part.warnings == ()
    lag, correlation = shift(whole[round(start * RATE) :][: 2 * RATE], part.samples)
    assert abs(lag) <= 0.005 * RATE  # Matroska and WMA count in whole milliseconds
    assert correlation > 0.98


@EVERY
def test_blocks_are_the_whole(name: str) -> None:
    whole = load(example(name), sample_rate=RATE)
    with AudioReader(example(name), sample_rate=RATE) as reader:
        blocks = list(reader.blocks(10007))
        assert reader.seconds == pytest.approx(whole.duration)
        assert reader.warnings == list(whole.warnings)
    assert {len(b) for b in blocks[:-1]} == {10007}
    assert 0 < len(blocks[-1]) <= 10007
    np.testing.assert_array_equal(np.concatenate(blocks), whole.samples)


def test_the_end_of_a_part_may_lie_behind_the_music() -> None:
    assert load(example("flac"), sample_rate=RATE, start=2.5, duration=60).duration == pytest.approx(1.5, abs=0.01)
    assert load(example("flac"), sample_rate=RATE, duration=0.5).duration == pytest.approx(0.5)


@EVERY
def test_a_start_behind_the_end(name: str) -> None:
    assert "there is nothing from 60 seconds on" in reason(example(name), start=60)


@pytest.mark.parametrize("options", [{"sample_rate": 0}, {"start": -1.0}, {"duration": 0.0}, {"start": float("nan")}])
def test_numbers_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        load(example("flac"), **{"sample_rate": RATE, **options})  # type: ignore[arg-type]
    with AudioReader(example("flac"), sample_rate=RATE) as reader:
        with pytest.raises(ValueError, match="positive"):
            next(reader.blocks(0))
        next(reader.blocks(100))
        with pytest.raises(RuntimeError, match="once"):
            next(reader.blocks(100))


def test_a_late_start_is_reached_without_reading_what_lies_before() -> None:
    file = LongWav(3 * 3600)
    audio = load(cast(BinaryIO, file), sample_rate=8000, start=10_000, duration=2)
    assert audio.duration == 2
    assert file.n_read < 1_000_000


MEMORY = """
import resource, sys
from audio_files import LongWav
from zhanr.audio import AudioReader
n = 0
with AudioReader(LongWav(int(sys.argv[1])), sample_rate=8000) as reader:
    for block in reader.blocks(80_000):
        n += len(block)
print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")
def test_a_long_file_needs_no_more_memory_than_a_short_one() -> None:
    def run(seconds: int) -> int:
        path = os.pathsep.join(filter(None, [str(Path(__file__).parent), *sys.path]))
        command = [sys.executable, "-c", MEMORY, str(seconds)]
        done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONPATH": path})
        n, peak = map(int, done.stdout.split())
        assert n == seconds * 8000
        return peak // (1024 if sys.platform == "darwin" else 1)

    assert run(1800) - run(60) < 10_000  # kilobytes; half an hour is 58 MB as float32


# --- covers, films, several streams


def picture(side: int) -> bytes:
    """A PNG of noise, so that it is large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = np.random.default_rng(0).integers(0, 256, (side, 1 + 3 * side), np.uint8)
    pixels[:, 0] = 0
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(pixels.tobytes(), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def add_cover(name: str, path: Path, cover: bytes) -> None:
    flac, id3, mp4 = cast(Any, mutagen.flac), cast(Any, mutagen.id3), cast(Any, mutagen.mp4)
    if name == "flac":
        music, image = flac.FLAC(path), flac.Picture()
        image.data, image.mime, image.type = cover, "image/png", 3
        music.add_picture(image)
        music.save()
    elif name == "aac":
        music = mp4.MP4(path)
        music["covr"] = [mp4.MP4Cover(cover, mp4.MP4Cover.FORMAT_PNG)]
        music.save()
    else:
        tags = id3.ID3()
        tags.add(id3.APIC(encoding=3, mime="image/png", type=3, desc="", data=cover))
        tags.save(path, v1=2)


@pytest.mark.parametrize("side", [32, 900])  # 3 kB, and 2.4 MB: more than FFmpeg is ready to look through
@pytest.mark.parametrize("name", ["mp3", "mp3-no-header", "adts", "flac", "aac"])
def test_covers_change_nothing(name: str, side: int, tmp_path: Path) -> None:
    path, cover = tmp_path / "song", picture(side)
    path.write_bytes(example(name))
    add_cover(name, path, cover)
    audio = load(path, sample_rate=RATE)
    assert audio.warnings == ()
    np.testing.assert_array_equal(audio.samples, load(example(name), sample_rate=RATE).samples)


def test_the_default_stream_is_heard_else_the_first() -> None:
    loud, soft = music(2, channels=1), music(2, channels=1, loudness=0.1)
    for tracks, expected in [
        ([(soft, False), (loud, True)], loud),
        ([(soft, True), (loud, False)], soft),
        ([(soft, False), (loud, False)], soft),
        ([(loud, True), (soft, True)], loud),
    ]:
        samples = load(remix(*tracks), sample_rate=44100).samples
        np.testing.assert_allclose(samples, expected[:, 0], atol=1e-4)


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("matroska", "flac"), ("mpegts", "mp2")])
def test_the_sound_of_a_film(container: str, codec: str) -> None:
    audio = load(remix((music(2, channels=1), True), container=container, codec=codec, film=True), sample_rate=RATE)
    assert audio.duration == pytest.approx(2, abs=0.1)
    assert shift(music(2, RATE, 1)[:, 0], audio.samples)[1] > 0.98


def test_a_film_without_sound() -> None:
    assert reason(remix(container="mp4", film=True)) == "there is no sound in this file"


def test_tags_in_an_unknown_encoding_do_not_matter() -> None:
    data = encode(music(2), FORMATS["wav-s16"], metadata={"title": "Qxxxq"})
    assert b"Qxxxq" in data
    assert load(data.replace(b"Qxxxq", b"Q\xff\xfe\xe9q"), sample_rate=RATE).duration == pytest.approx(2)


# --- defects


@EVERY
def test_a_file_without_its_end_is_read_with_a_warning(name: str) -> None:
    data = example(name, 6.0)
    data = data[: len(data) * 6 // 10]
    if name in INDEX_AT_END:
        assert "incomplete or damaged" in reason(data)
        return
    audio = load(data, sample_rate=RATE)
    assert 2.5 < audio.duration < 4
    if name in NO_STATED_LENGTH:
        assert audio.warnings == ()
    else:
        [warning] = audio.warnings
        if name != "wma":  # half a packet, and music after it from the decoder's memory: that is damage
            assert warning.startswith("the file ends early: ")
        if name not in {"vorbis", "opus", "ogg-flac", "w64", "caf"}:
            assert warning.endswith(f": {audio.duration:.1f} of 6.0 seconds could be read")


def test_an_ogg_may_be_cut_in_the_middle_of_a_page_head() -> None:
    data = example("vorbis")
    for length in (4, 5, 6, 27):
        [warning] = load(data[: data.rindex(b"OggS") + length], sample_rate=RATE).warnings
        assert warning.startswith("the file ends early: ")


@EVERY
@pytest.mark.parametrize("seed", range(3))
def test_damage_in_the_middle_never_escapes_as_another_error(name: str, seed: int) -> None:
    audio = outcome(flipped(example(name), seed=seed))
    if isinstance(audio, Audio):
        assert np.abs(audio.samples).max() < 16
        assert len(audio.warnings) <= 1
    else:  # a float may become no number, and a short piece of Ogg may lose all but its first page
        assert ("not a number" if name in {"wav-f32", "wav-f64"} else "at least 1 are needed") in audio


@pytest.mark.parametrize("name", ["flac", "ogg-flac", "mka-flac", "alac", "vorbis", "opus", "aac", "mp3", "adts"])
def test_damaged_parts_are_skipped_with_a_warning(name: str) -> None:
    data = bytearray(example(name, 6.0))
    at = len(data) // 3
    data[at : at + 8000] = bytes(8000)
    audio = load(bytes(data), sample_rate=RATE)
    assert 2 < audio.duration < 6
    [warning] = audio.warnings
    if name == "flac":  # FFmpeg closes the gap without a word; only the end is seen to be missing
        assert warning == f"the file ends early: {audio.duration:.1f} of 6.0 seconds could be read"
    else:
        assert warning.startswith("damaged parts were skipped: ")


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_written_into_a_pipe_does_not_know_its_size(size: int) -> None:
    data = bytearray(example("wav-s16"))
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = size.to_bytes(4, "little")
    audio = load(bytes(data), sample_rate=RATE)
    assert (audio.duration, audio.warnings) == (4, ())


@pytest.mark.parametrize("name", ["mp3", "mp3-no-header", "flac", "vorbis", "wav-s16", "adts", "wavpack"])
def test_tags_and_rubbish_at_the_end_are_no_damage(name: str) -> None:
    rubbish = np.random.default_rng(0).bytes(2000)
    for tail in (b"TAG" + bytes(125), rubbish):
        audio = load(example(name) + tail, sample_rate=RATE)
        assert audio.warnings == ()
        np.testing.assert_array_equal(audio.samples, load(example(name), sample_rate=RATE).samples)


@EVERY
@pytest.mark.parametrize("length", [1, 12, 100, 1000])
def test_the_first_bytes_of_a_file_are_not_music(name: str, length: int) -> None:
    assert reason(example(name)[:length])


@EVERY
def test_silence(name: str) -> None:
    fmt = FORMATS[name]
    y = np.zeros((2 * fmt.rate, 2), np.float32)
    assert reason(encode(y, fmt)) == "there is nothing but silence in it"


def test_silence_is_judged_over_the_whole() -> None:
    y = np.zeros((44100 * 20, 2), np.float32)
    y[-44100:] = music(1) / 0.37 * 2 * SILENCE_PEAK
    assert load(encode(y, FORMATS["wav-f32"]), sample_rate=44100).duration == 20
    assert reason(encode(y * 0.4, FORMATS["wav-f32"])) == "there is nothing but silence in it"
    assert "silence" in reason(encode(y, FORMATS["wav-f32"]), duration=10)


@EVERY
def test_too_short(name: str) -> None:
    fmt = FORMATS[name]
    assert "at least 1 are needed" in reason(encode(music(0.5, fmt.rate), fmt))


@pytest.mark.parametrize("name", ["wav-f32", "wav-f64"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_values_that_are_no_numbers(name: str, value: float) -> None:
    y = music(3)
    y[50_000, 1] = value
    assert "not a number" in reason(encode(y, FORMATS[name]))


def test_an_empty_wav_holds_no_sound() -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((2, 2, 44100, 0, "NONE", ""))
    assert reason(out.getvalue()) in {
        "the file holds no sound at all",
        "this is not a music file, or it is damaged from its beginning on",
    }


@pytest.mark.parametrize(
    "data",
    [
        b"hello, this is a letter and no music at all\n" * 500,
        bytes(100_000),
        b"\xff" * 100_000,
        np.random.default_rng(1).bytes(200_000),
        b"%PDF-1.7\n" + np.random.default_rng(2).bytes(50_000),
        b"PK\x03\x04" + np.random.default_rng(3).bytes(50_000),
        picture(200),
        b"ID3\x03\x00\x00\x00\x00\x10\x00" + bytes(2048),
        b"ID3\x03\x00\x00\x7f\x7f\x7f\x7f",
    ],
    ids=["text", "zeros", "ones", "noise", "pdf", "zip", "picture", "tag-only", "tag-beyond-the-end"],
)
def test_what_is_not_music(data: bytes) -> None:
    assert reason(data) == "this is not a music file, or it is damaged from its beginning on"


def test_an_empty_file_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    os.mkfifo(tmp_path / "pipe.mp3")
    assert reason(b"") == "the file is empty"
    assert reason(tmp_path / "empty.mp3") == "the file is empty"
    assert reason(tmp_path / "none.mp3") == "there is no such file or folder"
    assert reason(tmp_path / "empty.mp3" / "none.mp3") == "there is no such file or folder"
    assert reason(tmp_path) == "this is a folder, not a file"
    assert reason(tmp_path / "pipe.mp3") == "it can't be read (this is a device or a pipe, not a file)"
    assert "null" in reason("a\0b")
    assert reason(str(tmp_path / ("x" * 300))) == "its name is too long"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.mp3"
    path.write_bytes(example("mp3"))
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser may read everything

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("builtins.open", refuse)
    assert reason(path) == "reading it is not permitted"


def test_errors_name_their_source(tmp_path: Path) -> None:
    path = tmp_path / "letter.mp3"
    path.write_text("dear friend" * 100)
    named = io.BytesIO(b"dear friend")
    named.name = "letter"
    with path.open("rb") as file:
        for source, name in [(b"x", "<bytes>"), (io.BytesIO(b"x"), "<file object>"), (named, "letter")]:
            with pytest.raises(AudioError) as caught:
                load(cast(Source, source), sample_rate=RATE)
            assert caught.value.path == name
        with pytest.raises(AudioError) as caught:
            load(file, sample_rate=RATE)
        assert caught.value.path == str(path)
    with path.open() as text:
        assert "binary mode" in reason(cast(BinaryIO, text))
    assert "closed" in reason(cast(BinaryIO, text.buffer))
    with pytest.raises(TypeError, match="expected a path"):
        load(3, sample_rate=RATE)  # type: ignore[arg-type]


class BadDisk(io.BytesIO):
    """A file object whose reading fails from some byte on."""

    def read(self, n: int | None = -1) -> bytes:
        if self.tell() > 70_000:
            raise OSError(5, "Input/output error")
        return super().read(n)


@pytest.mark.parametrize("name", ["wav-s16", "flac", "mp3", "aac"])
def test_a_disk_that_fails(name: str) -> None:
    assert reason(BadDisk(example(name, 6.0))) == "the disk reports an error"


ENCRYPTION = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "00112233445566778899aabbccddeeff",
    "encryption_kid": "112233445566778899aabbccddeeff00",
}


@pytest.mark.parametrize("codec", ["aac", "alac", "flac"])
def test_encrypted_mp4(codec: str) -> None:
    data = encode(music(3), Format("mp4", "mp4", codec), options={**ENCRYPTION, "strict": "experimental"})
    assert "encrypted" in reason(data)


def test_encrypted_by_itunes_and_in_wma() -> None:
    assert "encrypted" in reason(example("aac").replace(b"mp4a", b"drms"))


def test_a_damaged_name_of_a_codec_is_an_error_of_the_file() -> None:
    assert reason(example("aac").replace(b"mp4a", b"\xff\xfe\xfd\xfc"))
    codec_list = bytes.fromhex("4052d1861d31d011a3a400a0c90348f6")
    content_encryption = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")
    assert codec_list in example("wma")
    assert "encrypted" in reason(example("wma").replace(codec_list, content_encryption))


@pytest.mark.parametrize("suffix", ["m3u8", "mp3"])
def test_lists_of_other_files_are_not_followed(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(example("wav-s16"))
    (tmp_path / "a.ts").write_bytes(remix((music(2, channels=1), True), container="mpegts", codec="mp2"))
    local = (tmp_path / "a.wav").as_posix()
    for text, known in [
        (f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://{local}\n#EXT-X-ENDLIST\n", True),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n#EXT-X-ENDLIST\n", True),
        (f"#EXTM3U\n{local}\n", True),
        (f"ffconcat version 1.0\nfile '{local}'\n", True),
        (f"file '{local}'\n", False),
        (f"[playlist]\nFile1={local}\n", True),
        (f'<?xml version="1.0"?>\n<MPD><Period><BaseURL>{local}</BaseURL></Period></MPD>', False),
        ("v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n", False),
    ]:
        path = tmp_path / f"list.{suffix}"
        path.write_text(text)
        assert ("playlist" in reason(path)) is known


NOISY = """
import sys
from zhanr.audio import load
from zhanr.errors import AudioError
for path in sys.argv[1:]:
    try:
        load(path, sample_rate=22050)
    except AudioError:
        pass
"""


def test_nothing_is_printed_about_broken_files(tmp_path: Path) -> None:
    paths = []
    for name in ("mp3", "flac", "aac-faststart", "vorbis", "wav-f32"):
        for i, data in enumerate((flipped(example(name)), example(name)[:40_000], example(name)[:500])):
            paths.append(tmp_path / f"{name}-{i}")
            paths[-1].write_bytes(data)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", NOISY, *map(str, paths)], capture_output=True, check=True, env=env)
    assert (done.stdout, done.stderr) == (b"", b"")


# --- real music


def test_every_real_song_decodes_to_its_end(shared: Path) -> None:
    songs = list(find_audio([shared / "music"]))
    assert len(songs) >= 10
    for song in songs:
        length = probe(song).duration
        assert length is not None
        with AudioReader(song, sample_rate=RATE, start=length - 45) as reader:
            n = sum(len(block) for block in reader.blocks(RATE))
            assert reader.warnings == []
        assert n / RATE == pytest.approx(45, abs=0.1)


def test_a_part_of_a_real_song_is_a_slice(shared: Path) -> None:
    songs = sorted(find_audio([shared / "music"]))
    for song in (next(s for s in songs if s.suffix == ".mp3"), next(s for s in songs if s.suffix == ".ogg")):
        whole: Audio = load(song, sample_rate=RATE, duration=40)
        part: Samples = load(song, sample_rate=RATE, start=31.7, duration=5).samples
        lag, correlation = shift(whole.samples[round(31.7 * RATE) :][: len(part)], part)
        assert lag == 0
        assert correlation > 0.999
