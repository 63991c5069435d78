"""The recipe of the default model's encoder, each stage on a handful of pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_files import FORMATS, encode, music
from research.encoder import batches, cache, targets, teachers, train
from research.encoder import music as pieces
from research.encoder.cache import Corpus
from research.encoder.music import Piece
from research.encoder.network import Student
from research.encoder.teachers import Output, Teachers
from research.encoder.train import Run, Settings

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
