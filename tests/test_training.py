"""Training on tiny invented songs: it learns, it repeats, it resumes, and it says clearly what is wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zhanr.aggregate import aggregate
from zhanr.bundle import load_bundle
from zhanr.config import FeatureConfig, WindowConfig
from zhanr.errors import ConfigError, DatasetError, FileError, ZhanrError
from zhanr.lab.datasets.store import FeatureStore
from zhanr.lab.training import validation
from zhanr.lab.training.augment import AugmentConfig, augment, beta, mixup
from zhanr.lab.training.config import OptimizerConfig, ScheduleConfig, TrainConfig
from zhanr.lab.training.data import (
    WindowSet,
    all_windows,
    load_stores,
    n_batches,
    prepare,
    random_window,
    songs,
    to_tensor,
    training_batches,
)
from zhanr.lab.training.export import to_onnx_bytes
from zhanr.lab.training.loop import StoppedError, Trainer, resolve_device
from zhanr.lab.training.optim import OPTIMISERS, SCHEDULES, Now, make_optimizer, make_schedule
from zhanr.lab.training.progress import Epoch, Progress
from zhanr.lab.training.run import CHECKPOINT, CURVES, HISTORY, TrainResult, train
from zhanr.windows import cut

BINS, FRAMES = 16, 48
WINDOWS = WindowConfig(frames=20, hop=10, segment_frames=48)
CONFIGS = Path(__file__).parents[1] / "src" / "zhanr" / "lab" / "configs"
CONFIG = """
[data]
train = "train.npz"
valid = "valid.npz"
[windows]
frames = 20
hop = 10
segment_frames = 48
[model]
name = "compact"
options = {channels = [4, 6], embedding = 8, dropout = 0.2}
[optimizer]
name = "adamw"
lr = 0.01
weight_decay = 0.01
[schedule]
name = "cosine"
options = {warmup = 1}
[augment]
stretch = 0.1
shift = 0.05
equalise = 0.1
time_mask = 0.2
mixup = 0.3
[training]
epochs = 3
batch_size = 4
ema = 0.9
label_smoothing = 0.1
clip_norm = 5
device = "cpu"
threads = 1
"""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def store(n: int, *, first: int = 0, genres: tuple[str, ...] = ("high", "low"), bins: int = BINS) -> FeatureStore:
    """Songs whose genre is where on the frequency axis their energy lies; a few are shorter than the others."""
    generator = np.random.default_rng([n, first])
    x = generator.integers(0, 90, (n, bins, FRAMES)).astype(np.uint8)
    labels = [genres[i % len(genres)] for i in range(n)]
    for i in range(n):
        band = i % len(genres) * bins // len(genres)
        x[i, band : band + max(bins // len(genres), 1)] += 120
    lengths = np.where(np.arange(n) % 3 == 2, FRAMES - 7, FRAMES)
    names = [f"song{first + i}" for i in range(n)]
    return FeatureStore(x, np.array(names), np.array(labels), FeatureConfig(n_mels=bins), lengths.astype(np.int64))


def write_config(folder: Path) -> Path:
    store(10).save(folder / "train.npz")
    store(6, first=10).save(folder / "valid.npz")
    path = folder / "tiny.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@dataclasses.dataclass(frozen=True)
class Finished:
    """A run that was never interrupted; tests only read it."""

    config: Path
    output: Path
    result: TrainResult


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    path = write_config(tmp_path_factory.mktemp("finished"))
    output = path.parent / "run"
    return Finished(path, output, train(path, output=output))


def changed(path: Path, **sections: dict[str, Any]) -> TrainConfig:
    """The configuration with some settings of some sections put in place of its own."""
    config = TrainConfig.load(path)
    return dataclasses.replace(config, **{s: dataclasses.replace(getattr(config, s), **v) for s, v in sections.items()})


def trainer(config: TrainConfig) -> Trainer:
    return Trainer(config, prepare(*load_stores(config.data), config.data.genres, config.distill))


def fit(run: Trainer, stop: Callable[[], bool] = lambda: False) -> Trainer:
    run.fit(Progress(), stop=stop, after_epoch=lambda: None)
    return run


def after(batches: int) -> Callable[[], bool]:
    """A `stop` that becomes true once that many batches were allowed."""
    left = iter(range(batches))
    return lambda: next(left, None) is None


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def results(run: Trainer) -> tuple[Any, ...]:
    return tuple(dataclasses.replace(row, seconds=0) for row in run.history), run.best_epoch


# ---- learning


@pytest.mark.parametrize("model", ["paper", "compact"])
def test_it_overfits_eight_clips(model: str) -> None:
    """The genres are random, so they can only be learnt by heart."""
    eight = store(8)
    eight = dataclasses.replace(eight, labels=np.array(["b", "a", "a", "b", "b", "a", "b", "a"]))
    options = {"paper": {"channels": [8, 8, 8, 8], "dense": [32, 16], "dropout": 0.0}}
    config = TrainConfig.from_dict(
        {
            "data": {"train": "-", "valid": "-"},
            "windows": {"frames": FRAMES, "hop": FRAMES, "segment_frames": FRAMES},
            "model": {"name": model, "options": options.get(model, {"channels": [8, 16], "dropout": 0.0})},
            "optimizer": {"lr": 5e-3},
            "training": {"epochs": 50, "batch_size": 8, "device": "cpu"},
        }
    )
    data = prepare(eight, store(4, first=8, genres=("a", "b")))
    run = fit(Trainer(config, data))
    rows = run.history
    assert rows[-1].train_accuracy == 1.0
    assert rows[-1].train_loss < 0.1 < rows[0].train_loss


def test_it_writes_a_model_file_that_serving_opens(finished: Finished) -> None:
    result, folder = finished.result, finished.output
    bundle = load_bundle(result.model)
    assert bundle.card.labels == ("high", "low")
    assert bundle.card.features == FeatureConfig(n_mels=BINS)
    assert bundle.card.windows == WINDOWS
    assert bundle.card.name == "tiny"
    assert bundle.card.training["best_epoch"] == result.best.epoch
    assert bundle.card.training["data"]["train"]["songs"] == 10
    assert str(folder.parent) not in bundle.card.to_json()
    assert bundle.card.thresholds["confidence"] > 0.5, "it can be unsure"
    centres = bundle.run(np.zeros((1, BINS, WINDOWS.frames), np.float32)).prototypes
    assert centres is not None
    assert centres.shape == (2, bundle.card.embedding_size)


def test_it_leaves_history_curves_and_config_beside_the_model(finished: Finished) -> None:
    folder = finished.output
    header = (folder / HISTORY).read_text().splitlines()
    assert header[0].startswith("epoch,lr,train_loss,train_accuracy,valid_loss,valid_accuracy,valid_song_loss")
    assert len(header) == 1 + 3
    assert (folder / CURVES).read_bytes().startswith(b"\x89PNG")
    assert (folder / "config.toml").read_text() == CONFIG
    assert not [p.name for p in folder.iterdir() if p.name.startswith(".")]


def test_the_loss_falls_and_unseen_songs_are_recognised(config: Path) -> None:
    run = fit(trainer(changed(config, training={"epochs": 12, "crops": 3})))
    assert run.history[-1].train_loss < 0.8 * run.history[0].train_loss
    assert run.history[run.best_epoch - 1].valid_song_accuracy == 1.0


def test_the_model_file_says_what_the_best_epoch_said(finished: Finished) -> None:
    scores, best = load_bundle(finished.result.model).card.scores["valid"], finished.result.best
    assert scores["song_accuracy"] == pytest.approx(best.valid_song_accuracy, abs=1e-4)
    assert scores["song_loss"] == pytest.approx(best.valid_song_loss, abs=1e-4)
    assert scores["song_loss_calibrated"] <= scores["song_loss"] + 1e-6


def test_a_teacher_helps_to_shape_the_embedding_and_is_not_in_the_file(
    finished: Finished, config: Path, tmp_path: Path
) -> None:
    names = np.array([f"song{i}" for i in range(16)])
    features = np.random.default_rng(0).normal(size=(16, 5)).astype(np.float32)
    np.savez(tmp_path / "teacher.npz", names=names, features=features)
    section = '\n[distill]\npath = "teacher.npz"\nkeys = ["features"]\nweight = 2.0\n'
    config.write_text(CONFIG + section, encoding="utf-8")
    run = trainer(TrainConfig.load(config))
    assert run.student.head is not None
    assert run.student.head.out_features == 5
    assert run.data.about["teacher"]["songs"] == 10
    fit(run)
    alone = [row.valid_loss for row in finished.result.history]
    assert [row.valid_loss for row in run.history] != pytest.approx(alone)
    graph = to_onnx_bytes(run.best_student().network, BINS, WINDOWS.frames)
    assert len(graph) < finished.result.model.stat().st_size
    np.savez(tmp_path / "teacher.npz", names=names[1:], features=features[1:])
    with pytest.raises(DatasetError, match="no features of song0"):
        trainer(TrainConfig.load(config))


# ---- repeating and resuming


def test_a_seed_repeats_and_another_differs(config: Path) -> None:
    one, again = fit(trainer(changed(config))), fit(trainer(changed(config)))
    other = fit(trainer(changed(config, training={"seed": 1})))
    assert same(one.student.state_dict(), again.student.state_dict())
    assert results(one) == results(again)
    assert not same(one.student.state_dict(), other.student.state_dict())


def test_half_precision_learns_as_well_and_keeps_full_weights(config: Path) -> None:
    run = fit(trainer(changed(config, training={"precision": "bfloat16", "epochs": 8, "crops": 2})))
    assert run.history[-1].train_loss < run.history[0].train_loss
    assert {p.dtype for p in run.student.parameters()} == {torch.float32}


@pytest.mark.parametrize("optimizer", sorted(OPTIMISERS))
@pytest.mark.parametrize("batches", [2, 3, 4], ids=["within", "at the end of an epoch", "within the second"])
def test_resuming_gives_exactly_the_uninterrupted_result(
    config: Path, tmp_path: Path, batches: int, optimizer: str
) -> None:
    options = {"momentum": 0.9} if optimizer in ("sgd", "rmsprop") else {}
    settings = changed(
        config,
        optimizer={"name": optimizer, "options": options},
        schedule={"name": "plateau", "options": {"patience": 1}},
    )
    whole = fit(trainer(settings))
    assert whole.batches == 3
    first = trainer(settings)
    with pytest.raises(StoppedError, match=f"after {batches % 3} of 3 batches"):
        fit(first, after(batches))
    first.save(tmp_path / "half")
    torch.rand(7), np.random.default_rng().random()  # what else happens in between doesn't matter
    second = trainer(settings)
    second.restore(tmp_path / "half")
    fit(second)
    assert same(whole.student.state_dict(), second.student.state_dict())
    assert same(whole.mean.state_dict(), second.mean.state_dict())
    assert same(whole.best, second.best)
    assert results(whole) == results(second)


class Interrupt(Progress):
    """Presses Ctrl-C after one batch of the second epoch."""

    def on_batch(self, *, epoch: int, batch: int, loss: float) -> None:  # noqa: ARG002
        if (epoch, batch) == (2, 1):
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_then_resume_writes_the_same_model_file(finished: Finished, config: Path, tmp_path: Path) -> None:
    with pytest.raises(StoppedError, match=r"in epoch 2 after 1 of 3 batches.*--resume"):
        train(config, output=tmp_path / "halves", progress=Interrupt())
    assert not (tmp_path / "halves" / "model.onnx").exists()
    halves = train(config, output=tmp_path / "halves", resume=True)
    assert halves.model.read_bytes() == finished.result.model.read_bytes()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_training_leaves_the_random_state_of_others_alone(config: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(trainer(changed(config, training={"epochs": 1})))
    assert torch.equal(torch.rand(3), expected)


def test_a_finished_run_is_neither_overwritten_nor_trained_again(finished: Finished) -> None:
    with pytest.raises(ConfigError, match=r"holds a run already.*--resume"):
        train(finished.config, output=finished.output)
    again = train(finished.config, output=finished.output, resume=True, progress=Interrupt())
    assert again.history == finished.result.history


def test_only_the_same_run_is_resumed(finished: Finished, config: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to resume"):
        train(config, output=tmp_path / "run", resume=True)
    shutil.copytree(finished.output, tmp_path / "run")
    other = changed(config, optimizer={"lr": 0.5}, training={"epochs": 9})
    with pytest.raises(ConfigError, match=r"optimizer\.lr, training\.epochs changed"):
        train(other, output=tmp_path / "run", resume=True)
    store(9).save(tmp_path / "train.npz")
    with pytest.raises(ConfigError, match=r"content of the data.train changed"):
        train(config, output=tmp_path / "run", resume=True)
    (tmp_path / "run" / CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(FileError, match="not a checkpoint"):
        train(config, output=tmp_path / "run", resume=True)


def test_a_checkpoint_is_safetensors_with_json_and_no_pickle(finished: Finished) -> None:
    data = (finished.output / CHECKPOINT).read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    state = json.loads(header["__metadata__"]["zhanr"])
    assert len(state["history"]) == 3
    assert {name.split(".")[0] for name in header if name != "__metadata__"} == {"student", "mean", "best", "optimizer"}


def test_a_run_that_diverges_says_what_to_do(config: Path) -> None:
    with pytest.raises(ZhanrError, match=r"diverged in epoch \d .*lower optimizer\.lr"):
        fit(trainer(changed(config, optimizer={"lr": 1e30}, training={"ema": 0.0})))


# ---- stopping early, choosing the best


def rows(*values: tuple[float, float]) -> list[Epoch]:
    return [Epoch(i + 1, 0.1, 1, 0, 1, 0, loss, accuracy, 0) for i, (loss, accuracy) in enumerate(values)]


def test_patience_ends_a_run(config: Path) -> None:
    run = trainer(changed(config, training={"epochs": 100, "patience": 2}))
    run.history, run.best_epoch = rows((1, 0.5), (2, 0.5)), 1
    assert not run.finished
    run.history += rows((2, 0.5))
    assert run.finished


@pytest.mark.parametrize(("select", "kept"), [("nll", 2), ("accuracy", 4)])
def test_the_best_epoch_is_chosen_as_said(
    config: Path, monkeypatch: pytest.MonkeyPatch, select: str, kept: int
) -> None:
    scores = iter([(1.2, 0.5), (0.8, 0.6), (1.0, 0.7), (0.9, 0.7), (0.95, 0.7)])
    monkeypatch.setattr(validation, "validate", lambda *_: validation.Validation(1.0, 0.5, *next(scores)))
    run = fit(trainer(changed(config, training={"epochs": 5, "select": select})))
    assert run.best_epoch == kept


def test_validation_answers_songs_as_serving_does() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(5, 3)).astype(np.float32)
    windows = WindowSet(np.zeros((5, 2, 2), np.uint8), np.array([2, 3]), np.array([1, 2]))
    expected = [aggregate(logits[:2], "median", temperature=1.0), aggregate(logits[2:], "median", temperature=1.0)]
    np.testing.assert_array_equal(validation.song_probabilities(logits, windows, "median"), expected)
    scores = validation.validate(logits, windows, "median")
    assert scores.song_loss == pytest.approx(-np.log([expected[0][1], expected[1][2]]).mean())
    assert scores.song_accuracy == np.mean([np.argmax(expected[0]) == 1, np.argmax(expected[1]) == 2])
    assert scores.accuracy == np.mean(logits.argmax(1) == [1, 1, 2, 2, 2])


def test_the_temperature_finds_the_overconfidence_that_was_put_in() -> None:
    generator = np.random.default_rng(1)
    truth = generator.normal(size=(600, 3)) * 1.5
    p = np.exp(truth) / np.exp(truth).sum(1, keepdims=True)
    genres = np.array([generator.choice(3, p=row) for row in p])
    windows = WindowSet(np.zeros((600, 1, 1), np.uint8), np.ones(600, np.int64), genres)
    logits = (3 * truth).astype(np.float32)
    assert validation.fit_temperature(logits, windows, "mean_log_probability") == pytest.approx(3, rel=0.2)


# ---- data


def test_training_tensors_are_bit_for_bit_the_serving_windows() -> None:
    pictures = store(4)
    part = songs(pictures, pictures.genres)
    served = [cut(pictures.picture(i), WINDOWS) for i in range(4)]
    windows = all_windows(part, WINDOWS)
    assert windows.counts.tolist() == [len(w) for w in served]
    np.testing.assert_array_equal(torch.cat(list(windows.tensors(3))).numpy(), np.concatenate(served))
    crop = to_tensor(random_window(part.pictures[2], WINDOWS, np.random.default_rng(3))[None]).numpy()[0]
    whole = pictures.picture(2)
    assert any(np.array_equal(crop, whole[:, s : s + 20]) for s in range(whole.shape[1] - 19))


def test_a_song_shorter_than_a_window_is_repeated_as_in_serving() -> None:
    picture = np.arange(32, dtype=np.uint8).reshape(4, 8)
    window = random_window(picture, WINDOWS, np.random.default_rng(0))
    np.testing.assert_array_equal(window, cut(picture, WINDOWS)[0])


def test_an_epoch_sees_every_song_and_other_windows_than_the_last() -> None:
    part = songs(store(10), ("high", "low"))

    def epoch(number: int, first: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        feed = training_batches(part, WINDOWS, crops=2, batch_size=4, seed=0, epoch=number, first=first)
        x, targets = zip(*feed, strict=True)
        return torch.cat(x), torch.cat(targets)

    x, targets = epoch(0)
    assert x.shape == (20, BINS, 20)
    assert targets.sum(0).tolist() == [10, 10]
    assert not torch.equal(x, epoch(1)[0])
    assert torch.equal(epoch(0, first=3)[0], x[12:])


def test_no_batch_has_a_single_window() -> None:
    assert [n_batches(n, 1, 4) for n in (1, 2, 4, 5, 6, 9)] == [1, 1, 1, 1, 2, 2]


def test_one_store_is_split_by_itself(config: Path, tmp_path: Path) -> None:
    store(20).save(tmp_path / "all.npz")
    config.write_text(
        CONFIG.replace('train = "train.npz"\nvalid = "valid.npz"', 'store = "all.npz"\nsplit = "stratified"')
    )
    train_part, valid_part = load_stores(TrainConfig.load(config).data)
    assert len(train_part) == 16
    assert sorted(valid_part.labels.tolist()) == ["high", "high", "low", "low"]
    assert not set(train_part.names.tolist()) & set(valid_part.names.tolist())


def test_genres_choose_songs_and_their_order_that_of_the_outputs() -> None:
    three = ("a", "b", "c")
    data = prepare(store(9, genres=three), store(6, first=9, genres=three), ("c", "a"))
    assert data.labels == ("c", "a")
    assert data.train.genres.tolist() == [1, 0] * 3


@pytest.mark.parametrize(
    ("valid", "message"),
    [
        (store(6, first=10, bins=20), "features differ.*n_mels is 20 and not 16"),
        (store(6, first=10, genres=("high", "polka")), "genres that .* lacks: polka"),
        (store(6, first=5), "the same tracks: song5"),
        (dataclasses.replace(store(10), names=np.array([f"copy{i}" for i in range(10)])), "identical audio"),
    ],
    ids=["shape", "labels", "tracks", "audio"],
)
def test_stores_that_do_not_belong_together_are_refused(valid: FeatureStore, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare(store(10), valid)


def test_a_genre_without_songs_and_a_single_genre_are_refused() -> None:
    with pytest.raises(DatasetError, match="no songs of the genre polka"):
        prepare(store(10), store(6, first=10), ("high", "polka"))
    with pytest.raises(DatasetError, match="two genres or more, and here is low"):
        prepare(store(4, genres=("low",)), store(4, first=4, genres=("low",)))


# ---- optimisers and schedules


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_every_optimiser_makes_a_step_downhill(name: str) -> None:
    layer = torch.nn.Linear(4, 1)
    optimizer = make_optimizer(layer, OptimizerConfig(name=name, lr=1e-3, weight_decay=0.01))
    before = loss = layer(torch.ones(1, 4)).square().sum() + 1
    loss.backward()
    optimizer.step()
    assert layer(torch.ones(1, 4)).square().sum() + 1 < before


def test_only_weights_decay() -> None:
    groups = make_optimizer(torch.nn.Linear(4, 1), OptimizerConfig(weight_decay=0.1)).param_groups
    assert {group["params"][0].ndim: group["weight_decay"] for group in groups} == {2: 0.1, 1: 0.0}


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_every_schedule_stays_between_zero_and_the_full_rate(name: str) -> None:
    schedule = make_schedule(ScheduleConfig(name=name))
    values = [schedule(Now(epoch / 10, 40, [1.0] * (epoch // 10))) for epoch in range(400)]
    assert 0 <= min(values) <= max(values) <= 1
    assert max(values) > 0.99
    assert values[-1] <= 0.5 or name == "constant"


def test_the_shapes_of_the_schedules() -> None:
    def at(name: str, epoch: float, **options: Any) -> float:
        return make_schedule(ScheduleConfig(name, options))(Now(epoch, 10, [3.0, 2.0, 2.5, 2.5]))

    assert at("cosine", 6, warmup=2) == pytest.approx(0.5)
    assert at("cosine", 10, warmup=2, final=0.1) == pytest.approx(0.1)
    assert at("cosine", 1, warmup=2) == pytest.approx(0.5, abs=0.01)
    assert at("step", 7, every=3, factor=0.1) == pytest.approx(0.01)
    assert at("one_cycle", 3, peak=0.3) == pytest.approx(1)
    assert at("plateau", 4, patience=2, factor=0.5) == 0.5
    assert at("plateau", 4, patience=3, factor=0.5) == 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_schedule(ScheduleConfig("cosin")), r"schedule\.name: 'cosin' is not known.*cosine"),
        (lambda: make_schedule(ScheduleConfig("step", {"evry": 3})), "unknown option evry.*every, factor"),
        (lambda: make_schedule(ScheduleConfig("step", {"every": 0})), "every must be between"),
        (lambda: make_schedule(ScheduleConfig("step", {"every": "a"})), "every must be like 20.0"),
        (lambda: make_optimizer(torch.nn.Linear(1, 1), OptimizerConfig("adamax")), "'adamax' is not known"),
        (lambda: make_optimizer(torch.nn.Linear(1, 1), OptimizerConfig("sgd", options={"nesterov": True})), "Nesterov"),
        (lambda: make_optimizer(torch.nn.Linear(1, 1), OptimizerConfig("adam", options={"betas": [0.9]})), "betas"),
    ],
)
def test_a_bad_optimiser_or_schedule_is_named(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


# ---- augmentation

STRENGTHS = {
    "stretch": 0.2,
    "shift": 0.1,
    "equalise": 0.2,
    "level": 0.2,
    "slope": 0.3,
    "noise": 0.1,
    "time_mask": 0.4,
    "freq_mask": 0.4,
}


@pytest.mark.parametrize("name", sorted(STRENGTHS))
def test_each_change_keeps_shape_and_range_and_follows_its_seed(name: str) -> None:
    x = torch.rand(6, 32, 40, generator=torch.Generator().manual_seed(0))
    kept = x.clone()

    def change(seed: int) -> torch.Tensor:
        return augment(x, AugmentConfig.from_dict({name: STRENGTHS[name]}), torch.Generator().manual_seed(seed))

    y = change(1)
    assert y.shape == x.shape
    assert float(y.min()) >= 0
    assert float(y.max()) <= 1
    assert not torch.equal(y, x)
    assert (y - x).abs().flatten(1).sum(1).count_nonzero() >= 5  # each window for itself
    assert torch.equal(y, change(1))
    assert not torch.equal(y, change(2))
    assert torch.equal(x, kept)


def test_without_strengths_nothing_changes() -> None:
    x, generator = torch.rand(2, 4, 5), torch.Generator().manual_seed(0)
    assert augment(x, AugmentConfig(), generator) is x
    assert mixup(x, x, 0.0, generator) == (x, x)


def test_masks_hide_one_stretch_behind_the_mean() -> None:
    x = torch.rand(50, 8, 100)
    y = augment(x, AugmentConfig(time_mask=0.3), torch.Generator().manual_seed(0))
    hidden = (y != x).all(dim=1)
    assert 0 < int(hidden.sum(1).max()) <= 31
    assert int((hidden[:, 1:] != hidden[:, :-1]).sum(1).max()) <= 2
    means = x.mean(dim=(1, 2), keepdim=True).expand_as(x)
    assert torch.equal(y[y != x], means[y != x])


def test_mixup_blends_windows_and_targets_alike() -> None:
    targets = torch.eye(6)
    x = targets[:, :, None].expand(6, 6, 3)
    mixed, blend = mixup(x, targets, 0.4, torch.Generator().manual_seed(0))
    torch.testing.assert_close(mixed.mean(2), blend)
    torch.testing.assert_close(blend.sum(1), torch.ones(6))
    assert (blend.max(1).values >= 0.5).all()
    assert (blend.max(1).values < 1).any()


def test_beta_has_the_moments_of_its_distribution() -> None:
    values = beta(20000, 0.3, torch.Generator().manual_seed(0))
    assert float(values.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(values.var()) == pytest.approx(1 / (4 * (2 * 0.3 + 1)), rel=0.05)


# ---- configuration


@pytest.mark.parametrize(
    ("text", "replacement", "message"),
    [
        ("epochs = 3", "epoch = 3", r"tiny\.toml: configuration\.training: unknown setting epoch"),
        ("epochs = 3", 'epochs = "3"', r"training\.epochs: expected int, got '3'"),
        ("epochs = 3", "epochs = 0", r"training\.epochs must be at least 1"),
        ("mixup = 0.3", "mixup = -1", r"augment\.mixup must not be negative"),
        ("stretch = 0.1", "stretch = 1.5", r"augment\.stretch must be below 1"),
        ("lr = 0.01", "lr = 0", r"optimizer\.lr must be positive"),
        ('device = "cpu"', 'device = "tpu"', r"training\.device: 'tpu' is not one of auto, cpu, cuda"),
        ('train = "train.npz"', "", "either train and valid, or store and split"),
        ("[model]", "[modle]", "unknown setting modle"),
        ("hop = 10", "hop = 30", "1 <= hop <= frames"),
        ("[data]", "[data", "not a TOML file"),
        ("[data]", '[data]\ngenres = ["rock"]', r"data\.genres must be two or more"),
    ],
)
def test_a_bad_setting_is_named(config: Path, text: str, replacement: str, message: str) -> None:
    config.write_text(CONFIG.replace(text, replacement), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        TrainConfig.load(config)


def test_a_missing_configuration_or_store_is_an_error_that_names_it(config: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        train(tmp_path / "nowhere.toml")
    (tmp_path / "valid.npz").unlink()
    with pytest.raises(DatasetError, match=r"valid\.npz"):
        train(config, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_gpu_that_is_absent_can_not_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"
    with pytest.raises(ConfigError, match=r"training\.device is cuda"):
        resolve_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto").type == "cuda"
    assert resolve_device("cpu").type == "cpu"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_committed_configurations_are_valid(path: Path) -> None:
    config = TrainConfig.load(path)
    make_schedule(config.schedule)
    make_optimizer(torch.nn.Linear(1, 1), config.optimizer)
    assert config.card.name == path.stem
    assert config.card.licence != "unspecified"
