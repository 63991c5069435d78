"""Similar songs and duplicates: the index is exact, copies are not similar songs, and one recording is recognised."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from command import lines, zhanr
from tiny import tiny_model
from zhanr.errors import ConfigError
from zhanr.library import Library, Song
from zhanr.library.similar import METRICS, Index, Metric, SimilarSongs, close_pairs, same_sound
from zhanr.scan.duplicates import find_duplicates

DEMO = Path(__file__).parents[1] / "demo"


def clustered(n: int, d: int, seed: int, *, isotropic: bool = False) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    scale = np.ones(d) if isotropic else np.arange(1, d + 1) ** -0.7
    centers = rng.normal(size=(20, d)) * scale
    return (2 + centers[rng.integers(20, size=n)] + 0.3 * scale * rng.normal(size=(n, d))).astype(np.float32)


def by_definition(matrix: NDArray[np.float32], query: NDArray[np.float32], metric: Metric) -> NDArray[np.float64]:
    x, q = matrix.astype(np.float64), query.astype(np.float64)
    if metric == "euclidean":
        return np.asarray(np.sqrt(((x - q) ** 2).sum(axis=1)))
    return np.asarray(1 - x @ q / (np.linalg.norm(x, axis=1) * np.linalg.norm(q)))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("n", "d", "isotropic"), [(1, 5, False), (7, 3, False), (60_000, 64, False), (45_678, 64, True)]
)
def test_the_index_finds_exactly_the_nearest(metric: Metric, n: int, d: int, isotropic: bool) -> None:
    matrix = clustered(n, d, seed=n, isotropic=isotropic)
    index = Index(matrix, metric)
    for query in (matrix[n // 2], clustered(1, d, seed=1)[0], -matrix[0], 100 * matrix[0]):
        rows, distances = index.search(query, 10)
        truth = by_definition(matrix, query, metric)
        best = np.sort(truth)[:10]
        assert len(rows) == min(n, 10) == len(set(rows.tolist()))
        np.testing.assert_allclose(distances, best, rtol=1e-3, atol=2e-6 * max(1.0, float(best[-1])))
        np.testing.assert_allclose(truth[rows], best, rtol=1e-3, atol=2e-6 * max(1.0, float(best[-1])))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 40), st.integers(1, 30), st.sampled_from(METRICS), st.integers(0, 2**16))
def test_the_index_is_exact_for_vectors_full_of_ties(n: int, d: int, k: int, metric: Metric, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-1, 2, size=(n, d)).astype(np.float32)
    matrix[~matrix.any(axis=1)] = 1
    query = matrix[rng.integers(n)]
    _, distances = Index(matrix, metric).search(query, k)
    np.testing.assert_allclose(distances, np.sort(by_definition(matrix, query, metric))[:k], atol=2e-6)


def test_the_index_looks_closely_at_few_songs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = clustered(200_000, 96, seed=0)
    index = Index(matrix)
    looked: list[int] = []
    squared = index._squared

    def count(rows: NDArray[np.intp], query: NDArray[np.float32]) -> NDArray[np.float32]:
        looked.append(len(rows))
        return squared(rows, query)

    monkeypatch.setattr(index, "_squared", count)
    index.search(matrix[17], 10)
    assert sum(looked) < 100


def test_the_index_refuses_what_makes_no_sense() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        Index(np.empty((0, 4), np.float32))
    with pytest.raises(ConfigError, match="not a metric"):
        Index(np.ones((2, 4), np.float32), "manhattan")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="3 numbers, and those of the index 4"):
        Index(np.ones((2, 4), np.float32)).search(np.ones(3), 1)


def song(name: str, vector: list[float], **more: Any) -> Song:
    values: dict[str, Any] = {"content_hash": f"hash of {name}", "duration": 100.0, "model_sha256": "m", "best": "jazz"}
    return Song(Path("/music") / name, embedding=np.array(vector, np.float32), **(values | more))


def fill(path: Path, *songs: Song) -> Library:
    library = Library.open(path)
    library.add(*songs)
    return library


def test_similar_songs_are_sorted_and_leave_out_the_song_itself_and_copies(tmp_path: Path) -> None:
    songs = [
        song("seed", [1, 0]),
        song("copy of seed", [1, 0], content_hash="hash of seed"),
        song("near", [1, 0.1]),
        song("copy of near", [1, 0.1], content_hash="hash of near"),
        song("unhashed", [1, 0.2], content_hash=None),
        song("far", [0, 1]),
        song("of another model", [1, 0], model_sha256="other"),
    ]
    with fill(tmp_path / "library.sqlite", *songs) as library:
        seed = library.song("/music/seed", embedding=True)
        assert seed is not None
        hits = SimilarSongs(library).find(seed.embedding, 10, seed=seed)
        assert [hit.song.path.name for hit in hits] == ["copy of near", "unhashed", "far"] or [
            hit.song.path.name for hit in hits
        ] == ["near", "unhashed", "far"]
        assert hits[-1].distance == pytest.approx(1.0)
        assert len(SimilarSongs(library).find(seed.embedding, 2, seed=seed)) == 2


def test_many_copies_do_not_hide_the_others(tmp_path: Path) -> None:
    copies = [song(f"copy {i}", [1, 0], content_hash="same") for i in range(50)]
    with fill(tmp_path / "library.sqlite", *copies, song("other", [0, 1])) as library:
        hits = SimilarSongs(library).find([1, 0], 2)
        assert [hit.distance for hit in hits] == pytest.approx([0, 1])


def test_an_empty_library_says_so(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.sqlite") as library, pytest.raises(ConfigError, match="holds no songs"):
        SimilarSongs(library)


def test_close_pairs_are_those_of_a_full_comparison(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors, durations = rng.normal(size=(700, 3)), rng.uniform(0, 100, 700)
    songs = [
        song(f"{i:03}", list(v), duration=float(t)) for i, (v, t) in enumerate(zip(vectors, durations, strict=True))
    ]
    with fill(tmp_path / "library.sqlite", *songs) as library:
        found = {frozenset((a, b)) for a, b, _ in close_pairs(library, distance=0.05, seconds=2.5)}
        ids = {s.path.name: s.id for s in library.songs()}
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    close = (1 - unit @ unit.T <= 0.05) & (np.abs(durations[:, None] - durations) <= 2.5)
    expected = {frozenset((ids[f"{i:03}"], ids[f"{j:03}"])) for i, j in np.argwhere(np.triu(close, 1)).tolist()}
    assert expected
    assert found == expected


def test_same_sound_groups_equal_hashes(tmp_path: Path) -> None:
    songs = [song("b", [1], content_hash="x"), song("a", [1], content_hash="x"), song("c", [1], content_hash=None)]
    with fill(tmp_path / "library.sqlite", *songs, song("d", [1], content_hash=None)) as library:
        assert [[s.path.name for n in group if (s := library.song_by_id(n))] for group in same_sound(library)] == [
            ["a", "b"]
        ]


def recode(source: Path, target: Path) -> Path:
    """The same music as MP2, which every FFmpeg can write."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        stream = after.add_stream("mp2", rate=44100)
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=44100)
        fifo = av.AudioFifo()
        for frame in before.decode(audio=0):
            for piece in resampler.resample(frame):
                piece.pts = None
                fifo.write(piece)
        while (part := fifo.read(1152)) is not None:
            after.mux(stream.encode(part))
        after.mux(stream.encode(None))
    return target


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A library of the demo songs, one of them copied, and one coded anew."""
    folder = tmp_path_factory.mktemp("similar")
    music = folder / "music"
    music.mkdir()
    songs = sorted(path for path in DEMO.iterdir() if path.suffix in (".flac", ".mp3", ".ogg", ".wav"))
    assert songs
    for path in songs:
        shutil.copy(path, music)
    first = music / songs[0].name
    shutil.copy(first, music / f"copy{first.suffix}")
    recode(first, music / "recoded.mp2")
    model = tiny_model(folder / "tiny.onnx")
    library = folder / "library.sqlite"
    zhanr("scan", music, "--library", library, "--model", model)
    return {"library": library, "music": music, "model": model, "first": first, "other": music / songs[-1].name}


def test_the_command_lists_songs_and_writes_a_playlist(scanned: dict[str, Path], tmp_path: Path) -> None:
    playlist = tmp_path / "similar.m3u8"
    options = ("--library", scanned["library"], "--n", "2", "--absolute", "--playlist", playlist)
    found = lines(zhanr("similar", scanned["first"], *options, "--json"))
    assert len(found) == 2
    assert found[0]["distance"] <= found[1]["distance"]
    assert Path(found[0]["path"]).name == "recoded.mp2"
    entries = [line for line in playlist.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert entries == [str(scanned["first"]), *(row["path"] for row in found)]
    text = zhanr("similar", scanned["first"], *options, "--force", "--metric", "euclidean").stdout.splitlines()
    assert len(text) == 2
    assert "recoded.mp2" in text[0]


def test_a_file_outside_the_library_is_heard_first(scanned: dict[str, Path], tmp_path: Path) -> None:
    outside = shutil.copy(scanned["other"], tmp_path / f"outside{scanned['other'].suffix}")
    options = ("--library", scanned["library"], "--json")
    found = lines(zhanr("similar", outside, *options, "--model", scanned["model"], "--n", "3"))
    assert len(found) == 3
    assert scanned["other"].name not in [Path(row["path"]).name for row in found], "it is the same recording"
    other = tiny_model(tmp_path / "other.onnx", seed=1)
    assert "has genres of its own" in zhanr("similar", outside, *options, "--model", other, code=1).stderr
    assert lines(zhanr("similar", outside, *options, "--n", "3")) == found, "the library knows its model"


def test_duplicates_are_found_by_hash_and_by_fingerprint(scanned: dict[str, Path]) -> None:
    found = lines(zhanr("library", "duplicates", "--library", scanned["library"], "--json", "--jobs", "1"))
    assert len(found) == 1
    names = {Path(song["path"]).name for song in found[0]["songs"]}
    assert names == {scanned["first"].name, f"copy{scanned['first'].suffix}", "recoded.mp2"}
    assert not found[0]["exact"]
    text = zhanr("library", "duplicates", "--library", scanned["library"], "--distance", "0").stdout
    assert "the same audio:" in text


def test_close_embeddings_alone_make_no_duplicate(scanned: dict[str, Path]) -> None:
    with Library.open(scanned["library"]) as library:
        groups = find_duplicates(library, distance=2.0, seconds=1000.0)
    assert len(groups) == 1
    assert len(groups[0].songs) == 3
