"""The recipe of the default model's encoder, each stage on a handful of pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_files import FORMATS, encode, music
from research.encoder import (
    batches,
    cache,
    embed,
    export,
    head,
    logistic,
    measures,
    sounds,
    styles,
    targets,
    teachers,
    train,
)
from research.encoder import music as pieces
from research.encoder.cache import Corpus
from research.encoder.logistic import Linear
from research.encoder.music import Piece
from research.encoder.network import Student, to_onnx
from research.encoder.songs import Songs, artist_of
from research.encoder.teachers import Output, Teachers
from research.encoder.train import Run, Settings
from zhanr.bundle import write_bundle
from zhanr.card import OperatingPoint, StyleLabel

TINY = Settings(steps=2, crops=((100, 2, 1.0),), size=8, widen=1.0, last=384)
NAMES = {
    "msd": ["blues", "country", "funk", "dance", "hip-hop", "jazz", "metal", "heavy metal", "pop", "rock"],
    "jamendo": ["classical", "orchestral", "hiphop", "jazz", "metal", "pop", "reggae", "rock", "electronic"],
    "audioset": ["blues", "classical music", "country", "disco", "hip hop music", "jazz", "heavy metal", "pop music"],
}
NAMES["msd"] += ["alternative rock", "electronic", "electronica"]
NAMES["audioset"] += ["reggae", "rock music", "electronic music"]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Several wait for each other longer than they compute here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def piece(number: int, *, genre: str = "jazz", collection: str = "gtzan", held_out: bool = False) -> Piece:
    name = f"{genre}.{number:05d}"
    return Piece(collection, name, f"{name}.wav", 30.0, genre, f"artist {number}", held_out=held_out)


def corpus(widths: Sequence[int] = (1500, 700, 300)) -> Corpus:
    """Random pictures of so many frames; the last piece is held out."""
    rng = np.random.default_rng(0)
    return Corpus(
        [piece(i, held_out=i == len(widths) - 1) for i in range(len(widths))],
        [rng.integers(0, 256, (4, 103, width), dtype=np.uint8) for width in widths],
        rng.normal(size=(len(widths), targets.N_CELLS, targets.N_TARGETS)).astype(np.float16),
    )


def outputs(n_short: int, n_mn04: int) -> dict[str, Output]:
    """Each teacher's piece number, as all of its numbers."""
    counts = dict.fromkeys(Teachers.LONG, 1) | dict.fromkeys(Teachers.SHORT, n_short) | {"mn04_as": n_mn04}
    return {
        name: Output(
            torch.arange(n).float()[:, None].expand(n, 527 if name == "mn04_as" else 50),
            torch.arange(n).float()[:, None].expand(n, targets.EMBEDDINGS[name]),
        )
        for name, n in counts.items()
    }


# -- pieces


def test_pieces_of_every_collection(tmp_path: Path) -> None:
    wave = encode(music(40.0), FORMATS["wav-s16"])
    for folder in ("gtzan", "modern", "games/quake/music"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.wav").write_bytes(wave)
    (tmp_path / "games" / "quake" / "sound.wav").write_bytes(encode(music(3.0), FORMATS["wav-s16"]))
    (tmp_path / "games" / "quake" / "broken.wav").write_bytes(bytes(200_000))
    (tmp_path / "gtzan" / "audio.csv").write_text("track,genre,file,seconds\nblues.00001,blues,a.wav,40\n")
    (tmp_path / "modern" / "index.csv").write_text("file,genre,artist,source,seconds\na.wav,rock,Band,emotify,400\n")
    found = [*pieces.gtzan(tmp_path / "gtzan"), *pieces.modern(tmp_path / "modern"), *pieces.games(tmp_path / "games")]
    assert [(r.collection, r.name, r.genre, r.artist, r.seconds) for r in found] == [
        ("gtzan", "blues.00001", "blues", "", 40.0),
        ("emotify", "a.wav", "rock", "Band", 400.0),
        ("quake", "a.wav", "", "", 40.0),
    ]
    assert all(Path(recording.path).is_file() for recording in found)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(20.0, [0.0]), (45.0, [0.0, 15.0]), (100.0, [30.0, 65.0]), (300.0, [90.0, 195.0, 30.0])],
)
def test_where_pieces_begin(seconds: float, expected: list[float]) -> None:
    assert pieces.starts(seconds) == pytest.approx(expected)


