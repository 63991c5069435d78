"""Saliency must point at what decided: tiny models that hear one known band, music that is loud at a known time."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_files import FORMATS, encode
from tiny import LABELS, N_BINS, N_FRAMES, tiny_model
from zhanr.bundle import Bundle, load_bundle
from zhanr.config import FeatureConfig
from zhanr.errors import ConfigError
from zhanr.explain import band_edges, bin_hertz, explain, explain_song, moment_edges
from zhanr.features import hz_to_mel, mel_filter_bank

ROCK_BIN = 9
RATE = 8000


@pytest.fixture(scope="module")
def rock_listener(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A model for which energy in one bin is rock, and nothing else matters."""
    weights = np.zeros((N_BINS, len(LABELS)), np.float32)
    weights[ROCK_BIN, LABELS.index("rock")] = 50
    return load_bundle(tiny_model(tmp_path_factory.mktemp("model") / "rock.onnx", weights=weights))


def place(index: np.intp, weights: NDArray[np.float32]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(index, weights.shape))


def picture(n_frames: int = 96) -> NDArray[np.uint8]:
    """Loud everywhere at one moment, and louder all the time in a band that means nothing."""
    x = np.random.default_rng(0).integers(0, 30, (N_BINS, n_frames)).astype(np.uint8)
    x[2:4] = 255
    x[:, 40:48] = 250
    return x


