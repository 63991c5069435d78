"""The graph that takes a waveform: it says what `Classifier` says."""

from __future__ import annotations

import dataclasses
import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from tiny import N_BINS, tiny_model
from zhanr import Classifier
from zhanr.audio import load
from zhanr.bundle import write_bundle
from zhanr.card import Card, StyleLabel
from zhanr.cli import app
from zhanr.config import FeatureConfig
from zhanr.errors import AudioError, ConfigError, ModelFileError
from zhanr.waveform import export

DEMO = sorted(
    path for path in (Path(__file__).parents[1] / "demo").iterdir() if path.suffix not in (".mma", ".py", ".csv", ".md")
)
SECONDS = (1.0, 2.9, 9.99, 15.1, 29.99, 30.0, 35.0, 41.0, 95.0)
Samples = NDArray[np.float32]


class Exported:
    """A model beside its graph that takes a waveform."""

    def __init__(self, model: str | Path | None, folder: Path) -> None:
        self.classifier = Classifier.load(model)
        self.card = self.classifier.card
        self.path = export(folder / "waveform.onnx", model)
        self.session = onnxruntime.InferenceSession(str(self.path), providers=["CPUExecutionProvider"])

    def run(self, samples: Samples) -> dict[str, NDArray[np.float32]]:
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, {"samples": samples}), strict=True))

    def compare(self, sound: Path | bytes) -> None:
        """Hold the graph's answer against the classifier's, to 1e-3."""
        features = self.card.features
        expected = self.classifier.predict(sound)
        found = self.run(load(sound, sample_rate=features.sample_rate).samples)
        probabilities = dict(zip(self.card.labels, found["probabilities"].tolist(), strict=True))
        assert probabilities == pytest.approx(expected.probabilities, abs=1e-3)
        np.testing.assert_allclose(found["embedding"], expected.embedding, atol=2e-3)
        styles = dict(zip((s.name for s in self.card.styles), found.get("styles", np.zeros(0)).tolist(), strict=True))
        for name, probability in expected.styles:
            assert styles[name] == pytest.approx(probability, abs=1e-3)
        heard = {
            round(float(start), 2): row
            for start, row, counts in zip(
                found["window_start"], found["window_probabilities"], found["window_heard"], strict=True
            )
            if counts
        }
        moments = {round(m.start, 2): m for m in expected.timeline if m.genre}
        assert list(heard) == list(moments)
        for start, row in heard.items():
            named = dict(zip(self.card.labels, row.tolist(), strict=True))
            assert named == pytest.approx(moments[start].probabilities, abs=1e-3)


def wav(samples: Samples, rate: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype(np.int16).tobytes())
    return buffer.getvalue()


