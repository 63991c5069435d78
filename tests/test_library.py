"""The library file: what is kept, found, exported, migrated; and the commands on it, run as a user runs them."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import lines, zhanr
from zhanr.errors import ConfigError, FileError, LibraryError
from zhanr.library import Library, Song, default_path, export, locations, parquet, playlists, query, schema
from zhanr.library.agreement import Names, Verdict
from zhanr.prediction import Style
from zhanr.tags.labels import read_labels

DEMO = Path(__file__).parents[1] / "demo"


def song(path: str, genre: str | None = "jazz", confidence: float = 0.9, **more: Any) -> Song:
    best = genre or "rock"
    other = "rock" if best == "jazz" else "jazz"
    values: dict[str, Any] = {
        "size": 5_000_000,
        "mtime_ns": 1,
        "content_hash": "h" + path,
        "duration": 200.0,
        "genre": genre,
        "best": best,
        "confidence": confidence,
        "probabilities": {best: confidence, other: 1 - confidence},
        "reason": None if genre else "not sure: ...",
        "model_sha256": "m1",
        "embedding": np.arange(3, dtype=np.float32),
    }
    return Song(Path(path), **(values | more))


SONGS = (
    song("/music/Live in Paris/so what.mp3", artist="Miles Davis", album="Paris", title="So What", tag_genre="Jazz"),
    song("/music/live/b.flac", "rock", 0.55, artist="Some, One", tag_genre="Indie Rock", duration=301.5),
    song("/music/c.ogg", None, 0.4, tag_genre="Soundtrack", warnings=("the file ends early",)),
    song("/music/d.wav", "rock", 0.8, tag_genre="Jazz", size=50_000_000, model_sha256="m2"),
    Song(Path("/music/e.mp3"), size=10, mtime_ns=5, error="this is not a music file"),
    song("/music/Метал/ё.mp3", "rock", 0.99, artist='The "Quoted"'),
)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library.open(tmp_path / "library.sqlite")
    library.add(*SONGS)
    library.correct("/music/c.ogg", "blues")
    return library


def names(library: Library, filters: str | None) -> list[str]:
    return [s.path.name for s in library.songs(filters)]


# -- songs


def test_what_is_added_comes_back(library: Library) -> None:
    back = {s.path: s for s in library.songs(embeddings=True)}
    assert list(back) == sorted(s.path for s in SONGS)
    for before in SONGS:
        after = back[before.path]
        for name in ("size", "mtime_ns", "content_hash", "duration", "genre", "best", "confidence", "probabilities"):
            assert getattr(after, name) == getattr(before, name)
        assert (after.warnings, after.reason, after.error) == (before.warnings, before.reason, before.error)
        assert after.scanned_at > 1.7e9
        if before.embedding is None:
            assert after.embedding is None
        else:
            np.testing.assert_array_equal(after.embedding, before.embedding)
    assert next(library.songs()).embedding is None


def test_adding_again_replaces_all_but_the_person_s_word(library: Library) -> None:
    before = library.song("/music/c.ogg")
    library.add(song("/music/c.ogg", "jazz"))
    after = library.song("/music/c.ogg")
    assert before is not None
    assert after is not None
    assert (after.id, after.genre, after.correction, after.answer) == (before.id, "jazz", "blues", "blues")
    assert library.correct("/music/c.ogg", None).answer == "jazz"
    with pytest.raises(LibraryError, match="not in the library"):
        library.correct("/music/unknown.mp3", "jazz")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a file name be any bytes")
def test_a_name_that_is_not_unicode(library: Library, tmp_path: Path) -> None:
    path = Path(os.fsdecode(b"/music/caf\xe9 \xff.mp3"))
    library.add(song(str(path)))
    assert os.fsencode(next(library.songs("path~caf")).path) == b"/music/caf\xe9 \xff.mp3"
    for form in export.FORMS.keys() - {"manifest"}:
        assert export.export(library.songs("path~caf"), tmp_path / f"x.{form}", form) == 1
    assert b"/music/caf\xe9 \xff.mp3\n" in (tmp_path / "x.m3u").read_bytes()
    assert json.loads((tmp_path / "x.json").read_text())["path"] == str(path)
    assert next(parquet.read_songs(tmp_path / "x.parquet")).path == path


def test_paths_are_absolute_and_urls_stay_urls(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    library.add(Song(Path("a/../b.mp3")), Song(Path("s3://bucket/x/y.mp3")))
    assert library.song(tmp_path / "b.mp3") is not None
    found = library.song("s3://bucket/x/y.mp3")
    assert found is not None
    assert found.location == "s3://bucket/x/y.mp3" == found.to_dict()["path"]


def test_embeddings_are_those_of_one_model(library: Library) -> None:
    ids, matrix = library.embeddings()
    assert matrix.shape == (4, 3)
    assert matrix.dtype == np.float32
    assert [found.model_sha256 for i in ids if (found := library.song_by_id(int(i)))] == ["m1"] * 4
    assert library.embeddings("m2")[1].shape == (1, 3)
    assert library.embeddings("unheard of")[1].shape == (0, 0)


def test_a_transaction_happens_as_a_whole_or_not_at_all(library: Library) -> None:
    def add_and_fail() -> None:
        with library.transaction():
            library.add(song("/music/new.mp3"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        add_and_fail()
    assert library.song("/music/new.mp3") is None


# -- the filter language


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (None, ["so what.mp3", "c.ogg", "d.wav", "e.mp3", "b.flac", "ё.mp3"]),
        ("genre=jazz", ["so what.mp3"]),
        ("genre=JAZZ,blues", ["so what.mp3", "c.ogg"]),
        ("predicted=blues", []),
        ("genre!=rock", ["so what.mp3", "c.ogg", "e.mp3"]),
        ("!genre=rock", ["so what.mp3", "c.ogg", "e.mp3"]),
        ("genre=", ["e.mp3"]),
        ("path~live", ["so what.mp3", "b.flac"]),
        ("path~МЕТАЛ", ["ё.mp3"]),
        ("path~е\u0308", ["ё.mp3"]),
        ('artist~"miles davis"', ["so what.mp3"]),
        ('artist="some, one"', ["b.flac"]),
        ("path~caf\udce9", []),
        (r"artist~\"quoted\"", ["ё.mp3"]),
        ('path~"live in" genre=jazz', ["so what.mp3"]),
        ("confidence<0.6", ["c.ogg", "b.flac"]),
        ("confidence>=0.8 confidence<0.99 genre=rock", ["d.wav"]),
        ("duration>5:00", ["b.flac"]),
        ("size>=10MB", ["d.wav"]),
        ("error", ["e.mp3"]),
        ("error~music", ["e.mp3"]),
        ("!error genre=rock path~music/d", ["d.wav"]),
        ("corrected", ["c.ogg"]),
        ("warning", ["c.ogg"]),
        ("unsure", []),
        ("missing", []),
        ("scanned>2020-01-01 model=m2", ["d.wav"]),
        ("scanned<2020-01-01", []),
    ],
)
def test_filters(library: Library, filters: str | None, expected: list[str]) -> None:
    assert names(library, filters) == expected
    assert library.count(filters) == len(expected)


@pytest.mark.parametrize(
    ("filters", "complaint"),
    [
        ("=jazz", "'=jazz' is no filter"),
        ("genre=jazz colour=red", "'colour=red': there is no field 'colour'"),
        ("confidence<high", "'high' is not a number"),
        ("confidence~5", "'confidence~5': a number is compared"),
        ("genre<5", "'genre<5': a text is compared"),
        ('artist="miles', "closing quote"),
        ("size>3XB", "is not a size"),
        ("scanned>yesterday", "is not a date"),
        ("duration>1:x", "is not a duration"),
        ("!!error", "'!!error' is no filter"),
    ],
)
def test_a_wrong_filter_is_named(library: Library, filters: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        list(library.songs(filters))


@given(st.text())
def test_no_filter_reaches_sql_unchecked(text: str) -> None:
    try:
        condition, values = query.to_sql(f"genre={text}")
    except ConfigError:
        return
    connection = sqlite3.connect(":memory:")
    schema.prepare(connection, Path("x"))
    for name, function in query.FUNCTIONS.items():
        connection.create_function(name, 2, function)
    assert condition.count("?") == len(values)
    connection.execute(f"SELECT 1 FROM song WHERE {condition}", values).fetchall()
    connection.close()


def test_an_unknown_order_is_refused(library: Library) -> None:
    assert next(s.path.name for s in library.songs("genre=rock", order="-confidence")) == "ё.mp3"
    with pytest.raises(ConfigError, match="not a column"):
        list(library.songs(order="path; DROP TABLE song"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["genre=jazz", "error"], "genre=jazz error"),
        (["artist~miles davis"], 'artist~"miles davis"'),
        (["genre=jazz confidence<0.5"], "genre=jazz confidence<0.5"),
        (['artist~"miles davis"', "error"], 'artist~"miles davis" error'),
    ],
)
def test_the_shell_s_words_become_one_filter(arguments: list[str], expected: str) -> None:
    assert query.from_arguments(arguments) == expected


# -- versions


def later(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE song ADD COLUMN mood TEXT")


def broken(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE song ADD COLUMN tempo TEXT")
    raise RuntimeError("half-way")


def migrate(path: Path, migrations: Sequence[schema.Migration]) -> Path | None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return schema.prepare(connection, path, migrations)
    finally:
        connection.close()


def columns(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [row[1] for row in connection.execute("PRAGMA table_info(song)")]
    finally:
        connection.close()


def test_a_migration_is_preceded_by_a_backup(library: Library) -> None:
    library.close()
    saved = migrate(library.path, (*schema.MIGRATIONS, later))
    assert saved is not None
    assert "mood" in columns(library.path)
    assert "mood" not in columns(saved)
    with Library.open(saved) as old:
        assert old.count() == len(SONGS)
    assert migrate(library.path, (*schema.MIGRATIONS, later)) is None


def test_a_migration_that_fails_changes_nothing(library: Library) -> None:
    library.close()
    with pytest.raises(RuntimeError):
        migrate(library.path, (*schema.MIGRATIONS, later, broken))
    assert not {"mood", "tempo"} & set(columns(library.path))
    with Library.open(library.path) as again:
        assert again.count() == len(SONGS)


def test_a_newer_library_is_refused_and_left_alone(library: Library) -> None:
    library.close()
    migrate(library.path, (*schema.MIGRATIONS, later))
    before = library.path.read_bytes()
    with pytest.raises(LibraryError, match="newer zhanr"):
        Library.open(library.path)
    assert library.path.read_bytes() == before
    assert "newer zhanr" in zhanr("library", "--library", library.path, code=1).stderr


def test_other_files_are_no_libraries(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE bookmark (url TEXT)")
    connection.commit()
    connection.close()
    with pytest.raises(LibraryError, match="another program"):
        Library.open(other)
    (tmp_path / "text").write_text("this is a text, and rather long " * 100)
    with pytest.raises(LibraryError, match="not a library"):
        Library.open(tmp_path / "text")
    with pytest.raises(LibraryError):
        Library.open(tmp_path)
    with pytest.raises(LibraryError, match="no library yet"):
        Library.open(tmp_path / "absent" / "x.sqlite", create=False)
    assert not (tmp_path / "absent").exists()


def test_a_locked_library_says_so_and_can_be_read(library: Library) -> None:
    with library.transaction(), Library.open(library.path, timeout=0.05) as other:
        library.add(song("/music/new.mp3"))
        assert other.count() == len(SONGS)
        with pytest.raises(LibraryError, match="another program is writing"):
            other.add(song("/music/other.mp3"))
    with Library.open(library.path, readonly=True) as reader:
        assert reader.count() == len(SONGS) + 1
        with pytest.raises(LibraryError, match="not permitted"):
            reader.add(song("/music/other.mp3"))


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZHANR_LIBRARY", str(tmp_path / "mine.sqlite"))
    assert default_path() == tmp_path / "mine.sqlite"
    monkeypatch.delenv("ZHANR_LIBRARY")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert default_path().name == "library.sqlite"
    assert default_path().parent.name == "zhanr"


# -- what is where


def test_missing_songs_are_kept_and_hidden(library: Library) -> None:
    assert locations.mark_missing(library, ["/music/c.ogg", "/music/e.mp3", "/music/d.wav"]) == 2
    assert library.song("/music/e.mp3") is None  # a failure is not worth keeping
    assert names(library, "missing") == ["c.ogg", "d.wav"]
    assert library.count() == 3
    assert library.embeddings("m2")[0].size == 0
    locations.mark_present(library, ["/music/c.ogg"])
    assert locations.forget_missing(library) == 1
    assert library.count() == 4
    assert library.db.execute("SELECT count(*) FROM embedding").fetchone() == (4,)


def test_folders_below(library: Library) -> None:
    library.add(song("/music-not/x.mp3"), song("/music/live2/x.mp3"))
    below = set(locations.folders_below(library, "/music"))
    assert below == {"/music", "/music/Live in Paris", "/music/live", "/music/live2", "/music/Метал"}
    assert set(locations.folders_below(library, "/music/live")) == {"/music/live"}
    assert len(set(locations.folders_below(library, "/"))) == 6


# -- exports


def test_a_manifest_holds_what_people_said(tmp_path: Path) -> None:
    said = [
        Song(Path("/music/corrected.mp3"), correction="Čalgija", tag_genre="Rock", artist="Ѓ"),
        Song(Path("/music/tagged.mp3"), tag_genre="Jazz", genre="rock"),
        Song(Path("/music/two tags.mp3"), tag_genre="Jazz; Blues"),
        Song(Path("/music/silent.mp3"), genre="rock"),
    ]
    assert export.export(said, tmp_path / "set.csv", "manifest") == 2
    text = (tmp_path / "set.csv").read_text("utf-8")
    assert text.splitlines() == ["file,genre,artist", "/music/corrected.mp3,Čalgija,Ѓ", "/music/tagged.mp3,Jazz,"]


def test_csv(library: Library, tmp_path: Path) -> None:
    assert export.export(library.songs(), tmp_path / "x" / "t.csv", "csv") == len(SONGS)
    with (tmp_path / "x" / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert set(rows) == {str(s.path) for s in SONGS}
    corrected = rows["/music/c.ogg"]
    assert (corrected["genre"], corrected["predicted"], corrected["best"]) == ("blues", "", "rock")
    assert rows["/music/e.mp3"]["error"]
    assert json.loads(rows["/music/d.wav"]["probabilities"])["rock"] == 0.8


def test_parquet_there_and_back(library: Library, tmp_path: Path) -> None:
    target = tmp_path / "t.parquet"
    export.export(library.songs(embeddings=True), target, "parquet")
    with Library.open(tmp_path / "second.sqlite") as second:
        for _ in range(2):  # counts nothing twice
            assert parquet.import_songs(second, target) == len(SONGS)
        for a, b in zip(library.songs(embeddings=True), second.songs(embeddings=True), strict=True):
            assert a.to_dict() | {"id": 0} == b.to_dict() | {"id": 0}
            assert (a.embedding is None) == (b.embedding is None)
            assert a.embedding is None or np.array_equal(a.embedding, np.asarray(b.embedding))
        parquet.import_songs(second, target, replace=("/music", "/elsewhere"))
        assert second.count() == 2 * len(SONGS)
        assert second.song("/elsewhere/d.wav") is not None


def test_what_is_no_table_of_songs_is_refused(library: Library, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("text")
    arrow = parquet.pyarrow()
    arrow.parquet.write_table(arrow.table({"colour": ["red"]}), tmp_path / "y.parquet")
    for name in ("x.parquet", "y.parquet", "z.parquet"):
        with pytest.raises(FileError):
            parquet.import_songs(library, tmp_path / name)
    assert library.count() == len(SONGS)


def test_without_pyarrow_the_way_to_it_is_told(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Exception, match=r"pip install 'zhanr\[parquet\]'"):
        export.export(library.songs(), tmp_path / "t.parquet", "parquet")
    assert list(tmp_path.glob("*parquet*")) == []


def test_a_playlist(library: Library, tmp_path: Path) -> None:
    library.add(song("/music/line\nbreak.mp3"))
    assert export.export(library.songs("genre=jazz"), tmp_path / "p.m3u8", "m3u", absolute=True) == 1
    assert (tmp_path / "p.m3u8").read_text(encoding="utf-8").splitlines() == [
        "#EXTM3U",
        "#EXTINF:200,Miles Davis - So What",
        "/music/Live in Paris/so what.mp3",
    ]


def test_a_playlist_leads_from_where_it_lies(tmp_path: Path) -> None:
    music = tmp_path / "music"
    names = ("a/ü.mp3", "#1 hit.mp3", "b.mp3", "s3://bucket/c.mp3")
    songs = [Song(Path(name) if "://" in name else music / name) for name in names]
    assert export.export(songs, music / "lists" / "p.m3u8", "m3u") == 4
    paths = (music / "lists" / "p.m3u8").read_text(encoding="utf-8").splitlines()[2::2]
    assert paths == ["../a/ü.mp3", "../#1 hit.mp3", "../b.mp3", "s3://bucket/c.mp3"]
    for path in paths[:3]:
        assert (music / "lists" / path).resolve() in {song.path for song in songs}
    export.export(songs, music / "p.m3u8", "m3u")  # beside the music, where a name may look like a remark
    assert (music / "p.m3u8").read_text(encoding="utf-8").splitlines()[2::2][1] == "./#1 hit.mp3"


def test_nothing_is_written_over_unasked(library: Library, tmp_path: Path) -> None:
    target = tmp_path / "t.csv"
    target.write_text("mine")
    with pytest.raises(FileError, match="--force"):
        export.export(library.songs(), target, "csv")
    assert target.read_text() == "mine"
    export.export(library.songs(), target, "csv", force=True)
    (tmp_path / "jazz.m3u8").write_text("mine")
    with pytest.raises(FileError, match="--force"):
        playlists.playlists(library, tmp_path)
    assert [p.name for p in tmp_path.glob("*.m3u8")] == ["jazz.m3u8"]
    assert len(playlists.playlists(library, tmp_path, force=True)) == 3


def test_playlists_by_style(library: Library, tmp_path: Path) -> None:
    library.add(Song(Path("/music/x.mp3"), styles=(Style("punk", 0.9), Style("ska", 0.5))))
    library.add(Song(Path("/music/y.mp3"), styles=(Style("ska", 0.8),)))
    written = playlists.playlists(library, tmp_path, by="style")
    assert {name: (path.name, count) for name, (path, count) in written.items()} == {
        "ska": ("ska.m3u8", 2),
        "punk": ("punk.m3u8", 1),
    }


def test_tables_have_no_more_digits_than_mean_something(tmp_path: Path) -> None:
    odd = Song(Path("/m/a.mp3"), duration=200.123456789, confidence=1 / 3, probabilities={"jazz": 1 / 3})
    for form in ("csv", "json"):
        export.export([odd], tmp_path / f"t.{form}", form)
        text = (tmp_path / f"t.{form}").read_text()
        assert "0.3333" in text
        assert "0.33333" not in text
        assert "200.1235" in text


def test_playlists_have_names_that_every_system_allows(library: Library, tmp_path: Path) -> None:
    for path, genre in (("so what.mp3", "R&B/Soul"), ("b.flac", "r&b:soul")):
        (found,) = (s for s in library.songs() if s.path.name == path)
        library.correct(found.path, genre)
    library.correct("/music/d.wav", "con")
    library.correct("/music/e.mp3", "../../etc/passwd")
    written = playlists.playlists(library, tmp_path / "lists")
    assert {path.name for path, _ in written.values()} == {p.name for p in (tmp_path / "lists").iterdir()}
    assert written["con"][0].name == "con_.m3u8"
    assert len({path.name.casefold() for path, _ in written.values()}) == len(written) == 6
    assert all(path.parent == tmp_path / "lists" and path.exists() for path, _ in written.values())


@given(st.text())
def test_any_genre_gives_a_safe_name(text: str) -> None:
    name = playlists.safe_name(text, set())
    assert name
    assert not set(name) & set('<>:"/\\|?*\0\n')
    assert len(name.encode()) <= 120
    assert name[-1] not in " ."
    assert name not in (".", "..")


def test_a_full_disk_is_an_error_and_leaves_the_old_file(library: Library, tmp_path: Path) -> None:
    with pytest.raises(FileError):
        export.export(library.songs(), Path("/dev/full/x.csv") if os.name == "posix" else tmp_path, "csv")
    with pytest.raises(ConfigError, match="not a form"):
        export.export(library.songs(), tmp_path / "x.pdf", "pdf")
    assert list(tmp_path.glob("*pdf*")) == []


# -- tags


@pytest.mark.parametrize(
    ("tag", "genre", "verdict"),
    [
        ("Jazz", "jazz", Verdict.AGREE),
        ("Acid Jazz", "jazz", Verdict.AGREE),
        ("Hip-Hop", "hiphop", Verdict.AGREE),
        ("hip hop", "hiphop", Verdict.AGREE),
        ("Gangsta Rap", "hiphop", Verdict.AGREE),
        ("Pop/Rock", "rock", Verdict.AGREE),
        ("Pop; Rock", "pop", Verdict.AGREE),
        ("Rock", "jazz", Verdict.DISAGREE),
        ("Soundtrack", "jazz", Verdict.UNKNOWN),
        ("Rockabilly", "jazz", Verdict.UNKNOWN),
        ("Chanson", "pop", Verdict.AGREE),
        ("Rock", None, Verdict.UNKNOWN),
    ],
)
def test_tags_and_answers_are_compared(tag: str, genre: str | None, verdict: Verdict) -> None:
    labels = dict.fromkeys(("jazz", "rock", "pop", "hiphop"), 0.25)
    names = Names({"chanson": "pop"})
    assert names.compare(song("/x", genre, probabilities=labels, tag_genre=tag)) is verdict


def test_labels_of_files(tmp_path: Path) -> None:
    from audio_files import FORMATS, encode, music

    said = {"genre": "Nu Jazz", "artist": "Ж", "album_artist": "All", "album": "An album", "title": "A title"}
    expected = {"tag_genre": "Nu Jazz", "artist": "Ж", "albumartist": "All", "album": "An album", "title": "A title"}
    for name in ("mp3", "flac", "vorbis", "opus", "aac", "wma", "wav-s16", "mka-flac", "wavpack"):
        fmt = FORMATS[name]
        path = tmp_path / f"{name}.{fmt.suffix}"
        path.write_bytes(encode(music(1.0, fmt.rate), fmt, metadata=said))
        lacks = {"albumartist": None} if name == "wav-s16" else {}  # an INFO list has no such field
        assert read_labels(path) == expected | lacks, name
    (tmp_path / "x.mp3").write_bytes(b"ID3\x04\0\0\0\0\0\x7f" + bytes(range(256)))
    assert set(read_labels(tmp_path / "x.mp3").values()) == {None}
    assert set(read_labels(tmp_path / "absent.mp3").values()) == {None}


# -- as a user


def test_the_commands(library: Library, tmp_path: Path) -> None:
    library.close()
    at = ("--library", library.path)
    text = zhanr("library", *at).stdout
    assert "6 songs" in text
    assert "█" in text
    assert "rock" in text
    (numbers,) = lines(zhanr("library", *at, "--json"))
    assert numbers["genres"] == {"rock": 3, "blues": 1, "jazz": 1}
    assert numbers["songs"] == 6 == sum(numbers[k] for k in ("sure", "unsure", "corrected", "failed"))
    assert [s["path"] for s in lines(zhanr("library", "list", "genre=jazz", *at, "--json"))] == [str(SONGS[0].path)]
    listed = zhanr("library", *at, "list", "artist~miles davis").stdout
    assert "so what.mp3" in listed
    assert "blues*" in zhanr("library", "list", *at).stdout
    assert "this is not a music file" in zhanr("library", "failures", *at).stdout
    assert lines(zhanr("library", "failures", *at, "--json")) == [
        {"path": "/music/e.mp3", "error": "this is not a music file"}
    ]
    (done,) = lines(zhanr("library", "export", "genre=rock", "-o", tmp_path / "t.csv", *at, "--json"))
    assert done["songs"] == 3
    assert "3 songs" in zhanr("library", "export", "genre=rock", "-o", tmp_path / "t.m3u8", *at).stdout
    assert len(lines(zhanr("library", "playlists", "-o", tmp_path / "lists", *at, "--json"))) == 3
    assert "--force" in zhanr("library", "playlists", "-o", tmp_path / "lists", *at, code=1).stderr
    assert "no playlist" in zhanr("library", "playlists", "--by", "style", "-o", tmp_path, *at).stdout
    (odd,) = lines(zhanr("library", "disagree", *at, "--json"))
    assert odd == {"path": "/music/d.wav", "tag": "Jazz", "genre": "rock", "confidence": 0.8}
    assert "2 tags agree, 1 disagree" in zhanr("library", "disagree", *at).stdout
    assert "0 disagree" in zhanr("library", "disagree", "--same", "jazz=rock", "genre=rock", *at).stdout
    (said,) = lines(zhanr("library", "correct", "/music/d.wav", "Turbo  Folk", *at, "--json"))
    assert said == {"path": "/music/d.wav", "genre": "Turbo Folk", "correction": "Turbo Folk"}
    assert "rock" in zhanr("library", "correct", "/music/d.wav", "--clear", *at).stdout
    zhanr("library", "export", "-o", tmp_path / "t.parquet", *at)
    assert lines(zhanr("library", "import", tmp_path / "t.parquet", "--library", tmp_path / "n.sqlite", "--json")) == [
        {"path": str(tmp_path / "t.parquet"), "songs": 6}
    ]
    assert "0 songs forgotten" in zhanr("library", "prune", *at).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["list", "=jazz"], 1, "'=jazz' is no filter"),
        (["export", "-o", "x.pdf"], 1, "not a form of export"),
        (["correct", "/nowhere.mp3", "jazz"], 1, "not in the library"),
        (["correct", "/nowhere.mp3"], 2, "either a genre or --clear"),
        (["disagree", "--same", "jazz"], 2, "TAG=GENRE"),
        (["import", "x.parquet"], 1, "no such file"),
        (["sing"], 2, "No such command"),
    ],
)
def test_wrong_usage(library: Library, arguments: list[str], code: int, complaint: str) -> None:
    done = zhanr("library", "--library", library.path, *arguments, code=code)
    assert complaint in done.stderr


def test_a_library_can_be_read_where_nothing_may_be_written(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.close()  # which takes the files beside it away
    before = library.path.read_bytes()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with Library.open(library.path, create=False, readonly=True) as opened:
        assert opened.count() == len(SONGS)
        with pytest.raises(LibraryError, match="not permitted"):
            opened.correct("/music/d.wav", "jazz")
        assert [p.name for p in library.path.parent.glob(f"{library.path.name}*")] == [library.path.name]
    assert library.path.read_bytes() == before


def test_before_the_first_scan(tmp_path: Path) -> None:
    done = zhanr("library", "list", "--library", tmp_path / "none.sqlite", code=1)
    assert "zhanr scan FOLDER" in done.stderr
    assert not (tmp_path / "none.sqlite").exists()
