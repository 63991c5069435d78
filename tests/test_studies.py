"""Studies on tiny invented songs: every run is kept, nothing is run twice, and the page says how it was made."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny_study
from tiny_study import TINY, store, tiny_task
from zhanr.cli import main
from zhanr.config import FeatureConfig
from zhanr.errors import DatasetError
from zhanr.lab.datasets import Track, splits
from zhanr.lab.datasets.store import FeatureStore
from zhanr.lab.studies import STUDIES, aggregation, clip_length, dataset, genres, paper, preprocessing, report, training
from zhanr.lab.studies.material import Material, halved
from zhanr.lab.studies.runner import key_of, run_study
from zhanr.lab.studies.study import Case, Scores, Study
from zhanr.lab.training.data import to_tensor
from zhanr.metrics import wilson_interval


@pytest.fixture
def material(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Material:
    store(24, 0).save(tmp_path / "mel128_train.npz")
    store(12, 100).save(tmp_path / "mel128_valid.npz")
    for module in (training, genres, clip_length, dataset):
        monkeypatch.setattr(module, "BASE", TINY)
    monkeypatch.setattr(clip_length, "FRAMES", (4, 8, 12, 16))
    return Material(tmp_path)


@dataclass(frozen=True)
class Counted:
    """A task that writes down that it was run, and then may fail."""

    log: Path
    number: int
    seed: int
    fails: bool = False

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"task": "counted", "number": self.number, "seed": self.seed, "data": {"all": "abc"}}

    def run(self, at: Path) -> Scores:
        with self.log.open("a") as file:
            file.write(f"{self.number}/{self.seed}\n")
        if self.fails:
            raise KeyboardInterrupt
        at.with_suffix(".npz").write_bytes(b"kept beside")
        return {"song_accuracy": 0.5 + 0.1 * self.number + 0.01 * self.seed, "n": 100}


def study_of(log: Path, *, fails: int | None = None, name: str = "tiny", numbers: range = range(3)) -> Study:
    def task(number: int, seed: int) -> Counted:
        return Counted(log, number, seed, fails == number)

    cases = [Case(f"case {i}", partial(task, i), x=i) for i in numbers]
    return Study(name, "A tiny study", "What is it?", "On nothing.", lambda _: cases, xlabel="number")


def test_what_was_interrupted_goes_on_and_nothing_is_run_twice(tmp_path: Path) -> None:
    log, material, runs = tmp_path / "log", Material(tmp_path), tmp_path / "runs"
    with pytest.raises(KeyboardInterrupt):
        run_study(study_of(log, fails=1), material, folder=runs)
    assert log.read_text().split() == ["0/0", "0/1", "0/2", "1/0"]
    results = run_study(study_of(log), material, folder=runs)
    assert log.read_text().split()[4:] == ["1/0", "1/1", "1/2", "2/0", "2/1", "2/2"]
    assert [(run.case.name, run.seed) for run in results][::4] == [("case 0", 0), ("case 1", 1), ("case 2", 2)]
    again = run_study(study_of(log, name="another", numbers=range(1, 3)), material, folder=runs)
    assert len(log.read_text().split()) == 10, "another study with the same tasks runs none of them"
    assert [run.scores for run in again] == [run.scores for run in results[3:]]


def test_a_killed_study_goes_on(tmp_path: Path) -> None:
    """The process is killed within a training, and the second one begins with that training's next epoch."""
    store(24, 0).save(tmp_path / "mel128_train.npz")
    store(12, 100).save(tmp_path / "mel128_valid.npz")
    done = tmp_path / "runs"
    command = [sys.executable, tiny_study.__file__, str(tmp_path), str(done)]
    child = subprocess.Popen(command, env=os.environ | {"SLOW": "1"})
    try:
        wait_for(lambda: len(list(done.glob("*.json"))) >= 1 and len(list(done.glob("*.safetensors"))) == 1)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    before = {path: path.stat().st_mtime_ns for path in done.glob("*.json")}
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert 0 < len(before) < 3
    assert len(list(done.glob("*.json"))) == 3
    assert not list(done.glob("*.safetensors")), "a finished training needs no checkpoint"
    assert before == {path: path.stat().st_mtime_ns for path in before}, "what was done is left alone"
    epochs = [int(word) for word in said.split()]
    assert len(epochs) < (3 - len(before)) * 3, "the training that was interrupted goes on after its last epoch"