def test_a_recording_is_held_out_as_a_whole_wherever_it_lies() -> None:
    recordings = [pieces.Recording("game", f"{i}.ogg", f"/somewhere/{i}.ogg", 300.0) for i in range(200)]
    moved = [pieces.Recording("game", f"{i}.ogg", f"/elsewhere/{i}.ogg", 300.0) for i in range(200)]
    held = [{p.held_out for p in pieces.cut(recording)} for recording in recordings]
    assert all(len(some) == 1 for some in held)
    assert held == [{p.held_out for p in pieces.cut(recording)} for recording in moved]
    assert 2 <= sum(True in some for some in held) <= 25


# -- targets and shards


def test_the_layout_covers_every_column_once() -> None:
    places = [*targets.TAG_COLUMNS.values(), *targets.EMBEDDING_COLUMNS.values()]
    assert [i for place in places for i in range(place.start, place.stop)] == list(range(targets.N_TARGETS))
    assert (targets.N_TAGS, targets.N_TARGETS) == (350, 1582)


def test_each_cell_has_what_was_said_of_its_place() -> None:
    rows = targets.aligned(outputs(6, 3))
    assert rows[:, targets.TAG_COLUMNS["msd_fcn"].start].tolist() == [0] * 6
    assert rows[:, targets.EMBEDDING_COLUMNS["msd_musicnn"].start].tolist() == [0, 1, 2, 3, 4, 5]
    assert rows[:, targets.TAG_COLUMNS["mn04_as"].start].tolist() == [0, 0, 1, 1, 2, 2]
    assert targets.aligned(outputs(2, 1))[:, targets.TAG_COLUMNS["msd_musicnn"].start].tolist() == [0, 1, 1, 1, 1, 1]


def test_tags_are_found_by_their_names() -> None:
    assert targets.columns(NAMES, "msd", "Hip-Hop") == [4, 54, 254]
    assert targets.columns(NAMES, "audioset", "Disco") == [303]
    assert len(targets.genre_columns(NAMES)) == 13 * 3 + 9 * 3 + 11


def test_the_tags_of_the_real_lists(shared: Path) -> None:
    names = targets.class_names(shared / "teachers" / "classes")
    assert {key: len(tags) for key, tags in names.items()} == {"msd": 50, "jamendo": 50, "audioset": 50}
    assert len(targets.genre_columns(names)) == 77


def test_short_windows_lie_within_their_cells() -> None:
    ramp = np.arange(30 * teachers.RATE, dtype=np.float32)
    windows = cache.short_windows(ramp)
    assert windows.shape == (6, 3 * teachers.RATE)
    assert (windows[:, 0] / teachers.RATE).tolist() == [0.5, 5.5, 10.5, 15.5, 20.5, 25.5]
    assert cache.short_windows(ramp[: 2 * teachers.RATE]).shape == (1, 3 * teachers.RATE)


def test_the_four_views_of_a_piece_have_one_width() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 4 * 32_000).astype(np.float32)
    views = cache.pictures(noise, np.random.default_rng(0))
    assert views.shape == (4, 103, 200)
    assert views.std(axis=(1, 2)).min() > 1


def test_a_shard_comes_back_as_it_was(tmp_path: Path) -> None:
    whole = corpus()
    rows = list(zip(whole.pieces, whole.pictures, whole.targets, strict=True))
    cache.write(tmp_path / "0000.npz", rows[:2])
    cache.write(tmp_path / "0001.npz", rows[2:])
    again = cache.read(tmp_path)
    assert again.pieces == whole.pieces
    assert all((a == b).all() for a, b in zip(again.pictures, whole.pictures, strict=True))
    np.testing.assert_array_equal(again.targets, whole.targets)
    assert again.cells.tolist() == [6, 2, 1]
    assert again.held_out.tolist() == [False, False, True]


