"""Features against librosa, for every option, and against golden numbers."""

from __future__ import annotations

from typing import Any, Literal

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhanr import features
from zhanr.config import FeatureConfig
from zhanr.errors import ConfigError

RATE = 22050
Ref = Literal["max"] | float
GOLDEN_HTK = {0: 0, 500: 607.44591966, 1000: 999.98553714, 2000: 1521.35955416, 3000: 1876.45406012}


@pytest.fixture(scope="module")
def y() -> np.ndarray:
    """Two seconds of a chord with a noisy beat, loud and soft parts, and a silent end."""
    rng = np.random.default_rng(0)
    t = np.arange(2 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * f * t) for f in (110, 277.2, 659.3, 3520)) * np.exp(-t)
    signal = 0.2 * chord + 0.1 * rng.standard_normal(len(t)) * (t % 0.5 < 0.05)
    signal[-3000:] = 0
    return signal.astype(np.float32)


def test_htk_mel_has_the_golden_values() -> None:
    np.testing.assert_allclose(features.hz_to_mel(np.array(list(GOLDEN_HTK))), list(GOLDEN_HTK.values()), atol=5e-9)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mel_scale_agrees_with_librosa(scale: features.MelScale) -> None:
    hz = np.linspace(0, 20000, 500)
    expected = librosa.hz_to_mel(hz, htk=scale == "htk")
    np.testing.assert_allclose(features.hz_to_mel(hz, scale=scale), expected, rtol=1e-12)
    np.testing.assert_allclose(features.mel_to_hz(expected, scale=scale), hz, rtol=1e-10, atol=1e-9)


@given(st.floats(0, 40000), st.sampled_from(["htk", "slaney"]))
def test_mel_scale_inverts(hz: float, scale: features.MelScale) -> None:
    assert float(features.mel_to_hz(features.hz_to_mel(hz, scale=scale), scale=scale)) == pytest.approx(hz, abs=1e-7)


@pytest.mark.parametrize("htk", [True, False])
@pytest.mark.parametrize("norm", ["slaney", None])
@pytest.mark.parametrize(("n_mels", "fmin", "fmax"), [(128, 0.0, 11025.0), (40, 50.0, 8000.0)])
def test_mel_filter_bank_agrees_with_librosa(
    htk: bool, norm: Literal["slaney"] | None, n_mels: int, fmin: float, fmax: float
) -> None:
    ours = features.mel_filter_bank(
        sample_rate=RATE,
        n_fft=2048,
        n_mels=n_mels,
        fmin=fmin,
        fmax=fmax,
        mel_scale="htk" if htk else "slaney",
        norm=norm,
    )
    theirs = librosa.filters.mel(sr=RATE, n_fft=2048, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=htk, norm=norm)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("n_fft", "hop", "win"), [(2048, 1709, 2048), (1024, 256, 800), (2048, 512, 1024)])
def test_stft_agrees_with_librosa(y: np.ndarray, center: bool, n_fft: int, hop: int, win: int) -> None:
    ours = features.stft(y, n_fft=n_fft, hop_length=hop, win_length=win, center=center)
    theirs = librosa.stft(y, n_fft=n_fft, hop_length=hop, win_length=win, center=center)
    assert ours.dtype == np.complex64
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("top_db", [80.0, 40.0, None])
@pytest.mark.parametrize("ref", ["max", 1.0, 0.5])
def test_decibels_agree_with_librosa(
    y: np.ndarray, power: float, top_db: float | None, ref: Literal["max"] | float
) -> None:
    s = np.abs(librosa.stft(y)) ** power
    reference: Any = np.max if ref == "max" else ref
    if power == 2.0:
        theirs = librosa.power_to_db(s, ref=reference, top_db=top_db)
    else:
        theirs = librosa.amplitude_to_db(s, ref=reference, top_db=top_db, amin=1e-5)
    np.testing.assert_allclose(features.to_db(s, power=power, ref=ref, top_db=top_db), theirs, atol=1e-3)


