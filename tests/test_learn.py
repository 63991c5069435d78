"""One's own genres: the head is right, its test is honest, the graph around it stays, and nothing worse replaces."""

from __future__ import annotations

import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from command import lines, zhanr
from tiny import LABELS, N_BINS, N_FRAMES, tiny_model
from zhanr import Classifier
from zhanr.aggregate import aggregate, novelty, softmax
from zhanr.bundle import load_bundle, write_bundle
from zhanr.card import StyleLabel
from zhanr.errors import ConfigError, ZhanrError
from zhanr.learn.examples import collect, group_songs
from zhanr.learn.graph import with_head
from zhanr.learn.linear import PENALTIES, Head, choose_penalty, cross_validate, fit, folds
from zhanr.learn.train import train
from zhanr.library import Library, Song

sklearn_linear = pytest.importorskip("sklearn.linear_model")


def clusters(n: int, d: int, k: int, seed: int, spread: float = 0.5) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    centers = np.random.default_rng(99).normal(size=(k, d))
    return (5 + 3 * (centers[y] + spread * rng.normal(size=(n, d)))).astype(np.float32), y.astype(np.int64)


def test_the_head_is_the_solution_of_the_regression() -> None:
    x, y = clusters(300, 6, 3, seed=0, spread=2.0)
    y[:40] = 0  # unbalanced
    head = fit(x, y, 3, 0.01)
    z = (x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)) / x.std(axis=0, dtype=np.float64)
    oracle = sklearn_linear.LogisticRegression(C=1 / (0.01 * len(y)), class_weight="balanced", max_iter=5000, tol=1e-10)
    expected = softmax(oracle.fit(z, y).decision_function(z))
    np.testing.assert_allclose(softmax(head.logits(x)), expected, atol=5e-3)


def test_numbers_that_never_change_are_not_used() -> None:
    x, y = clusters(60, 4, 2, seed=0)
    x[:, 1] = 7
    head = fit(x, y, 2, 0.01)
    assert np.isfinite(head.weights).all()
    assert not head.weights[:, 1].any()
    other = x.copy()
    other[:, 1] = 1000
    np.testing.assert_allclose(head.logits(other), head.logits(x))


def test_folds_never_divide_a_group_and_share_out_the_genres() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=400)
    groups = [f"artist {i}" for i in rng.integers(90, size=400)]
    fold = folds(y, groups, 5)
    assert all(len({int(f) for f, g in zip(fold, groups, strict=True) if g == name}) == 1 for name in set(groups))
    for genre in range(4):
        counts = np.bincount(fold[y == genre], minlength=5)
        assert counts.min() > 0.6 * counts.max(), counts
    with pytest.raises(ConfigError, match="5 artists or albums at least, there are 2"):
        folds(np.array([0, 1, 0]), ["a", "b", "a"], 5)


def test_the_test_is_honest_where_artists_give_the_genre_away() -> None:
    """Embeddings that hold nothing but the artist: a test that divides artists would find every genre."""
    rng = np.random.default_rng(0)
    artist = np.repeat(np.arange(40), 5)
    x = (rng.normal(size=(40, 30))[artist] + 0.01 * rng.normal(size=(200, 30))).astype(np.float32)
    y = (artist % 2).astype(np.int64)
    together = cross_validate(x, y, [str(a) for a in artist], 2).logits.argmax(axis=1) == y
    divided = cross_validate(x, y, [str(i) for i in range(200)], 2).logits.argmax(axis=1) == y
    assert divided.mean() > 0.95
    assert together.mean() < 0.75