def test_what_cannot_be_learned_from_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quiet = tmp_path / "quiet.wav"
    quiet.write_bytes(encode(music(2.0) * 5e-4, FORMATS["wav-f32"]))
    todo = [Piece("c", "quiet", str(quiet), 2.0), Piece("c", "gone", str(tmp_path / "gone.wav"), 2.0)]
    assert list(cache.made(None, todo)) == []  # type: ignore[arg-type]  # no teacher is asked
    assert "gone.wav" in capsys.readouterr().err


def test_the_teachers_say_what_their_authors_code_says(shared: Path) -> None:
    golden = np.load(shared / "teachers" / "golden.npz")
    network = teachers.Mn04(teachers.load_state(shared / "teachers", "mn04_as"))
    high = teachers.pieces(golden["y32000"], 10 * teachers.MN04_RATE)[:1]
    with torch.inference_mode():
        said = network(torch.from_numpy(high)).logits
    np.testing.assert_allclose(said[0].numpy(), golden["mn04_as"][0], atol=1e-3)


# -- batches


@pytest.mark.parametrize("frames", [160, 250, 500])
def test_a_batch_of_crops(frames: int) -> None:
    whole, student = corpus(), Student(8, 1.0, 384)
    batch = batches.draw(whole, np.array([0, 1, 2]), student.target, 12, frames, np.random.default_rng(1))
    assert batch.x.shape == (12, 103, frames)
    assert batch.y.shape == (12, targets.N_TARGETS)
    assert batch.x.isfinite().all()
    assert float(batch.y.abs().max()) <= batches.EXTREME


