"""What `zhanr lab data check` finds: unusable files, clipping, and the same recording twice however it was changed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import bad_decoders
from audio_files import FORMATS, Samples, encode
from zhanr.lab import check as check_module
from zhanr.lab.check import CheckReport, check_dataset
from zhanr.lab.datasets import open_dataset
from zhanr.scan.worker import Limits

RATE = 44100


def song(seed: int, seconds: float = 6.0, rate: int = RATE) -> Samples:
    """Notes with overtones at random pitches and times over soft noise, (n, 1); another seed, another song."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    y = 0.003 * rng.standard_normal(len(t))
    for start in np.arange(0, seconds, 0.15):
        part = slice(int(start * rate), int((start + rng.uniform(0.2, 0.5)) * rate))
        since = t[part] - start
        for pitch in rng.uniform(150, 900, 2):
            y[part] += sum(np.sin(2 * np.pi * pitch * k * since) / k for k in range(1, 6)) * np.exp(-4 * since)
    made: Samples = (0.4 * y / np.abs(y).max()).astype(np.float32)[:, None]
    return made


def write(path: Path, y: Samples, name: str = "wav-s16") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(y, FORMATS[name]))
    return path


def found(report: CheckReport) -> set[tuple[str, ...]]:
    return {(f.kind, *(p.name for p in f.paths)) for f in report.findings}


def check(folder: Path, jobs: int = 1) -> CheckReport:
    return check_dataset(open_dataset(folder, strict=False), jobs=jobs)


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with one of everything."""
    root = tmp_path_factory.mktemp("troubled")
    write(root / "rock" / "fine.flac", song(1), "flac")
    write(root / "rock" / "also fine.mp3", song(2), "mp3")
    write(root / "rock" / "silent.wav", np.zeros((2 * RATE, 1), np.float32))
    write(root / "rock" / "short.wav", song(3, 0.5))
    write(root / "rock" / "clipped.wav", np.clip(8 * song(4), -1, 1))
    write(root / "rock" / "original.wav", song(5))
    write(root / "pop" / "copy.flac", song(5), "flac")
    write(root / "pop" / "quieter.m4a", 0.3 * song(2), "aac")
    (root / "pop" / "text.mp3").write_text("these are words and no music " * 99)
    (root / "pop" / "empty.ogg").write_bytes(b"")
    whole = write(root / "pop" / "cut.wav", song(6)).read_bytes()
    (root / "pop" / "cut.wav").write_bytes(whole[: len(whole) // 2])
    return root


@pytest.fixture(scope="module")
def report(troubled: Path) -> CheckReport:
    return check(troubled)


def test_each_kind_of_trouble_is_found_and_nothing_else(report: CheckReport) -> None:
    assert found(report) == {
        ("unreadable", "text.mp3"),
        ("unreadable", "empty.ogg"),
        ("unreadable", "cut.wav"),
        ("silent", "silent.wav"),
        ("too short", "short.wav"),
        ("clipped", "clipped.wav"),
        ("duplicate", "copy.flac", "original.wav"),
        ("near-duplicate", "quieter.m4a", "also fine.mp3"),
    }
    assert report.n_files == 11
    assert report.counts == dict(zip(check_module.KINDS, (3, 1, 1, 1, 1, 1), strict=True))
    details = {f.paths[0].name: f.detail for f in report.findings}
    assert "their labels differ: pop, rock" in details["copy.flac"]
    assert "their labels differ: pop, rock" in details["quieter.m4a"]
    assert "only in part" in details["cut.wav"]
    assert details["empty.ogg"] == "the file is empty"


def test_several_processes_find_the_same(troubled: Path, report: CheckReport) -> None:
    told: list[tuple[int, int]] = []
    dataset = open_dataset(troubled)
    again = check_dataset(dataset, jobs=2, progress=lambda done, total: told.append((done, total)))
    assert again.to_dict() == report.to_dict()
    assert told == [(i, 10) for i in range(1, 11)]


def test_the_report_is_json_and_one_line(report: CheckReport) -> None:
    again = json.loads(json.dumps(report.to_dict()))
    assert again["counts"]["duplicate"] == 1
    assert again["findings"][0]["kind"] == "unreadable"
    assert Path(again["findings"][0]["paths"][0]).exists()
    assert "11 files checked, 3 unreadable, 1 silent" in report.summary()


def test_a_clean_folder_without_genres(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", song(1))
    write(tmp_path / "b.wav", song(2))
    report = check(tmp_path)
    assert report.findings == ()
    assert "2 files checked, nothing found" in report.summary()


def test_rows_of_a_manifest_are_findings_too(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", song(1))
    (tmp_path / "list.csv").write_text("file,genre\na.wav,rock\ngone.wav,pop\na.wav,pop\n")
    report = check_dataset(open_dataset(tmp_path / "list.csv"))
    assert found(report) == {("unreadable", "gone.wav"), ("unreadable", "list.csv")}
    assert any("line 4 repeats" in f.detail for f in report.findings)


def test_repetitions_across_a_split_say_so(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", song(1))
    write(tmp_path / "b.flac", song(1), "flac")
    (tmp_path / "list.csv").write_text("file,genre,split\na.wav,rock,train\nb.flac,rock,test\n")
    (finding,) = check_dataset(open_dataset(tmp_path / "list.csv")).findings
    assert finding.detail.endswith("they are in different parts of the split: test, train")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("hang", "decoding it took longer than 3 seconds"),
        ("bug", "decoding it failed unexpectedly (ZeroDivisionError: a bug)"),
        ("leave", "decoding it crashed (exit code 3)"),
    ],
)
def test_whatever_a_file_does_to_its_decoder_is_one_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, reason: str
) -> None:
    write(tmp_path / "a.wav", song(1))
    write(tmp_path / f"{word}.wav", song(2))
    monkeypatch.setattr(check_module, "examine", bad_decoders.examine)
    report = check_dataset(open_dataset(tmp_path, strict=False), limits=Limits(seconds=3, bytes_per_second=1e9))
    (finding,) = report.findings
    assert (finding.kind, finding.paths, finding.detail) == ("unreadable", (tmp_path / f"{word}.wav",), reason)


def test_overlapping_excerpts_are_found_with_their_offset(tmp_path: Path) -> None:
    y = song(7, 10.0)
    write(tmp_path / "first.wav", y[: 6 * RATE])
    write(tmp_path / "second.mp3", y[4 * RATE :], "mp3")
    write(tmp_path / "apart.wav", y[6 * RATE + RATE // 2 :])
    report = check(tmp_path)
    assert ("near-duplicate", "first.wav", "second.mp3") in found(report)
    assert ("near-duplicate", "apart.wav", "first.wav") not in found(report)
    (finding,) = [f for f in report.findings if f.paths[0].name == "first.wav"]
    assert "begins 4.0 s into the first" in finding.detail