def wait_for(true: Any, seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def test_a_result_without_its_files_or_damaged_is_run_again(tmp_path: Path) -> None:
    log, material, runs = tmp_path / "log", Material(tmp_path), tmp_path / "runs"
    results = run_study(study_of(log), material, folder=runs)
    results[0].result.at.with_suffix(".npz").unlink()
    results[1].result.at.with_suffix(".json").write_text('{"key": "')
    run_study(study_of(log), material, folder=runs)
    assert log.read_text().split()[9:] == ["0/0", "0/1"]


def test_several_processes_give_the_same(tmp_path: Path, material: Material) -> None:
    study = Study("both", "", "", "", lambda m: [Case("one", partial(tiny_task, m))], seeds=(0, 1, 2))
    one = run_study(study, material, folder=tmp_path / "one")
    two = run_study(study, material, folder=tmp_path / "two", jobs=2)
    assert [run.scores for run in one] == [run.scores for run in two]


def test_the_key_tells_apart_what_gives_another_result_and_nothing_else(material: Material) -> None:
    task = tiny_task(material, 0)
    assert key_of(task) == key_of(tiny_task(material, 0))
    assert key_of(task) != key_of(tiny_task(material, 1))
    wider = training.configure(material, 0, model={"name": "paper", "options": {"channels": [3, 2, 2, 2]}})
    assert key_of(task) != key_of(training.Training(wider, material.train, material.valid))
    other = training.Training(task.config, material.valid, material.train)
    assert key_of(task) != key_of(other)
    moved = training.configure(material, 0, data={"train": "elsewhere.npz"}, card={"name": "another"})
    assert key_of(task) == key_of(training.Training(moved, material.train, material.valid))


def test_scores_are_of_the_test_part_where_there_is_one(tmp_path: Path, material: Material) -> None:
    task = tiny_task(material, 0)
    valid = task.run(tmp_path / "a")
    third = training.Training(task.config, task.train, task.valid, store_of_others()).run(tmp_path / "b")
    assert (valid["n"], third["n"]) == (12, 30)
    assert valid["valid_song_accuracy"] == third["valid_song_accuracy"] == valid["song_accuracy"]


def store_of_others() -> FeatureStore:
    return halved(store(30, 500))


def test_the_table_gives_mean_spread_and_interval(tmp_path: Path) -> None:
    study = study_of(tmp_path / "log")
    material = Material(tmp_path)
    runs = run_study(study, material, folder=tmp_path / "runs")
    files = report.write(study, runs, material, tmp_path / "out")
    assert [file.name for file in files] == ["tiny.md", "tiny.csv", "tiny.png"]
    text = files[0].read_text()
    low, high = wilson_interval(61, 100)
    row = next(line for line in text.splitlines() if line.startswith("| case 1 |"))
    assert row.startswith(f"| case 1 | 61.0 % | 1.0 % | {100 * low:.1f} to {100 * high:.1f} % | 100 |")
    heads, single = report.rows(study, report.summarise(runs[:1]))
    assert dict(zip(heads, single, strict=True))["sd"] == "-", "one seed has no spread"
    for needed in ("seeds: 0, 1, 2", "source: ", "sha256: all abc", "versions: zhanr ", "time: ", "configuration of"):
        assert needed in text
    assert "case 1: number = 1" in text, "what a case differs in"
    with files[1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["case"], row["seed"], row["song_accuracy"]) for row in rows[3:5]] == [
        ("case 1", "0", "0.6"),
        ("case 1", "1", "0.61"),
    ]
    assert all(row["data"] == "all:abc" and len(row["key"]) == 20 for row in rows)
    assert files[2].read_bytes().startswith(b"\x89PNG")


def test_a_quick_study_says_so_and_uses_one_seed(tmp_path: Path) -> None:
    study, material = study_of(tmp_path / "log"), Material(tmp_path, quick=True)
    runs = run_study(study, material, folder=tmp_path / "runs")
    assert {run.seed for run in runs} == {0}
    text = report.write(study, runs, material, tmp_path / "out")[0].read_text()
    assert text.startswith("# A tiny study (quick)")
    assert "Quick run" in text


def test_a_choice_of_genres_is_seeded_and_nested() -> None:
    names = [f"g{i}" for i in range(10)]
    assert genres.subset(names, 4, 1) == genres.subset(names, 4, 1)
    assert {genres.subset(names, 4, seed) for seed in range(5)} != {genres.subset(names, 4, 1)}
    assert set(genres.subset(names, 4, 1)) < set(genres.subset(names, 5, 1))


