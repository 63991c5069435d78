"""One answer for an album: who belongs together, what they say together, and how sure that is."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tiny import tiny_model
from zhanr import Classifier
from zhanr.bundle import load_bundle
from zhanr.cli import app
from zhanr.errors import ConfigError
from zhanr.library import Library, Song, memory
from zhanr.library.albums import Album, albums, together
from zhanr.prediction import NOVEL

LABELS = ("jazz", "metal", "rock")


def song(path: str, *probabilities: float, **more: Any) -> Song:
    said = dict(zip(LABELS, probabilities or (0.9, 0.05, 0.05), strict=True))
    best = max(said, key=lambda genre: said[genre])
    values: dict[str, Any] = {"duration": 200.0, "best": best, "genre": best, "model_sha256": "m"}
    return Song(Path("/music") / path, probabilities=said, confidence=said[best], **(values | more))


def of(*songs: Song, by: Any = "album", least: float = 0.0) -> list[Album]:
    numbered = [Song(**{**vars(s), "id": i}) for i, s in enumerate(songs)]
    return list(together(lambda: numbered, by, least))


def grouped(*songs: Song, by: Any = "album") -> set[frozenset[int]]:
    return {frozenset(album.ids) for album in of(*songs, by=by)}


def sets(*groups: list[int]) -> set[frozenset[int]]:
    return set(map(frozenset, groups))


# -- who belongs together

MIXED = (
    song("q/cd1/a.mp3", albumartist="Queen", artist="Queen", album="Live"),
    song("q/cd2/b.mp3", albumartist="queen", artist="Queen feat. Bowie", album="LIVE "),
    song("hits/c.mp3", artist="Abba", album="Hits", albumartist="Various Artists"),
    song("hits/d.mp3", artist="Queen", album="Hits", albumartist="Various Artists"),
    song("other/e.mp3", artist="Abba", album="Live"),
    song("loose/f.mp3", artist="Abba"),
    song("loose/g.mp3", artist="abba!"),
    song("loose/h.mp3", artist="Queen"),
    song("untagged/i.mp3"),
    song("untagged/j.mp3"),
    song("set/cd1/k.mp3", artist="Dylan", album="Bootleg"),
    song("set/cd2/l.mp3", artist="Dylan", album="Bootleg"),
)


def test_an_album_is_known_by_its_artist_or_its_folder() -> None:
    assert grouped(*MIXED) == sets([0, 1], [2, 3], [4], [5, 6], [7], [8, 9], [10, 11])


def test_an_artist_has_the_songs_of_all_albums() -> None:
    assert grouped(*MIXED, by="artist") == sets([0, 1, 3, 7], [2, 4, 5, 6], [8, 9], [10, 11])


def test_the_name_of_an_album_is_what_most_of_its_songs_say() -> None:
    names = {album.ids: album.name for album in of(*MIXED)}
    assert names[0, 1] == "Queen - Live"
    assert names[2, 3] == "Various Artists - Hits"
    assert names[8, 9] == "/music/untagged"
    assert {album.name for album in of(*MIXED, by="artist")} >= {"Queen", "Abba", "/music/untagged"}
    (mixed,) = of(song("x/a.mp3", artist="A", album="Both"), song("x/b.mp3", artist="B", album="Both"))
    assert (mixed.artist, mixed.name) == ("", "Both")


# -- what they say together


def test_a_song_alone_is_its_own_album() -> None:
    (album,) = of(song("a.mp3", 0.2, 0.7, 0.1))
    assert (album.genre, album.best, album.agreement, album.songs, album.seconds) == ("metal", "metal", 1.0, 1, 200.0)
    assert album.probabilities == pytest.approx({"metal": 0.7, "jazz": 0.2, "rock": 0.1})


def test_the_answer_is_the_mean_of_log_probabilities_by_length() -> None:
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.3, 0.6, 0.1])
    (album,) = of(song("a.mp3", *p, duration=100.0), song("b.mp3", *q, duration=300.0))
    mean = np.exp((100 * np.log(p) + 300 * np.log(q)) / 400)
    assert album.probabilities == pytest.approx(dict(zip(LABELS, mean / mean.sum(), strict=True)))
    assert next(iter(album.probabilities)) == "metal"
    assert (album.genres, album.agreement) == ({"jazz": 1, "metal": 1}, 0.5)
    (long,) = of(song("a.mp3", *p, duration=100_000.0), song("b.mp3", *q, duration=600.0))
    assert long.probabilities["jazz"] == pytest.approx(np.sqrt(p * q)[0] / np.sqrt(p * q).sum()), "as 600 s"


def test_it_is_sure_from_the_model_s_threshold_on() -> None:
    songs = [song(f"a/{i}.mp3", 0.6, 0.3, 0.1) for i in range(9)]
    (doubtful,), (sure,) = of(*songs, least=0.7), of(*songs, least=0.55)
    assert (doubtful.genre, doubtful.best, sure.genre) == (None, "jazz", "jazz")
    assert doubtful.reason == "not sure: the likeliest genre has a probability of only 60%"
    strange = [song(f"a/{i}.mp3", genre=None, reason=NOVEL) for i in range(2)]
    (album,) = of(*strange, song("a/2.mp3"), least=0.5)
    assert (album.genre, album.reason) == (None, NOVEL)
    (album,) = of(strange[0], song("a/2.mp3"), song("a/3.mp3"), least=0.5)
    assert (album.genre, album.reason) == ("jazz", None)


def test_corrections_are_certain_and_of_any_spelling() -> None:
    (album,) = of(
        *(song(f"{i}.mp3", 0.9, 0.05, 0.05, correction="METAL") for i in range(2)), song("x.mp3", 0.4, 0.3, 0.3)
    )
    assert (album.best, album.corrected, album.genres) == ("METAL", 2, {"METAL": 2, "jazz": 1})
    assert album.confidence > 0.99
    (album,) = of(song("a.mp3", correction="Polka"), least=0.9)
    assert (album.genre, album.confidence) == ("Polka", 1.0)
    many = [song(f"{i}.mp3", 0.9, 0.05, 0.05) for i in range(9)]
    (album,) = of(*many, song("x.mp3", correction="Polka"))
    assert album.best == "jazz", "one word doesn't outvote nine songs"


def test_songs_without_an_answer_only_belong_to_it() -> None:
    bad = Song(Path("/music/bad.mp3"), error="this is not a music file")
    assert of(bad) == []
    (album,) = of(song("a.mp3"), bad)
    assert (album.songs, album.ids) == (1, (0, 1))
    (album,) = of(Song(Path("/music/bad.mp3"), error="?", correction="metal"))
    assert (album.genre, album.seconds) == ("metal", 0.0)


def test_a_filter_picks_albums_and_changes_no_answer(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.sqlite") as library:
        library.add(*MIXED, song("q/x.mp3", 0.0, 1.0, 0.0, album="Live", albumartist="Queen"))
        found = albums(library)
        assert [album.name for album in found][:2] == ["/music/untagged", "Abba - /music/loose"]
        (queen,) = albums(library, "path~cd1/a")
        assert queen.songs == 3
        assert [a.to_dict() for a in found if a.name == "Queen - Live"] == [queen.to_dict()]
        assert json.dumps(queen.to_dict())
        assert albums(library, "genre=polka") == []
        with pytest.raises(ConfigError):
            albums(library, "nothing<")


def test_an_album_is_righter_than_its_songs(shared: Path) -> None:
    """Songs of GTZAN's validation part, by artists that the model was not trained on, as albums of these artists."""
    artists = {}
    for line in (shared / "gtzan" / "GTZANindex.txt").read_text("utf-8", "replace").splitlines():
        name, _, rest = line.partition(":::")
        artists[name.strip().removesuffix(".wav")] = rest.partition(":::")[0].strip()
    store = np.load(shared / "gtzan" / "mel128_valid.npz")
    classifier = Classifier.load("paper")
    songs, truth = [], {}
    for number, (picture, name) in enumerate(zip(store["x"], map(str, store["names"]), strict=True)):
        said = classifier.predict_features(picture)
        truth[number] = name.partition(".")[0]
        artist = f"{artists[name]} ({truth[number]})" if artists.get(name) else None
        path = Path(f"/{number}/{name}.wav")
        more: dict[str, Any] = {"probabilities": said.probabilities, "best": said.best, "duration": said.duration}
        songs.append(Song(path, artist=artist, album=artist and "all", id=number, **more))
    found = [album for album in together(lambda: songs, "album") if len(album.ids) > 1]
    single = np.mean([songs[i].best == truth[i] for album in found for i in album.ids])
    together_ = np.mean([album.best == truth[i] for album in found for i in album.ids])
    assert len(found) > 20
    assert together_ > single + 0.1, (single, together_)