def test_it_points_at_the_band_and_the_moment_that_decided(rock_listener: Bundle) -> None:
    weights = explain(picture(), rock_listener, "rock", moment_frames=8)
    assert weights.shape == (8, 12)
    assert place(weights.argmax(), weights) == (ROCK_BIN // 2, 5)
    others = np.delete(weights, ROCK_BIN // 2, axis=0)
    np.testing.assert_allclose(others, 0, atol=1e-5)
    assert weights.max() > 20 * np.abs(np.delete(weights[ROCK_BIN // 2], 5)).max()


def test_what_speaks_for_one_genre_speaks_against_the_others(rock_listener: Bundle) -> None:
    weights = explain(picture(), rock_listener, "jazz", moment_frames=8)
    assert place(weights.argmin(), weights) == (ROCK_BIN // 2, 5)


def test_a_patch_is_weighed_in_every_window_that_sees_it(rock_listener: Bundle) -> None:
    """The mean over a window is linear, so the weight is a sum that can be computed by hand."""
    x = picture()
    weights = explain(x, rock_listener, "rock", moment_frames=8)
    mean = x[ROCK_BIN] / 255
    hidden = mean.copy()
    hidden[40:48] = np.median(mean)

    def odds(row: NDArray[np.float64]) -> float:
        starts = range(0, 96 - N_FRAMES + 1, rock_listener.card.windows.hop)
        return float(sum(50 * row[s : s + N_FRAMES].mean() - np.log(2) for s in starts))

    assert weights[ROCK_BIN // 2, 5] == pytest.approx(odds(mean) - odds(hidden), rel=1e-4)


def test_a_short_picture_that_is_repeated_is_explained_too(rock_listener: Bundle) -> None:
    weights = explain(picture(n_frames=20)[:, :20], rock_listener, "rock", moment_frames=8)
    assert weights.shape == (8, 2)


def test_floats_are_explained_as_their_grey_levels_are(rock_listener: Bundle) -> None:
    x = picture()
    one = explain(x, rock_listener, "rock", moment_frames=8)
    two = explain((x / 255).astype(np.float32), rock_listener, "rock", moment_frames=8)
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_an_unknown_genre_is_refused(rock_listener: Bundle) -> None:
    with pytest.raises(ConfigError, match="polka"):
        explain(picture(), rock_listener, "polka", moment_frames=8)


def beep(hertz: float, at: float, seconds: float = 12.0, silence: tuple[float, float] = (0.0, 0.0)) -> bytes:
    """Quiet noise with a loud second of one tone."""
    t = np.arange(round(seconds * RATE)) / RATE
    y = 0.001 * np.random.default_rng(0).normal(size=len(t))
    y += np.where((t >= at) & (t < at + 1), 0.5 * np.sin(2 * np.pi * hertz * t), 0)
    y[(t >= silence[0]) & (t < silence[1])] = 0
    return encode(y[:, None].astype(np.float32), dataclasses.replace(FORMATS["wav-f32"], rate=RATE))


def test_a_song_is_explained_in_hertz_and_seconds(rock_listener: Bundle) -> None:
    edges = bin_hertz(rock_listener.card.features)
    tone = (edges[ROCK_BIN] + edges[ROCK_BIN + 1]) / 2
    why = explain_song(beep(tone, at=7.0), rock_listener, "rock")
    best = why.strongest(1)[0]
    assert best.low <= tone <= best.high
    assert best.start <= 7.5 <= best.end
    assert best.weight == why.weights.max()
    answer = why.to_dict()
    assert np.shape(answer["weights"]) == (8, len(answer["moments"]))
    assert answer["moments"][0][0] == 0
    assert answer["moments"][-1][1] == pytest.approx(12, abs=0.1)
    assert answer["strongest"][0]["hertz"] == [round(best.low), round(best.high)]


def test_times_count_from_the_start_of_the_song_even_after_silence(rock_listener: Bundle) -> None:
    card = rock_listener.card
    segment = card.windows.segment_frames * card.features.frame_seconds
    tone = bin_hertz(card.features)[ROCK_BIN] + 10
    why = explain_song(beep(tone, segment + 5, 2 * segment, silence=(0, segment)), rock_listener, "rock")
    assert why.start[0] == pytest.approx(segment)
    best = why.strongest(1)[0]
    assert best.start <= segment + 5.5 <= best.end


def test_only_what_spoke_for_the_genre_is_named(rock_listener: Bundle) -> None:
    why = explain_song(beep(bin_hertz(rock_listener.card.features)[ROCK_BIN] + 10, at=7.0), rock_listener, "rock")
    against = dataclasses.replace(why, weights=-np.abs(why.weights))
    assert against.strongest() == ()


def test_bands_and_moments_cover_everything_once() -> None:
    for n_bins, n_bands in ((128, 8), (13, 8), (3, 8)):
        edges = band_edges(n_bins, n_bands)
        assert (edges[0], edges[-1]) == (0, n_bins)
        assert (np.diff(edges) > 0).all()
    for n_frames in (1, 5, 12, 13, 20, 387):
        edges = moment_edges(n_frames, 13)
        assert (edges[0], edges[-1]) == (0, n_frames)
        assert (np.diff(edges) > 0).all()
        assert np.diff(edges).max() <= 1.5 * 13


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_a_bin_lies_where_its_filter_is_largest(scale: Literal["slaney", "htk"]) -> None:
    config = dataclasses.replace(FeatureConfig(), mel_scale=scale, n_mels=40)
    edges = bin_hertz(config)
    assert (edges[0], edges[-1]) == pytest.approx((config.fmin, config.fmax), abs=1e-6)
    assert (np.diff(hz_to_mel(edges, scale=config.mel_scale)) > 0).all()
    bank = mel_filter_bank(
        sample_rate=config.sample_rate,
        n_fft=1 << 16,
        n_mels=40,
        fmin=config.fmin,
        fmax=config.fmax,
        mel_scale=config.mel_scale,
    )
    peaks = bank.argmax(axis=1) * config.sample_rate / (1 << 16)
    assert (edges[:-1] <= peaks).all()
    assert (peaks <= edges[1:]).all()


def test_stft_bins_are_hertz_and_mfcc_bins_are_not() -> None:
    edges = bin_hertz(dataclasses.replace(FeatureConfig(), kind="stft"))
    assert edges[1] == pytest.approx(22050 / 2048 / 2)
    with pytest.raises(ConfigError, match="MFCC"):
        bin_hertz(FeatureConfig(kind="mfcc"))