def music(seconds: float, rate: int, *, silent: tuple[float, float] = (0, 0)) -> bytes:
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).standard_normal(len(time))
    sound = 0.3 * np.sin(2 * np.pi * 220 * time * (1 + 0.1 * np.sin(time))) * (np.sin(7 * time) > 0) + 0.05 * noise
    sound[round(silent[0] * rate) : round(silent[1] * rate)] = 0
    return wav(sound.astype(np.float32), rate)


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return Exported(None, tmp_path_factory.mktemp("default"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("tiny")
    styles = (StyleLabel("bebop", 0.2, "jazz"), StyleLabel("punk", 0.3))
    return Exported(tiny_model(folder / "tiny.onnx", styles=styles, novelty=0.9), folder)


@pytest.mark.parametrize("song", DEMO, ids=lambda path: path.name)
def test_demo_songs(default: Exported, song: Path) -> None:
    default.compare(song)


@pytest.mark.parametrize("seconds", SECONDS)
def test_any_length(default: Exported, tiny: Exported, seconds: float) -> None:
    for model in (default, tiny):
        model.compare(music(seconds, model.card.features.sample_rate))


@pytest.mark.parametrize(
    ("seconds", "silent"), [(95, (20, 65)), (33, (0, 31)), (40, (2, 39)), (50, (31, 50)), (70, (0, 45))]
)
def test_silence_counts_for_nothing(
    default: Exported, tiny: Exported, seconds: float, silent: tuple[float, float]
) -> None:
    for model in (default, tiny):
        model.compare(music(seconds, model.card.features.sample_rate, silent=silent))


def test_nothing_to_hear_is_not_a_number(tiny: Exported) -> None:
    rate = tiny.card.features.sample_rate
    for samples in (np.zeros(40 * rate, np.float32), np.full(rate // 2, 0.5, np.float32), np.zeros(0, np.float32)):
        with pytest.raises(AudioError):
            tiny.classifier.predict(wav(samples, rate))
        found = tiny.run(samples)
        assert np.isnan(found["probabilities"]).all()
        assert not found["window_heard"].any()


@pytest.mark.parametrize("aggregation", ["mean_log_probability", "mean_probability", "median", "vote"])
@pytest.mark.parametrize(
    "changes",
    [
        {"n_fft": 512, "win_length": 400},
        {"n_fft": 256, "win_length": 256, "scale": "top_db", "power": 1.0},
        {"n_fft": 256, "win_length": 256, "kind": "mfcc", "n_mfcc": N_BINS},
        {"n_fft": 30, "win_length": 30, "kind": "stft", "ref": 1.0, "log": False},
        {"n_fft": 30, "win_length": 25, "kind": "stft", "ref": 2.0, "top_db": None},
    ],
    ids=["mel", "mel-power-1", "mfcc", "stft", "stft-db"],
)
def test_every_picture_and_aggregation(aggregation: str, changes: dict[str, Any], tmp_path: Path) -> None:
    plain = tiny_model(tmp_path / "tiny.onnx", novelty=0.9)
    features = FeatureConfig(**({"sample_rate": 8000, "hop_length": 320, "n_mels": N_BINS, "fmax": 4000.0} | changes))
    card = Classifier.load(plain).card
    changed = Card.from_dict({**card.to_dict(), "features": features, "aggregation": aggregation})
    model = tmp_path / "changed.onnx"
    write_bundle(model, plain.read_bytes(), changed)
    exported = Exported(model, tmp_path)
    for seconds in (7, 40, 61.3):
        exported.compare(music(seconds, 8000))


def test_the_gates_number_is_that_of_the_classifier(default: Exported, tiny: Exported) -> None:
    for model in (default, tiny):
        for path in DEMO:
            found = model.run(load(path, sample_rate=model.card.features.sample_rate).samples)
            novel = found["novelty"] > model.card.thresholds["novelty"]
            assert novel == ("none of the genres" in (model.classifier.predict(path).reason or ""))


def test_file_says_what_it_is(default: Exported) -> None:
    model = onnx.load(default.path)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert Classifier.load().card.to_json() == properties["zhanr"]
    assert default.card.licence in properties["zhanr"]
    assert default.path.stat().st_size < default.classifier.bundle.path.stat().st_size + 1_000_000
    assert {entry.domain for entry in model.opset_import} == {""}
    with pytest.raises(ModelFileError, match="takes a waveform"):
        Classifier.load(default.path)


def test_command_and_its_errors(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny.onnx")
    before = model.read_bytes()
    run = CliRunner().invoke
    assert run(app, ["model", "export", "--waveform", str(tmp_path / "out.onnx"), "--model", str(model)]).exit_code == 0
    assert (tmp_path / "out.onnx").stat().st_size > len(before)
    result = run(app, ["model", "export", "--waveform", str(model), "--model", str(model)])
    assert isinstance(result.exception, ModelFileError)
    assert model.read_bytes() == before
    assert run(app, ["model", "export"]).exit_code == 2


def test_a_picture_that_only_python_makes_is_refused(tmp_path: Path) -> None:
    plain = tiny_model(tmp_path / "tiny.onnx")
    card = dataclasses.replace(Classifier.load(plain).card, features=FeatureConfig(n_mels=N_BINS, center=False))
    write_bundle(tmp_path / "model.onnx", plain.read_bytes(), card)
    with pytest.raises(ConfigError, match="can take a waveform"):
        export(tmp_path / "out.onnx", tmp_path / "model.onnx")