# -- the command


def remembered(path: Path, model: Path, *songs: Song) -> Path:
    """A library of songs that a model has classified."""
    sha256 = load_bundle(model).sha256
    with Library.open(path) as library:
        library.add(*(Song(**{**vars(s), "model_sha256": sha256}) for s in songs))
        memory.remember(library, memory.Model(sha256, str(model)))
    return path


def test_the_command_lists_albums(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny.onnx", confidence=0.8)
    songs = (*MIXED, song("q/x.mp3", 0.1, 0.8, 0.1, album="Live", albumartist="Queen"))
    path = remembered(tmp_path / "library.sqlite", model, *songs)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["library", "albums", *arguments, "--library", str(path)])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "jazz      90%      2/2  Various Artists - Hits" in run()
    assert "not sure  70%      2/3  Queen - Live   jazz 2, metal 1" in run()
    assert "7 albums, 6 with a genre" in run()
    rows = list(csv.DictReader(io.StringIO(run("--csv", "artist=queen"))))
    assert [row["songs_by_genre"] for row in rows] == ["jazz 1", "jazz 2, metal 1", "jazz 2"]
    assert rows[1]["genre"] == "", "not sure"
    artists = [json.loads(line) for line in run("--json", "--by", "artist").splitlines()]
    assert [a["artist"] for a in artists] == ["", "Abba", "Dylan", "Queen"]