@pytest.mark.parametrize("kind", ["mel", "stft", "mfcc"])
@pytest.mark.parametrize("mel_scale", ["slaney", "htk"])
@pytest.mark.parametrize("log", [True, False])
def test_extract_agrees_with_librosa(y: np.ndarray, kind: str, mel_scale: str, log: bool) -> None:
    config = FeatureConfig.from_dict({"kind": kind, "mel_scale": mel_scale, "log": log, "scale": "none"})
    power = np.abs(librosa.stft(y, hop_length=config.hop_length)) ** 2
    mel = librosa.feature.melspectrogram(S=power, sr=RATE, htk=mel_scale == "htk")
    db = librosa.power_to_db(mel, ref=np.max)
    expected = {
        "stft": librosa.power_to_db(power, ref=np.max) if log else power,
        "mel": db if log else mel,
        "mfcc": librosa.feature.mfcc(S=db),
    }[kind]
    ours = features.extract(y, config)
    assert ours.shape == (config.n_bins, expected.shape[1])
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=2e-3)


def test_extract_reproduces_the_shared_store(shared: object) -> None:
    """The published pictures are at most a grey level away from what we compute from the decoded audio."""
    import av

    stored = np.load(f"{shared}/gtzan/mel128_train.npz")
    valid = np.load(f"{shared}/gtzan/mel128_valid.npz")
    name = "metal.00000"
    source = stored if name in stored["names"] else valid
    picture = source["x"][list(source["names"]).index(name)]
    with av.open(f"{shared}/gtzan/audio/metal/{name}.ogg") as container:
        y = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    config = FeatureConfig(hop_length=512)
    ours = features.quantise(features.extract(y, config))[:, source["frame_index"][0]]
    assert np.abs(ours.astype(int) - picture.astype(int)).mean() < 2  # the audio there went through Vorbis


def test_the_fixed_floor_is_minmax_where_the_floor_is_reached(y: np.ndarray) -> None:
    fixed, minmax = (features.extract(y, FeatureConfig.from_dict({"scale": s})) for s in ("top_db", "minmax"))
    np.testing.assert_allclose(fixed, minmax, atol=1e-5)
    hiss = np.random.default_rng(0).standard_normal(60000).astype(np.float32)
    fixed = features.extract(hiss, FeatureConfig(scale="top_db"))
    assert (fixed.min() > 0.4, fixed.max()) == (True, 1)


@pytest.mark.parametrize("setting", [{"log": False}, {"top_db": None}, {"kind": "mfcc"}])
def test_a_fixed_floor_needs_decibels(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="top_db"):
        FeatureConfig.from_dict({"scale": "top_db", **setting})


def test_minmax_spans_the_unit_interval_and_survives_a_constant_picture(y: np.ndarray) -> None:
    scaled = features.extract(y, FeatureConfig())
    assert (scaled.min(), scaled.max()) == (0, 1)
    assert not features.minmax(np.full((3, 4), 7.0)).any()


@given(st.floats(1e-3, 10))
def test_scaled_log_mel_does_not_depend_on_the_level(gain: float) -> None:
    noise = np.random.default_rng(1).standard_normal(30000).astype(np.float32)
    config = FeatureConfig(amin=1e-30)
    np.testing.assert_allclose(
        features.extract(noise * np.float32(gain), config), features.extract(noise, config), atol=1e-4
    )


def test_quantise_is_undone_to_half_a_grey_level(y: np.ndarray) -> None:
    picture = features.extract(y, FeatureConfig())
    restored = features.dequantise(features.quantise(picture))
    assert np.abs(restored - picture).max() <= 0.5 / 255 + 1e-6


def test_a_signal_too_short_for_one_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2048 samples"):
        features.stft(np.zeros(100, np.float32), center=False)


@pytest.mark.parametrize(
    "setting",
    [{"hop_length": 0}, {"fmax": 20000.0}, {"win_length": 4096}, {"kind": "chroma"}, {"hop": 5}, {"n_mels": "128"}],
)
def test_bad_settings_are_named(setting: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        FeatureConfig.from_dict(setting)