def test_a_crop_lies_in_the_cells_whose_targets_it_has() -> None:
    picture = np.broadcast_to((np.arange(1500) // 250 * 40).astype(np.uint8), (4, 103, 1500))
    rows = np.broadcast_to(np.arange(6, dtype=np.float16)[None, :, None], (1, 6, targets.N_TARGETS))
    whole = Corpus([piece(0)], [picture], rows)
    rng = np.random.default_rng(2)
    for _ in range(50):
        db, row = batches.crop(whole, 0, 160, rng)
        assert np.median(db) * 255 / 90 == pytest.approx(40 * row[0], abs=1e-3)


def test_a_mix_is_nearer_to_the_louder_one() -> None:
    loud, soft = np.full((103, 160), 60.0), np.full((103, 160), 30.0)
    mixed, row = batches.mix(loud, np.ones(3), soft, np.zeros(3), np.random.default_rng(0))
    assert (mixed > 60).all()
    assert (row > 0.5).all()


# -- training


def weights_of(run: Run) -> dict[str, torch.Tensor]:
    return {name: values.clone() for name, values in run.student.state_dict().items()}


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = corpus()
    straight, stopped = Run(TINY), Run(TINY)
    for run in (straight, stopped):
        run.begin(whole, None)
    weights = train.loss_weights(straight.student, [3, 4])
    train.train(straight, whole, weights, tmp_path / "straight")
    stopped.advance(whole, np.array([0, 1]), weights)
    stopped.save(tmp_path / "stopped")
    again = Run(TINY)
    again.resume(tmp_path / "stopped" / "last.pt")
    train.train(again, whole, weights, tmp_path / "stopped")
    assert again.step == straight.step == 2
    for name, values in weights_of(straight).items():
        torch.testing.assert_close(again.student.state_dict()[name], values)
    with pytest.raises(SystemExit, match="another run"):
        Run(Settings(steps=3, size=8, widen=1.0, last=384, crops=TINY.crops)).resume(tmp_path / "stopped" / "last.pt")


def test_what_the_run_leaves_is_the_mean_in_half_precision(tmp_path: Path) -> None:
    run = Run(TINY)
    run.begin(corpus(), None)
    run.save(tmp_path)
    student = Student.load(tmp_path / "encoder.safetensors")
    x = torch.rand(2, 103, 200, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(student(x), run.mean(x), atol=5e-3, rtol=5e-3)
    assert (tmp_path / "encoder.safetensors").stat().st_size < 0.55 * sum(
        4 * values.numel() for values in run.mean.state_dict().values()
    )


def test_the_targets_are_standardised_by_what_may_be_learned_from() -> None:
    whole, run = corpus(), Run(TINY)
    whole.targets[2] += 100
    run.begin(whole, None)
    assert abs(float(run.student.target.mean.mean())) < 1


def test_weights_of_the_loss() -> None:
    student = Student(8, 1.0, 384)
    place = targets.EMBEDDING_COLUMNS["msd_crnn"]
    student.target.deviation[place.start] = 0.001
    weights = train.loss_weights(student, [7]).numpy()
    assert weights.sum() == pytest.approx(1)
    assert weights[7] == pytest.approx(3 * weights[6])
    assert weights[place.start] == 0
    assert weights[targets.TAG_COLUMNS["mn04_as"]][0] == pytest.approx(0.7 * weights[6])


def test_the_encoder_in_the_repository_opens() -> None:
    student = Student.load(Path(train.__file__).with_name("encoder.safetensors"))
    assert (student.encoder.size, student.out.out_features) == (640, targets.N_TARGETS)
    assert json.dumps(student.target.mean[:3].tolist()) != "[0.0, 0.0, 0.0]"


# -- sounds and embeddings


def test_sounds_of_every_kind_and_of_games(tmp_path: Path) -> None:
    game = tmp_path / "quake"
    for folder in ("effects", "music"):
        (game / folder).mkdir(parents=True)
        (game / folder / "a.wav").write_bytes(encode(music(3.0), FORMATS["wav-s16"]))
    (game / "effects" / "short.wav").write_bytes(encode(music(1.5), FORMATS["wav-s16"]))
    (game / "effects" / "broken.wav").write_bytes(b"RIFF")
    rng = np.random.default_rng(0)
    found = [*islice(sounds.synthetic(rng), 3), *sounds.effects(tmp_path, rng)]
    assert [(sound.group, sound.name) for sound in found[2:]] == [("noise", "noise 2"), ("quake", "a.wav")]
    sounds.write(tmp_path / "sounds.npz", found)
    again = sounds.read(tmp_path / "sounds.npz")
    assert [sound[:2] for sound in again] == [sound[:2] for sound in found]
    np.testing.assert_array_equal(again[3].picture, found[3].picture)


@pytest.mark.parametrize("kind", sounds.MAKERS)
def test_a_noise_is_as_long_as_it_should_be_and_sounds(kind: str) -> None:
    wave = sounds.MAKERS[kind](np.arange(16_000) / 16_000, np.random.default_rng(3))
    assert wave.shape == (16_000,)
    assert np.isfinite(wave).all()
    assert np.ptp(wave) > 1e-3


def test_windows_of_a_labelled_piece_and_of_another() -> None:
    whole = corpus((1500, 700, 120))
    whole.pieces[1] = Piece("game", "b", "b.ogg", 30.0)
    kinds: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for view in embed.views_of(whole, np.random.default_rng(0)):
        kinds[view.piece].append(view.kind)
        assert view.window.shape[1] in (120, 150, 500)
    assert kinds == {0: [0, 0, 0, 1, 2, 5, 3, 3, 4], 1: [0], 2: [0, 1, 2, 5]}


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    student = Student(8, 1.0, 384).eval()
    window = np.random.default_rng(0).integers(0, 256, (103, 60), dtype=np.uint8)
    rows = embed.embedded(student, [embed.View(0, embed.Kind.CODED, window)], [piece(0)])
    with torch.inference_mode():
        twice = student.encoder(torch.from_numpy(np.concatenate([window, window], 1)[None] / np.float32(255)))
    np.testing.assert_allclose(rows.embedding, twice.numpy(), atol=1e-5)
    embed.write(tmp_path / "rows.npz", rows)
    again = embed.read(tmp_path / "rows.npz")
    np.testing.assert_allclose(again.embedding, rows.embedding, atol=1e-3)
    assert (again.kind.tolist(), again.piece.tolist(), again.pieces) == ([1], [0], [piece(0)])


# -- heads

GENRES = ("blues", "rock")


@pytest.fixture(scope="module")
def songs() -> Songs:
    """Two genres in each collection that lie apart, music of no genre of ours, and sounds, two windows each."""
    rng, found, centres = np.random.default_rng(0), [], []
    for number in range(80):
        collection = ("gtzan", "emotify", "macleod", "store")[number % 4]
        genre = number // 4 % 2
        found.append(replace(piece(number, genre=GENRES[genre], collection=collection), path=f"{number}"))
        centres.append(3.0 * np.eye(16)[genre])
    for number in range(80, 100):
        found.append(Piece("emotify", f"{number}", f"{number}", 30.0, "world", f"artist {number}"))
        centres.append(3.0 * np.eye(16)[2])
    for number in range(100, 120):
        found.append(Piece("sound", f"{number}", "", 10.0, artist=f"group {number}"))
        centres.append(3.0 * np.eye(16)[3])
    embedding = (np.repeat(centres, 2, axis=0) + rng.normal(size=(240, 16))).astype(np.float32)
    return Songs.of(embed.Rows(embedding, np.tile([0, 4], 120), np.repeat(np.arange(120), 2), found))


@pytest.fixture(scope="module")
def features(songs: Songs) -> head.Features:
    return head.Features(songs.rows.embedding[:, :4], songs.rows.embedding)


def test_pieces_of_one_recording_are_one_song() -> None:
    pieces_ = [piece(0), piece(1), replace(piece(0), start=30.0, order=1)]
    one = Songs.of(embed.Rows(np.zeros((4, 2), np.float32), np.zeros(4, int), np.array([0, 1, 2, 2]), pieces_))
    assert one.song.tolist() == [0, 1, 0, 0]
    assert one.pooled(np.array([[1.0], [5.0], [2.0], [3.0]]), np.ones(4, bool)).tolist() == [[2.0], [5.0]]
    weights = one.weights(np.ones(4, bool))
    assert weights[1] == pytest.approx(3 * weights[0])


def test_artists_stay_together() -> None:
    beatles = [replace(piece(i, collection="emotify"), artist=name) for i, name in enumerate(["A & B", "a and b"])]
    assert len({artist_of(one) for one in beatles}) == 1
    same = replace(piece(1), collection="store")
    assert artist_of(same) == artist_of(piece(1))
    assert artist_of(piece(1, collection="macleod")) != artist_of(piece(2, collection="macleod"))


def test_a_song_is_tested_in_the_fold_of_its_artist(songs: Songs) -> None:
    assert set(songs.fold.tolist()) == set(range(5))
    of: dict[str, set[int]] = {}
    for one, fold in zip(songs.pieces, songs.fold, strict=True):
        of.setdefault(artist_of(one), set()).add(int(fold))
    assert all(len(folds) == 1 for folds in of.values())


def test_a_logistic_regression_finds_the_line() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = (x[:, 0] > 0.2).astype(int)
    line = logistic.fit(x, y, np.ones(400), 2, l2=1e-4)
    assert (line.logits(x).argmax(axis=1) == y).mean() > 0.97
    assert np.abs(line.weight[0]).min() > 3 * np.abs(line.weight[1:]).max()


def test_what_is_said_of_the_heads(songs: Songs, features: head.Features) -> None:
    report = measures.report(songs, head.out_of_fold(songs, features), head.left_out(songs, features))
    assert report["n"] == dict.fromkeys(("gtzan", "emotify", "macleod", "store"), 20)
    assert min(report["accuracy"][name] for name in report["n"]) >= 0.85
    sounds_stopped, of = report["stopped"]["sounds"]
    assert sounds_stopped >= 0.8 * of
    steps = [point["confidence"] for point in report["points"]]
    assert steps == sorted(steps)
    assert report["by_genre"]["gtzan"]["blues"][1] == 10


def test_a_precision_is_not_promised_where_it_is_not_kept() -> None:
    confidence, right = np.repeat([0.9, 0.6], 50), np.repeat([True, False], 50)
    judged = measures.Judged(confidence, right, np.ones(100, bool))
    points = measures.points([judged], judged, 1.0)
    assert all(0.6 < point.confidence <= 0.9 and point.right == 1.0 for point in points[:-1])
    assert points[0].answered == 0.5
    none = measures.Judged(confidence, np.zeros(100, bool), np.ones(100, bool))
    assert {point.confidence for point in measures.points([none], none, 1.0)} == {0.995}


def test_a_style_is_set_where_that_helps_most() -> None:
    assert styles.threshold(np.array([0.9, 0.8, 0.45, 0.01, 0.01])) == pytest.approx(0.45)
    assert styles.threshold(np.full(50, 0.001)) == pytest.approx(0.03)


def test_styles_that_the_embedding_tells() -> None:
    """The first number of an embedding is what the teachers say of the first tag, the others say nothing."""
    rng, whole = np.random.default_rng(0), corpus((500,) * 60)
    whole.pieces[:] = [piece(i, held_out=i % 10 == 0) for i in range(60)]
    loud = rng.normal(size=60)
    names = {"msd": ["punk"], "jamendo": ["none"], "audioset": ["none"]}
    for teacher in targets.VOCABULARIES["msd"]:
        whole.targets[:, :, targets.TAG_COLUMNS[teacher].start] = 3 * loud[:, None]
    embedding = np.stack([loud, *rng.normal(size=(3, 60))], axis=1).astype(np.float32)
    rows = embed.Rows(embedding, np.zeros(60, int), np.arange(60), whole.pieces)
    vocabulary = [{"name": "punk", "genre": "rock", "msd": "punk", "jamendo": "", "audioset": ""}]
    found = styles.fit(rows, whole, names, vocabulary)
    assert [(label.name, label.genre) for label in found.labels] == [("punk", "rock")]
    assert found.precision["punk"][0] == pytest.approx(1, abs=0.05)
    assert found.layer.weight.shape == (4, 1)


# -- export


def test_the_file_says_what_the_heads_say(tmp_path: Path, songs: Songs) -> None:
    torch.manual_seed(0)
    student, rng = Student(16, 1.0, 384).eval(), np.random.default_rng(1)

    def layer(n_in: int, n_out: int) -> Linear:
        return Linear(rng.normal(size=n_in), np.ones(n_in), rng.normal(size=(n_in, n_out)), rng.normal(size=n_out))

    layers = {"tags": layer(3, 11), "embedding": layer(16, 11), "gate": layer(16, 2)}
    layers |= {"styles": layer(16, 1), "projection": layer(16, 5)}
    report = {
        "temperature": 0.8,
        "points": [OperatingPoint(0.9, 0.7, 0.6, 0.91, 2.0).to_dict()],
        "styles": {"labels": [StyleLabel("punk", 0.4, "rock").to_dict()], "precision": {"punk": [0.9, 9, None, 0]}},
        **{key: {} for key in ("accuracy", "n", "by_genre", "stopped", "left_out")},
    }
    for one in songs.pieces:
        if one.collection in pieces.LABELLED:
            (tmp_path / one.path).write_bytes(one.name.encode())
    lying = [replace(one, path=str(tmp_path / one.path)) for one in songs.pieces]
    model = export.Model(student, layers, [2, 0, 1])
    card = export.make_card(report, export.training(lying, [], 7), model)
    bundle = write_bundle(tmp_path / "model.onnx", to_onnx(model, export.OUTPUTS), card)
    assert bundle.card.thresholds == {"confidence": 0.7, "novelty": 2.0}
    assert [row.get("recordings") for row in bundle.card.training["data"][:3]] == [20, 40, 20]
    x = rng.random((2, 103, 130), dtype=np.float32)
    with torch.inference_mode():
        z = student.encoder(torch.from_numpy(x)).numpy()
        tags = student.out(torch.from_numpy(z)).numpy()[:, [2, 0, 1]]
    outputs_ = bundle.run(x)
    whole = head.Head(layers["tags"], layers["embedding"], layers["gate"])
    said, every = head.Features(tags, z), np.ones(2, bool)
    assert outputs_.novelty is not None
    np.testing.assert_allclose(outputs_.logits, whole.genres(said, every), atol=1e-3)
    np.testing.assert_allclose(outputs_.novelty, whole.novelty(said, every)[:, 0], atol=1e-3)
    np.testing.assert_allclose(
        outputs_.embedding,
        (z - layers["projection"].mean) @ layers["projection"].weight + layers["projection"].bias,
        atol=1e-3,
    )
