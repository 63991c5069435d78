"""Cutting, padding, and the ways from window logits to a song's probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhanr.aggregate import METHODS, aggregate, softmax
from zhanr.config import Aggregation, WindowConfig
from zhanr.errors import ConfigError
from zhanr.windows import cut, starts


@given(st.integers(1, 800), st.integers(1, 200), st.data())
def test_windows_cover_the_picture(n_frames: int, frames: int, data: st.DataObject) -> None:
    hop = data.draw(st.integers(1, frames))
    config = WindowConfig(frames=frames, hop=hop, segment_frames=800)
    picture = np.arange(n_frames)[None, :]
    windows = cut(picture, config)
    first = starts(n_frames, config)
    assert windows.shape == (len(first), 1, frames)
    seen = np.unique(windows)
    assert len(seen) > n_frames - max(1, hop / 2)
    assert (np.diff(first) > 0).all()
    if n_frames >= frames:
        assert all((w[0] == np.arange(s, s + frames)).all() for s, w in zip(first, windows, strict=True))


def test_a_short_picture_is_repeated() -> None:
    windows = cut(np.array([[1, 2, 3]]), WindowConfig(frames=7, hop=7, segment_frames=7))
    assert windows.tolist() == [[[1, 2, 3, 1, 2, 3, 1]]]


def test_a_network_of_any_width_sees_a_short_picture_as_it_is() -> None:
    config = WindowConfig(frames=7, hop=7, segment_frames=7, shortest=3)
    assert cut(np.array([[1, 2, 3, 4]]), config).tolist() == [[[1, 2, 3, 4]]]
    assert cut(np.array([[1, 2]]), config).tolist() == [[[1, 2, 1]]]


def test_an_empty_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="n_frames >= 1"):
        cut(np.zeros((3, 0)), WindowConfig())


def test_impossible_windows_are_refused() -> None:
    with pytest.raises(ConfigError, match="hop"):
        WindowConfig(frames=10, hop=20)


LOGITS = np.log(np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.3, 0.6, 0.1]]))
EXPECTED: dict[Aggregation, list[float]] = {
    "mean_log_probability": [0.072 ** (1 / 3), 0.036 ** (1 / 3), 0.1],
    "mean_probability": [1.4, 1.3, 0.3],
    "median": [0.3, 0.6, 0.1],
    "vote": [1, 2, 0],
}


@pytest.mark.parametrize("method", METHODS)
def test_each_method_by_hand(method: Aggregation) -> None:
    by_hand = np.array(EXPECTED[method])
    np.testing.assert_allclose(aggregate(LOGITS, method), by_hand / by_hand.sum(), rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@given(temperature=st.floats(0.2, 5))
def test_temperature_keeps_the_order_and_the_sum(method: Aggregation, temperature: float) -> None:
    plain, tempered = aggregate(LOGITS, method), aggregate(LOGITS, method, temperature=temperature)
    assert tempered.sum() == pytest.approx(1)
    assert (np.argsort(plain) == np.argsort(tempered)).all()
    assert (tempered.max() <= plain.max() + 1e-12) == (temperature >= 1 or plain.max() == tempered.max())


def test_softmax_of_huge_logits_is_finite() -> None:
    np.testing.assert_allclose(softmax(np.array([1e4, 0.0])), [1, 0])
