"""From a file to a prediction, with the default model and the demo songs."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio_files import FORMATS, encode, music
from tiny import tiny_model
from zhanr import AudioError, Classifier, Prediction
from zhanr.aggregate import softmax
from zhanr.audio import load
from zhanr.card import OperatingPoint, StyleLabel
from zhanr.errors import ConfigError
from zhanr.features import dequantise, extract, quantise
from zhanr.lab.datasets import Dataset, Track
from zhanr.lab.extract import extract_dataset

DEMO = Path(__file__).parents[1] / "demo"
ROCK, JAZZ = DEMO / "rock.aiff", DEMO / "jazz.wav"


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


@pytest.fixture(scope="module")
def rock(classifier: Classifier) -> Prediction:
    return classifier.predict(ROCK)


def test_a_prediction_is_whole(classifier: Classifier, rock: Prediction) -> None:
    assert set(rock.probabilities) == set(classifier.labels)
    assert sum(rock.probabilities.values()) == pytest.approx(1)
    assert rock.confidence == max(rock.probabilities.values()) == rock.probabilities[rock.best]
    assert rock.genre in (rock.best, None)
    assert (rock.genre is None) == (rock.reason is not None)
    assert rock.embedding.shape == (classifier.card.embedding_size,)
    assert rock.duration == pytest.approx(30, abs=0.2)
    assert rock.warnings == ()


def test_the_timeline_covers_the_song(rock: Prediction) -> None:
    assert rock.timeline[0].start == 0
    assert rock.timeline[-1].end == pytest.approx(rock.duration, abs=3)
    assert all(a.start < b.start <= a.end for a, b in zip(rock.timeline, rock.timeline[1:], strict=False))
    assert all(m.genre == max(m.probabilities, key=m.probabilities.__getitem__) for m in rock.timeline)


def test_path_bytes_and_file_object_give_the_same(classifier: Classifier, rock: Prediction) -> None:
    data = ROCK.read_bytes()
    for source in (str(ROCK), data, io.BytesIO(data)):
        assert classifier.predict(source).probabilities == rock.probabilities


def test_samples_are_as_good_as_a_file_of_them(classifier: Classifier) -> None:
    stereo = music(12, rate=44100, channels=2)  # (n, channels), as `encode` takes it
    file = classifier.predict(encode(stereo, FORMATS["wav-f32"]))
    for y in (stereo.T, stereo.T.astype(np.float64), stereo.mean(axis=1)):
        answer = classifier.predict_samples(y, 44100)
        assert answer.probabilities == pytest.approx(file.probabilities, abs=1e-4)
        assert answer.duration == file.duration
        assert answer.path == "<samples>"
    whole = classifier.predict_samples(np.round(stereo.T * 32767).astype(np.int16), 44100)
    assert whole.probabilities == pytest.approx(file.probabilities, abs=0.01)
    unsigned = classifier.predict_samples(np.round(stereo.T * 127 + 128).astype(np.uint8), 44100)
    assert unsigned.best == file.best


@pytest.mark.parametrize(
    ("y", "rate", "complaint"),
    [
        (np.zeros((44100, 2)), 44100, r"then give y\.T"),
        (np.zeros((2, 2, 44100)), 44100, "not float64 of shape"),
        (np.zeros(44100, complex), 44100, "not complex128"),
        (np.zeros(44100), 44100, "nothing but silence"),
        (np.ones(100), 44100, "seconds of sound"),
        (np.full(44100, np.nan), 44100, "no sound"),
        (np.ones(0), 44100, "no sound"),
        (np.ones(44100), 0, "whole number"),
        (np.ones(44100), 12, "sample rate of 12 Hz"),
    ],
)
def test_samples_that_are_no_music(classifier: Classifier, y: Any, rate: int, complaint: str) -> None:
    with pytest.raises(AudioError, match=complaint) as raised:
        classifier.predict_samples(y, rate)
    assert raised.value.path == "<samples>"


def test_a_prediction_is_shown_in_one_short_line(rock: Prediction) -> None:
    assert "\n" not in repr(rock)
    assert len(repr(rock)) < 200 + len(rock.path)
    assert rock.best in repr(rock)


def test_the_package_names_what_is_imported_late() -> None:
    import zhanr

    assert set(zhanr.__all__) <= set(dir(zhanr))
    assert all(getattr(zhanr, name) is not None for name in zhanr.__all__)


@pytest.mark.parametrize("song", ["classical.flac", "метал.mp3"])
@pytest.mark.parametrize("name", ["wav-s16", "flac", "mp3", "aac", "opus"])
def test_the_format_hardly_matters(classifier: Classifier, name: str, song: str) -> None:
    """Of songs of which the model is sure; see docs/model.md for the others."""
    reference = classifier.predict(encode(load(DEMO / song, sample_rate=44100).samples[:, None], FORMATS["wav-f32"]))
    fmt = FORMATS[name]
    answer = classifier.predict(encode(load(DEMO / song, sample_rate=fmt.rate).samples[:, None], fmt))
    assert answer.genre == reference.genre is not None
    for genre, p in reference.probabilities.items():
        assert answer.probabilities[genre] == pytest.approx(p, abs=0.05)


@pytest.mark.parametrize("gain", [0.25, 0.5])
def test_the_level_hardly_matters(classifier: Classifier, rock: Prediction, gain: float) -> None:
    y = load(ROCK, sample_rate=22050).samples * np.float32(gain)
    fmt = dataclasses.replace(FORMATS["wav-f32"], rate=22050)
    answer = classifier.predict(encode(y[:, None], fmt))
    for genre, p in rock.probabilities.items():
        assert answer.probabilities[genre] == pytest.approx(p, abs=0.05)


def test_training_reads_the_tensors_that_serving_reads(classifier: Classifier) -> None:
    card = classifier.card
    dataset = Dataset("demo", tuple(Track(p.stem, p, "rock") for p in (ROCK, JAZZ)))
    store, failures = extract_dataset(dataset, card.features, card.windows)
    assert failures == []
    for i, track in enumerate(dataset.tracks):
        served = classifier.predict(track.path)
        stored = classifier.predict_features(store.picture(i))
        assert stored.probabilities == served.probabilities
        samples = load(track.path, sample_rate=card.features.sample_rate).samples
        n_frames = store.n_frames[i]
        picture = dequantise(quantise(extract(samples, card.features)[:, :n_frames]))
        if len(samples) <= card.windows.segment_frames * card.features.hop_length:
            np.testing.assert_array_equal(store.picture(i), picture)


def test_many_keeps_the_order_and_goes_on_after_a_bad_file(classifier: Classifier, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(b"no music at all")
    files = [ROCK, bad, JAZZ] * 3
    one = list(classifier.predict_many(files, jobs=1))
    two = list(classifier.predict_many(files, jobs=2))
    assert [r.path for r in one] == [r.path for r in two] == [str(f) for f in files]
    assert [isinstance(r, AudioError) for r in two] == [f == bad for f in files]
    pairs = [(a, b) for a, b in zip(one, two, strict=True) if isinstance(a, Prediction) and isinstance(b, Prediction)]
    assert len(pairs) == 6
    assert all(a.probabilities == b.probabilities for a, b in pairs)


def test_a_long_song_is_read_segment_by_segment(classifier: Classifier) -> None:
    y = music(95, rate=22050, channels=1)
    fmt = dataclasses.replace(FORMATS["flac"], rate=22050)
    answer = classifier.predict(encode(y, fmt))
    assert answer.duration == pytest.approx(95, abs=0.1)
    starts = [m.start for m in answer.timeline]
    segment = classifier.card.windows.segment_frames * classifier.card.features.frame_seconds
    assert starts == sorted(starts)
    assert {int(s // segment) for s in starts} == {0, 1, 2}


@pytest.mark.parametrize("seconds", [1.1, 2.5, 7.0])
def test_a_short_clip_is_answered(classifier: Classifier, seconds: float) -> None:
    answer = classifier.predict(encode(music(seconds), FORMATS["wav-s16"]))
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.timeline[-1].end == pytest.approx(seconds, abs=0.2)


def test_a_silent_part_is_not_asked(classifier: Classifier) -> None:
    card = classifier.card
    silent_segment = np.zeros(card.windows.segment_frames * card.features.hop_length, np.float32)
    y = music(12, rate=card.features.sample_rate, channels=1)[:, 0]
    fmt = dataclasses.replace(FORMATS["wav-f32"], rate=card.features.sample_rate)
    whole = classifier.predict(encode(np.concatenate([silent_segment, y])[:, None], fmt))
    alone = classifier.predict(encode(y[:, None], fmt))
    silence, first = whole.timeline[:2]
    assert (silence.start, silence.genre, silence.probabilities, silence.reason) == (0, None, {}, "silence")
    assert silence.end == first.start == pytest.approx(len(silent_segment) / card.features.sample_rate)
    assert first.genre is not None
    assert whole.probabilities == pytest.approx(alone.probabilities, abs=1e-6)


def sound(*parts: tuple[str, float], rate: int = 8000) -> bytes:
    """A WAV of stretches of noise and of silence, of so many seconds each."""
    rng = np.random.default_rng(0)
    pieces = [(what == "noise") * rng.normal(0, 0.1, int(seconds * rate)) for what, seconds in parts]
    fmt = dataclasses.replace(FORMATS["wav-f32"], rate=rate)
    return encode(np.concatenate(pieces).astype(np.float32)[:, None], fmt)


def test_silence_inside_and_behind_a_song_counts_for_nothing(tmp_path: Path) -> None:
    """Windows of 1.6 s, every 0.8 s; segments of 30 s."""
    classifier = Classifier.load(tiny_model(tmp_path / "m.onnx"))
    alone = classifier.predict(sound(("noise", 16)))
    assert all(moment.genre for moment in alone.timeline)
    pauses = classifier.predict(sound(("noise", 8), ("silence", 12), ("noise", 8), ("silence", 67)))
    quiet = [(m.start, m.end) for m in pauses.timeline if m.genre is None]
    inside = [start for start, _ in quiet if start < 25]
    assert inside[0] == pytest.approx(8, abs=0.9)
    assert inside[-1] + 1.6 == pytest.approx(20, abs=0.9)
    assert quiet[-1] == pytest.approx((30, 95), abs=0.9)
    assert {m.reason for m in pauses.timeline if m.genre is None} == {"silence"}
    heard = [[m.probabilities[label] for label in classifier.labels] for m in pauses.timeline if m.genre]
    song = softmax(np.log(heard).mean(axis=0))
    assert pauses.probabilities == pytest.approx(dict(zip(classifier.labels, song, strict=True)))
    assert pauses.to_dict(timeline=True)["timeline"][-1]["genre"] is None


def test_styles_are_those_above_their_own_thresholds(tmp_path: Path) -> None:
    labels = tuple(StyleLabel(f"style {i}", 0.1 * i + 0.05) for i in range(10))
    prediction = Classifier.load(tiny_model(tmp_path / "m.onnx", styles=labels)).predict(sound(("noise", 4)))
    assert 1 <= len(prediction.styles) <= 5
    limits = {label.name: label.threshold for label in labels}
    above = [p - limits[name] for name, p in prediction.styles]
    assert above == sorted(above, reverse=True)
    assert min(above) >= 0
    assert prediction.to_dict()["styles"][0] == {
        "name": prediction.styles[0].name,
        "probability": round(prediction.styles[0].probability, 4),
    }
    assert "styles" not in Classifier.load(tiny_model(tmp_path / "n.onnx")).predict(sound(("noise", 4))).to_dict()


def test_a_network_may_tell_novelty_by_itself(tmp_path: Path) -> None:
    known = Classifier.load(tiny_model(tmp_path / "m.onnx", novelty=1.0)).predict(sound(("noise", 4)))
    new = Classifier.load(tiny_model(tmp_path / "n.onnx", novelty=0.0)).predict(sound(("noise", 4)))
    assert known.genre is not None
    assert new.genre is None
    assert "none of the genres" in str(new.reason)


def test_a_lower_precision_gives_more_answers(tmp_path: Path) -> None:
    rows = (OperatingPoint(0.5, 0.2, 0.9, 0.6), OperatingPoint(0.95, 0.99999, 0.1, 0.96))
    path = tiny_model(tmp_path / "m.onnx", confidence=0.99999, precisions=rows)
    song = sound(("noise", 4))
    assert Classifier.load(path).predict(song).genre is None
    assert Classifier.load(path, precision=0.95).predict(song).genre is None
    assert Classifier.load(path, precision=0.5).predict(song).genre is not None
    with pytest.raises(ConfigError, match="more than the model tiny can promise"):
        Classifier.load(path, precision=0.99)


def test_unsure_says_so_and_why(classifier: Classifier) -> None:
    bundle = classifier.bundle
    always = dataclasses.replace(bundle.card, thresholds={"confidence": 1.1})
    never = dataclasses.replace(bundle.card, thresholds={})
    picky, bold = Classifier(bundle.with_card(always)), Classifier(bundle.with_card(never))
    assert (answer := picky.predict(ROCK)).genre is None
    assert "not sure" in str(answer.reason)
    assert (answer := bold.predict(ROCK)).genre == answer.best
    assert answer.reason is None


def test_opposite_channels_are_no_silence(classifier: Classifier) -> None:
    mono = music(12, rate=44100, channels=1)[:, 0]
    opposite = encode(np.stack([mono, -mono], axis=1), FORMATS["wav-f32"])
    assert classifier.predict(opposite).best == classifier.predict(encode(mono[:, None], FORMATS["wav-f32"])).best