def test_noise_wants_a_strong_penalty_and_clear_genres_a_weak_one() -> None:
    x, y = clusters(200, 20, 4, seed=0, spread=0.1)
    groups = [str(i // 3) for i in range(200)]
    noise = np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    assert choose_penalty(noise, y, groups, 4) >= 1.0
    assert choose_penalty(x, y, groups, 4) <= PENALTIES[1]


def test_the_temperature_calibrates_songs_that_were_not_seen() -> None:
    x, y = clusters(400, 10, 3, seed=0, spread=3.0)
    found = cross_validate(x, y, [str(i // 2) for i in range(400)], 3)

    def loss(temperature: float) -> float:
        p = softmax(found.logits, temperature=temperature)
        return -float(np.log(p[np.arange(len(y)), y]).mean())

    assert loss(found.temperature) <= min(loss(0.9 * found.temperature), loss(1.1 * found.temperature))


def test_where_all_are_right_nothing_is_certain() -> None:
    """Genres that are far apart: a probability of 1 would be a threshold that no other song reaches."""
    x, y = clusters(60, 10, 3, seed=0, spread=0.05)
    found = cross_validate(x, y, [str(i // 2) for i in range(60)], 3)
    sure = np.exp(found.log_probabilities.max(axis=1))
    assert (found.logits.argmax(axis=1) == y).all()
    assert 0.9 < sure.min() < sure.max() < 0.9999
    assert np.median(sure) == pytest.approx(61 / 62, abs=0.01)


def test_a_head_on_mean_embeddings_is_exactly_what_serving_computes(tmp_path: Path) -> None:
    """Windows are answered one by one and then aggregated; for a linear head that is the head of their mean."""
    bundle = load_bundle(tiny_model(tmp_path / "old.onnx"))
    rng = np.random.default_rng(0)
    head = Head(rng.normal(size=(5, N_BINS)), rng.normal(size=5))
    card = bundle.card
    path = tmp_path / "new.onnx"
    labels = tuple("abcde")
    card = type(card).from_dict(card.to_dict() | {"labels": labels, "temperature": 1.7})
    write_bundle(path, with_head(bundle.path.read_bytes(), head), card)
    picture = rng.random((N_BINS, 7 * N_FRAMES)).astype(np.float32)
    answer = Classifier.load(path).predict_features(picture)
    assert len(answer.timeline) > 5
    expected = softmax(head.logits(answer.embedding[None])[0], temperature=1.7)
    np.testing.assert_allclose([answer.probabilities[g] for g in labels], expected, atol=1e-5)
    logits = rng.normal(size=(9, 4))
    np.testing.assert_allclose(aggregate(logits), softmax(logits.mean(axis=0)), atol=1e-12)


def test_the_surgery_keeps_the_embedding_and_drops_the_old_head(tmp_path: Path) -> None:
    old = tiny_model(tmp_path / "old.onnx")
    model = onnx.load(old)
    places = helper.make_tensor("places", TensorProto.FLOAT, [3, N_BINS], np.ones(3 * N_BINS))
    model.graph.node.append(helper.make_node("Constant", [], ["prototypes"], value=places))
    model.graph.output.append(helper.make_tensor_value_info("prototypes", TensorProto.FLOAT, [3, N_BINS]))
    onnx.save(model, tmp_path / "prototypes.onnx")
    x = np.random.default_rng(0).random((3, N_BINS, N_FRAMES)).astype(np.float32)
    card = load_bundle(old).card
    card = type(card).from_dict(card.to_dict() | {"labels": ("a", "b")})
    head = Head(np.ones((2, N_BINS)), np.array([0.0, 1.0]))
    for name in ("old.onnx", "prototypes.onnx"):
        before = load_bundle(tmp_path / name).run(x)
        graph = with_head((tmp_path / name).read_bytes(), head)
        after = write_bundle(tmp_path / "new.onnx", graph, card).run(x)
        np.testing.assert_array_equal(after.embedding, before.embedding)
        np.testing.assert_allclose(after.logits, head.logits(before.embedding), rtol=1e-5)
        assert (before.prototypes is not None) == (name == "prototypes.onnx")
        assert after.prototypes is None
        kept = {weight.name for weight in onnx.load_model_from_string(graph).graph.initializer}
        assert "weights" not in kept, "the old head is gone"
        again = with_head(graph, Head(np.zeros((3, N_BINS)), np.arange(3.0)))
        card3 = type(card).from_dict(card.to_dict() | {"labels": ("a", "b", "c")})
        third = write_bundle(tmp_path / "third.onnx", again, card3).run(x)
        np.testing.assert_allclose(third.logits, np.tile([0, 1, 2], (3, 1)))
    with pytest.raises(ZhanrError, match="does not compute"):
        with_head(onnx.helper.make_model(helper.make_graph([], "g", [], [])).SerializeToString(), head)


def song(i: int, **more: Any) -> Song:
    return Song(Path(f"/music/{i // 4}/{i}.mp3"), **({"content_hash": f"h{i}"} | more))


def test_songs_of_an_artist_an_album_or_a_recording_stay_together() -> None:
    songs = [
        song(0, artist="The Beatles"),
        song(4, artist="the beatles!"),
        song(8, artist="Solo", album="Both", content_hash="x"),
        song(9, artist="Guest", album="both"),
        song(20, content_hash="x"),
        song(24, artist="Various Artists", album="Greatest Hits"),
        song(28, artist="Various Artists", album="Greatest Hits"),
        song(32),
        song(36),
    ]
    a, b, c, d, e, *others = group_songs(songs)
    assert a == b
    assert c == d == e
    assert len({a, c, *others}) == 6


def own_library(path: Path, model: Path, *, signal: bool = True, n: int = 120, **more: Any) -> Path:
    """Songs of three genres, two of which the old model lacks; each artist made four of one genre."""
    sha256 = load_bundle(model).sha256
    x, _ = clusters(n, N_BINS, 3, seed=0)
    y = (np.arange(n) // 4) % 3
    centers, _ = clusters(3, N_BINS, 3, seed=1, spread=0)
    x = (centers[y] if signal else 0) + np.random.default_rng(0).normal(size=(n, N_BINS)).astype(np.float32)
    genres = ("Jazz", "Hip-Hop", "Čalgija")
    with Library.open(path) as library:
        library.add(
            *(
                Song(
                    Path(f"/music/{i:03}.mp3"),
                    content_hash=f"h{i}",
                    duration=100.0,
                    best="jazz",
                    genre="jazz",
                    probabilities=dict.fromkeys(LABELS, 1 / 3),
                    model_sha256=sha256,
                    artist=f"artist {i // 4}",
                    embedding=x[i],
                    **({"correction": genres[y[i]]} | more),
                )
                for i in range(n)
            )
        )
    return path


def test_a_better_model_is_written_with_its_report_and_parent(tmp_path: Path) -> None:
    old = tiny_model(tmp_path / "old.onnx", confidence=0.4)
    target = tmp_path / "own.onnx"
    with Library.open(own_library(tmp_path / "library.sqlite", old)) as library:
        result = train(library, target, model=old)
        first = target.read_bytes()
        second = train(library, target, model=old)
        vectors = library.embeddings()[1]
    assert result.genres == ("Hip-Hop", "Jazz", "Čalgija")
    assert result.comparison.old == pytest.approx(1 / 3)
    assert result.comparison.new > 0.9
    assert result.comparison.known == 40, "of its own genres, only jazz is known to the old model"
    card = load_bundle(target).card
    assert card.labels == result.genres
    assert 0.4 < card.thresholds["confidence"] <= 1, "its own, not the old one"
    assert card.parents[-1]["sha256"] == load_bundle(old).sha256
    assert card.scores["cross_validation"]["new"] == result.comparison.new
    assert card.training["data"]["library"]["songs"] == 120
    assert second.saved is not None
    assert second.saved.read_bytes() == first == target.read_bytes(), "the same library gives the same model"
    assert vectors.shape == (120, N_BINS)


def test_a_model_that_is_not_better_is_not_written_unless_forced(tmp_path: Path) -> None:
    old = tiny_model(tmp_path / "old.onnx")
    target = tmp_path / "own.onnx"
    target.write_bytes(b"the old one")
    with Library.open(own_library(tmp_path / "library.sqlite", old, signal=False)) as library:
        result = train(library, target, model=old)
        assert not result.comparison.better
        assert (result.written, target.read_bytes()) == (None, b"the old one")
        forced = train(library, target, model=old, force=True)
    assert forced.saved is not None
    assert forced.saved.read_bytes() == b"the old one"
    assert load_bundle(target).card.labels == forced.genres


def test_a_genre_that_can_not_be_learnt_any_more_counts_against_the_new_model(tmp_path: Path) -> None:
    old = tiny_model(tmp_path / "old.onnx")
    with Library.open(own_library(tmp_path / "library.sqlite", old)) as library:
        for song in list(library.songs("genre=Jazz", embeddings=True)):
            library.add(replace(song, artist="one artist made it all"))
        result = train(library, tmp_path / "own.onnx", model=old)
    assert result.left_out == {"Jazz": 40}
    assert (result.comparison.songs, result.comparison.known) == (120, 40)
    assert result.comparison.new < 0.7
    assert (result.comparison.known_new, result.comparison.known_old) == (0.0, 1.0)
    assert result.written is None


def test_tags_count_only_if_trusted_and_corrections_count_more(tmp_path: Path) -> None:
    old = tiny_model(tmp_path / "old.onnx")
    bundle = load_bundle(old)
    path = own_library(tmp_path / "library.sqlite", old, correction=None, tag_genre="hip hop")
    with Library.open(path) as library:
        with pytest.raises(ConfigError, match="there are: none"):
            collect(library, bundle)
        for i in range(60):
            library.correct(f"/music/{i:03}.mp3", "Rock")
        library.correct("/music/060.mp3", "Hip-Hop")
        library.correct("/music/061.mp3", "Polka")
        found = collect(library, bundle, trust_tags=True)
        assert found.genres == ("Hip-Hop", "Rock")
        assert np.bincount(found.y).tolist() == [59, 60]
        assert found.left_out == {"Polka": 1}
        assert found.n_corrections == 62
        assert set(found.old_knows) == {"Rock"}
        assert len(collect(library, bundle, trust_tags=True, query="path~/music/0").y) == 99
        with pytest.raises(ConfigError, match="another model"):
            collect(library, load_bundle(tiny_model(tmp_path / "other.onnx", seed=5)))


def relabelled(library: Library, model: Path) -> None:
    """What `zhanr scan --again` does with a model: the rows get its answers, from the same embeddings."""
    bundle = load_bundle(model)
    weights = {w.name: numpy_helper.to_array(w) for w in onnx.load(model).graph.initializer}
    for song in list(library.songs(embeddings=True)):
        assert song.embedding is not None
        p = softmax(song.embedding @ weights["head.weights"] + weights["head.bias"])
        best = bundle.card.labels[int(p.argmax())]
        library.add(replace(song, model_sha256=bundle.sha256, best=best, genre=best))


def test_the_same_data_twice_tie(tmp_path: Path) -> None:
    """The old one is not scored on its own training songs, or nothing could ever follow it."""
    old, own = tiny_model(tmp_path / "old.onnx"), tmp_path / "own.onnx"
    with Library.open(own_library(tmp_path / "library.sqlite", old)) as library:
        train(library, own, model=old)
        relabelled(library, own)
        result = train(library, tmp_path / "again.onnx", model=own)
        assert result.comparison.tied
        assert result.comparison.retested == 120
        assert result.comparison.new == result.comparison.old > 0.9
        assert result.written is None
        half = train(library, tmp_path / "again.onnx", model=own, query="path~/music/0")
        assert half.comparison.retested == half.comparison.songs == 100
        assert half.comparison.new - half.comparison.old == pytest.approx(0, abs=0.05)


def test_twenty_corrections_of_one_genre_raise_its_recall_and_the_model_is_written(tmp_path: Path) -> None:
    """Half of a genre sounds like another one but for something that the first model never had to notice."""
    old, own, new = (tmp_path / f"{name}.onnx" for name in ("old", "own", "new"))
    tiny_model(old)
    rng = np.random.default_rng(3)
    hidden = 3 * rng.normal(size=N_BINS).astype(np.float32)
    with Library.open(own_library(tmp_path / "library.sqlite", old, n=240)) as library:
        by_genre = {g: [s for s in library.songs(embeddings=True) if s.correction == g] for g in ("Jazz", "Hip-Hop")}
        jazz, hiphop = (np.mean([np.asarray(s.embedding) for s in songs], axis=0) for songs in by_genre.values())
        odd = [replace(s, embedding=s.embedding + hiphop - jazz + hidden) for s in by_genre["Jazz"][:40]]
        for song in odd:
            library.add(song)
            library.correct(song.path, None)
        train(library, own, model=old)
        relabelled(library, own)
        for song in odd[:20]:
            library.correct(song.path, "Jazz")
        result = train(library, new, model=own)
        held_out = np.stack([song.embedding for song in odd[20:] if song.embedding is not None])
    assert result.written == new

    def recall(model: Path) -> float:
        weights = {w.name: numpy_helper.to_array(w) for w in onnx.load(model).graph.initializer}
        answers = (held_out @ weights["head.weights"] + weights["head.bias"]).argmax(axis=1)
        return float(np.mean([load_bundle(model).card.labels[i] == "Jazz" for i in answers]))

    assert recall(own) < 0.5 < 0.9 < recall(new)
    assert result.comparison.gain[1] > 0


def test_five_corrections_in_a_genre_are_enough_to_try(tmp_path: Path) -> None:
    old = tiny_model(tmp_path / "old.onnx")
    with Library.open(own_library(tmp_path / "library.sqlite", old)) as library:
        for i in range(5):
            library.correct(f"/music/{24 * i:03}.mp3", "Polka")
        assert "Polka" in collect(library, load_bundle(old)).genres


def test_five_corrections_that_say_nothing_replace_no_model(tmp_path: Path) -> None:
    """Five songs of what the model knew already, under a name that nothing in their sound tells."""
    old, own = tiny_model(tmp_path / "old.onnx"), tmp_path / "own.onnx"
    with Library.open(own_library(tmp_path / "library.sqlite", old)) as library:
        train(library, own, model=old)
        relabelled(library, own)
        for i in range(5):
            library.correct(f"/music/{24 * i:03}.mp3", "Polka")
        result = train(library, tmp_path / "new.onnx", model=own)
    assert "Polka" in result.genres
    assert result.comparison.gain[1] <= 0
    assert result.written is None
    assert not (tmp_path / "new.onnx").exists()


def test_a_model_of_ones_own_is_not_sure_of_what_it_does_not_know(tmp_path: Path) -> None:
    """The parent's gate for unknown music goes on, with the person's genres among what is known."""
    old = tiny_model(tmp_path / "old.onnx")
    model = onnx.load(old)
    places = helper.make_tensor("places", TensorProto.FLOAT, [3, N_BINS], np.zeros(3 * N_BINS))
    model.graph.node.append(helper.make_node("Constant", [], ["prototypes"], value=places))
    model.graph.output.append(helper.make_tensor_value_info("prototypes", TensorProto.FLOAT, [3, N_BINS]))
    onnx.save(model, old)
    with Library.open(own_library(tmp_path / "library.sqlite", old)) as library:
        train(library, tmp_path / "own.onnx", model=old)
        relabelled(library, tmp_path / "own.onnx")
        train(library, tmp_path / "third.onnx", model=tmp_path / "own.onnx", force=True)
        songs = [song.embedding for song in library.songs(embeddings=True)]
    for name in ("own.onnx", "third.onnx"):
        bundle = load_bundle(tmp_path / name)
        assert set(bundle.card.thresholds) == {"confidence", "novelty"}
        centres = bundle.run(np.zeros((1, N_BINS, N_FRAMES), np.float32)).prototypes
        assert centres is not None
        assert len(centres) == 6, "the three of the parent, the three genres, and no older ones"
        limit = bundle.card.thresholds["novelty"]
        sure = np.array([1.0, 0.0, 0.0])
        assert np.mean([novelty(sure, x, centres) <= limit for x in songs if x is not None]) > 0.9
        assert novelty(sure, np.full(N_BINS, 100.0), centres) > limit


def test_what_the_network_tells_by_itself_stays(tmp_path: Path) -> None:
    """Styles and novelty need no genre."""
    old = tiny_model(tmp_path / "old.onnx", styles=(StyleLabel("punk", 0.5), StyleLabel("live", 0.9)), novelty=0.8)
    with Library.open(own_library(tmp_path / "library.sqlite", old)) as library:
        train(library, tmp_path / "own.onnx", model=old, force=True)
    before, after = load_bundle(old), load_bundle(tmp_path / "own.onnx")
    assert after.card.styles == before.card.styles
    assert after.card.thresholds["novelty"] == 0.8
    assert {point.novelty for point in after.card.precisions} == {0.8}
    x = np.random.default_rng(0).random((3, N_BINS, N_FRAMES), np.float32)
    for name in ("styles", "novelty", "embedding"):
        np.testing.assert_array_equal(getattr(after.run(x), name), getattr(before.run(x), name))


def test_learning_needs_no_torch(tmp_path: Path) -> None:
    old = tiny_model(tmp_path / "old.onnx")
    library = own_library(tmp_path / "library.sqlite", old)
    code = (
        "import sys; sys.modules.update(torch=None, scipy=None, sklearn=None)\n"
        "from zhanr.cli import main; sys.argv[0] = 'zhanr'; main()"
    )
    command = [sys.executable, "-c", code, "learn", "--library", str(library), "--model", str(old)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "own.onnx").exists()


def test_the_command(tmp_path: Path) -> None:
    old = tiny_model(tmp_path / "old.onnx")
    library = own_library(tmp_path / "library.sqlite", old)
    command = ("learn", "--library", library, "--model", old)
    done = zhanr(*command)
    assert "Čalgija" in done.stdout
    assert "95 % interval" in done.stdout
    assert "people correct what is wrong" in done.stdout
    assert load_bundle(tmp_path / "own.onnx").card.labels == ("Hip-Hop", "Jazz", "Čalgija")
    zhanr("--library", library, code=2)
    assert "two genres at least" in zhanr(*command, "--json", "--where", "path~nowhere", code=1).stderr
    assert lines(zhanr(*command, "--json"))[0]["comparison"]["better"] is True


def test_a_learnt_model_is_used_at_once_if_that_is_wanted(tmp_path: Path) -> None:
    library, music = tmp_path / "library.sqlite", tmp_path / "music"
    music.mkdir()
    rng = np.random.default_rng(0)
    for i in range(16):  # eight songs of low tones, eight of high ones, each in a noise of its own
        tone = np.sin(2 * np.pi * (150 if i < 8 else 3000) * np.arange(32_000) / 16_000)
        samples = 8_000 * tone + 500 * rng.normal(size=len(tone))
        with wave.open(str(music / f"{'low' if i < 8 else 'high'}{i:02}.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, len(tone), "NONE", ""))
            file.writeframes(samples.astype("<i2").tobytes())
    zhanr("scan", music, "--library", library, "--model", tiny_model(tmp_path / "old.onnx"))
    for name in ("low", "high"):
        zhanr(
            "library", "correct", "--where", f"path~{name}", "--genre", f"{name} tones", "--yes", "--library", library
        )
    done = zhanr("learn", "--library", library, "--force", "--use")
    assert "16 songs found: 16 classified" in done.stdout
    zhanr("library", "correct", "--where", "", "--clear", "--yes", "--library", library)
    with Library.open(library, create=False) as opened:
        assert opened.main_model() == load_bundle(tmp_path / "own.onnx").sha256
        assert {(s.path.stem[:-2], s.best) for s in opened.songs()} == {("low", "low tones"), ("high", "high tones")}
    assert "16 unchanged" in zhanr("scan", music, "--library", library).stdout