def test_fewer_genres_make_as_many_steps(material: Material) -> None:
    few, all_of_them = genres.task(material, 2, 0), genres.task(material, 3, 0)
    assert few.config.data.genres is not None
    assert len(few.config.data.genres) == 2
    assert few.config.training.crops * 2 == pytest.approx(all_of_them.config.training.crops * 3, abs=1)


def test_the_ways_to_divide_are_of_equal_sizes_and_only_one_parts_artists(material: Material) -> None:
    artists = material.both.artist_of
    sizes, parted = [], []
    for divide in (dataset.at_random, dataset.by_artist, dataset.fault_filtered):
        task = dataset.task(material, material.both, divide, 0)
        assert task.test is not None
        parts = {"train": task.train, "valid": task.valid, "test": task.test}
        sizes.append([len(part) for part in parts.values()])
        names = {part: held.names.tolist() for part, held in parts.items()}
        shared = splits.overlaps(names, artists=artists)
        parted.append(bool(shared))
    assert np.ptp(sizes, axis=0).max() <= 2
    assert parted == [True, False, False]


def test_aggregation_trains_nothing_that_clip_length_has_trained(tmp_path: Path, material: Material) -> None:
    folder = tmp_path / "runs"
    run_study(STUDIES["clip-length"], material, folder=folder)
    fresh = []
    runs = run_study(STUDIES["aggregation"], material, folder=folder, tell=lambda _, new: fresh.append(new))
    assert fresh
    assert not any(fresh)
    for run in runs:
        if run.case.name == "mean log probability":
            assert run.scores["song_accuracy"] == pytest.approx(run.result.scores["song_accuracy"])


def test_the_middle_clip_and_the_vote_are_what_they_say() -> None:
    logits = np.array([[5, 0, 0], [0, 1, 0], [0, 1, 0]], np.float32)
    assert aggregation.answer(logits, "vote") == 1
    assert aggregation.answer(logits, "mean_log_probability") == 0
    assert aggregation.answer(logits, aggregation.MIDDLE) == 1


def test_the_paper_chooses_the_epoch_on_songs_that_it_does_not_score(material: Material) -> None:
    for task in (paper.at_random(material, 0), paper.fault_filtered(material, 0)):
        assert task.test is not None
        names = [set(part.names.tolist()) for part in (task.train, task.valid, task.test)]
        assert all(names)
        assert not names[0] & names[1]
        assert not names[2] & (names[0] | names[1])


def test_pictures_that_are_not_scaled_reach_the_network_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22050)
        file.writeframes(np.random.default_rng(0).integers(-9000, 9000, 22050 * 12).astype("<i2").tobytes())
    tracks = [Track("one", path, "noise"), Track("two", path, "silence")]
    plain = FeatureConfig(scale="none")
    one, two = preprocessing.pictures(tracks, plain, ("noise", "silence")).pictures
    seconds = one.shape[1] * plain.frame_seconds
    assert seconds == pytest.approx(preprocessing.LONGEST, abs=0.1), "the middle of what is longer"
    assert np.array_equal(one, two)
    assert one.dtype == np.float32
    assert one.max() == pytest.approx(0, abs=1e-3)
    assert -80 <= one.min() < -10
    assert np.array_equal(to_tensor(one).numpy(), one), "decibels, not decibels / 255"


def test_half_the_resolution_is_the_mean_of_four_cells() -> None:
    one = store(3, 0)
    half = halved(one)
    assert half.x.shape == (3, 6, 24)
    assert half.x[1, 2, 3] == round(float(one.x[1, 4:6, 6:8].mean()))
    assert half.features.frame_seconds == 2 * one.features.frame_seconds


def test_without_data_the_error_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"mel128_train\.npz.*ZHANR_GTZAN.*zhanr lab extract"):
        _ = Material(tmp_path).train
    with pytest.raises(DatasetError, match="--audio"):
        _ = Material(tmp_path).audio


def test_the_command_lists_runs_and_refuses(
    tmp_path: Path, material: Material, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def zhanr(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["zhanr", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return int(str(left.value.code or 0))

    assert zhanr("lab", "study") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in STUDIES)
    assert zhanr("lab", "study", "nonsense") == 2
    assert zhanr("lab", "study", "genres", "--quick", "--data", str(material.folder)) == 0
    assert (tmp_path / "runs/studies/quick/genres.md").exists()
    assert not (tmp_path / "docs").exists(), "a quick run never takes the place of the full one"
    stored = [json.loads(path.read_text()) for path in (tmp_path / "runs/studies").glob("*.json")]
    assert stored
    assert all(entry["about"]["source"] for entry in stored)
