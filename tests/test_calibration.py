"""What a card says of precision, from answers whose truth is known."""

from __future__ import annotations

import numpy as np

from zhanr.calibration import NEVER, operating_points, thresholds
from zhanr.card import OperatingPoint


def test_a_point_is_the_lowest_probability_that_keeps_its_precision() -> None:
    confidence = np.arange(1, 101) / 100
    correct = confidence > 0.5
    points = operating_points(confidence, correct)
    assert [p.precision for p in points] == [0.8, 0.85, 0.9, 0.95, 0.98]
    for point in points:
        kept = confidence >= point.confidence
        assert point.answered == kept.mean()
        assert point.right == correct[kept].mean() >= point.precision
        assert correct[confidence >= point.confidence - 0.01].mean() < point.precision
    assert thresholds(points) == {"confidence": points[3].confidence}


def test_what_the_gate_holds_back_is_not_answered() -> None:
    points = operating_points([0.9, 0.5, 0.9], [0, 1, 1], strange=[9.0, 1.0, 3.0], novelty=2.0)
    assert points[-1] == OperatingPoint(0.98, 0.5, 1 / 3, 1.0, novelty=2.0)
    assert thresholds(points) == {"confidence": 0.5, "novelty": 2.0}


def test_what_is_never_right_is_never_answered() -> None:
    assert operating_points([0.9, 0.8], [False, False]) == ()
    assert thresholds(()) == {"confidence": NEVER}
    assert operating_points([0.9], [True], strange=[3.0], novelty=2.0) == ()
