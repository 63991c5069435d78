"""Scores against scikit-learn, scipy, values worked by hand, and properties that hold for any data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from zhanr import metrics
from zhanr.aggregate import softmax

optimize = pytest.importorskip("scipy.optimize")  # not typed; scikit-learn brings it
stats = pytest.importorskip("scipy.stats")


def songs(n: int = 400, k: int = 7, seed: int = 0) -> tuple[metrics.Ints, metrics.Floats]:
    """True genres and logits that are right more often than not."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), truth] += 1.5
    return truth, logits


# Judged answers with many ties in confidence, as a vote over few windows gives.
judged = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=60)


def split(pairs: list[tuple[int, bool]]) -> tuple[metrics.Floats, metrics.Floats]:
    return np.array([c / 8 for c, _ in pairs]), np.array([float(h) for _, h in pairs])


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (7, 7), (1, 1), (150, 197), (290 // 2, 290), (1, 1000)])
def test_wilson_interval_is_scipys(hits: int, n: int) -> None:
    expected = stats.binomtest(hits, n).proportion_ci(confidence_level=0.95, method="wilson")
    assert metrics.wilson_interval(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_interval_by_hand() -> None:
    # 8 of 10: (0.8 + 0.19207 ± 1.96 √(0.016 + 0.0096036)) / 1.38415 = 0.4902, 0.9433
    low, high = metrics.wilson_interval(8, 10)
    assert low == pytest.approx(0.4902, abs=5e-5)
    assert high == pytest.approx(0.9433, abs=5e-5)


@given(st.integers(1, 2000), st.data())
def test_wilson_interval_holds_the_proportion(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    low, high = metrics.wilson_interval(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    assert (low == 0) == (hits == 0)
    assert (high == 1) == (hits == n)


@pytest.mark.parametrize("seed", range(3))
def test_confusion_and_genre_scores_are_scikit_learns(seed: int) -> None:
    truth, logits = songs(seed=seed)
    predicted = logits.argmax(axis=1)
    confusion = metrics.confusion_matrix(truth, predicted, 7)
    np.testing.assert_array_equal(confusion, oracle.confusion_matrix(truth, predicted))
    expected = oracle.precision_recall_fscore_support(truth, predicted)
    ours = [(s.precision, s.recall, s.f1, s.support) for s in metrics.genre_scores(confusion)]
    np.testing.assert_allclose(np.array(ours).T, expected)
    assert metrics.macro_f1(confusion) == pytest.approx(oracle.f1_score(truth, predicted, average="macro"))
    assert metrics.accuracy(truth, predicted) == pytest.approx(oracle.accuracy_score(truth, predicted))


def test_confusion_has_true_genres_as_rows() -> None:
    np.testing.assert_array_equal(metrics.confusion_matrix([0, 0, 2], [1, 0, 1], 3), [[1, 1, 0], [0, 0, 0], [0, 1, 0]])


def test_genres_never_predicted_or_never_seen_score_zero() -> None:
    # Genre 1 is seen and never predicted, genre 2 is predicted and never seen, genre 3 neither.
    confusion = metrics.confusion_matrix([0, 0, 1], [0, 2, 0], 4)
    never_said, never_seen, absent = metrics.genre_scores(confusion)[1:]
    assert (never_said.precision, never_said.recall, never_said.f1, never_said.support) == (0, 0, 0, 1)
    assert (never_seen.precision, never_seen.recall, never_seen.f1, never_seen.support) == (0, 0, 0, 0)
    assert (absent.f1, absent.support) == (0, 0)
    # Macro-F1 is over the genres in the truth: genre 0 has 2 * 1 / (2 + 2), genre 1 has 0.
    assert metrics.macro_f1(confusion) == pytest.approx((0.5 + 0) / 2)


def test_nll_and_brier_are_scikit_learns() -> None:
    truth, logits = songs()
    probabilities = softmax(logits)
    nll = metrics.negative_log_likelihood(np.log(probabilities), truth)
    assert nll == pytest.approx(oracle.log_loss(truth, probabilities))
    per_genre = [oracle.brier_score_loss(truth == g, probabilities[:, g]) for g in range(7)]
    assert metrics.brier(probabilities, truth) == pytest.approx(sum(per_genre))


def test_nll_and_brier_by_hand() -> None:
    probabilities = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    with np.errstate(divide="ignore"):
        logs = np.log(probabilities)
    assert metrics.negative_log_likelihood(logs, [0, 1]) == pytest.approx(math.log(2) / 2)
    assert metrics.brier(probabilities, [0, 1]) == pytest.approx((0.25 + 0.0625 + 0.0625) / 2)
    assert metrics.brier(probabilities, [0, 0]) == pytest.approx((0.375 + 2.0) / 2)
    assert metrics.negative_log_likelihood(logs, [0, 0]) < 20  # a certain error is dear, not infinite


def test_ece_by_hand() -> None:
    # Two bins: (0, 0.5] holds 0.4 and 0.5 with one hit, (0.5, 1] holds 0.9 and 0.7 with two.
    confidence, correct = [0.4, 0.5, 0.9, 0.7], [0, 1, 1, 1]
    bins = metrics.reliability_bins(confidence, correct, n_bins=2)
    np.testing.assert_array_equal(bins.count, [2, 2])
    np.testing.assert_allclose(bins.confidence, [0.45, 0.8])
    np.testing.assert_allclose(bins.accuracy, [0.5, 1.0])
    assert metrics.expected_calibration_error(confidence, correct, 2) == pytest.approx(0.5 * 0.05 + 0.5 * 0.2)


def test_ece_of_guo_et_al_written_as_their_loop() -> None:
    truth, logits = songs(n=1000)
    probabilities = softmax(3 * logits)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert metrics.expected_calibration_error(confidence, correct) == pytest.approx(expected)


@given(judged)
def test_reliability_bins_keep_every_song(pairs: list[tuple[int, bool]]) -> None:
    confidence, correct = split(pairs)
    bins = metrics.reliability_bins(confidence, correct)
    assert bins.count.sum() == len(pairs)
    assert np.nansum(bins.count * bins.accuracy) == pytest.approx(correct.sum())
    assert 0 <= bins.ece <= 1


def test_selective_accuracy_by_hand() -> None:
    confidence, correct = [0.9, 0.8, 0.7, 0.6, 0.5], [1, 1, 0, 1, 0]
    assert metrics.selective_accuracy(confidence, correct, 0.4) == 1.0
    assert metrics.selective_accuracy(confidence, correct, 0.5) == pytest.approx(2 / 3)  # ceil(2.5) = 3 songs
    assert metrics.selective_accuracy(confidence, correct, 1.0) == pytest.approx(3 / 5)


def test_selective_accuracy_counts_the_surest_seven_tenths_exactly() -> None:
    # 0.7 * 30 is 20.999999999999996 or 21: 21 songs either way, and the 22nd must not slip in.
    correct = np.r_[np.ones(21), np.zeros(9)]
    assert metrics.selective_accuracy(np.linspace(1, 0.1, 30), correct, 0.7) == 1.0


def test_ties_share_their_hits() -> None:
    # One sure hit, then four equal ones of which one is right: the second answer is right with chance 1/4.
    assert metrics.selective_accuracy([0.9, 0.5, 0.5, 0.5, 0.5], [1, 0, 0, 1, 0], 0.4) == pytest.approx(1.25 / 2)


@given(judged, st.randoms(use_true_random=False))
def test_selection_ignores_the_order_of_songs(pairs: list[tuple[int, bool]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = metrics.risk_coverage(*split(pairs)), metrics.risk_coverage(*split(shuffled))
    np.testing.assert_allclose(one.risk, two.risk, atol=1e-12)


@given(judged)
def test_risk_coverage_ends_at_the_error_rate(pairs: list[tuple[int, bool]]) -> None:
    confidence, correct = split(pairs)
    curve = metrics.risk_coverage(confidence, correct)
    assert curve.coverage[-1] == 1.0
    assert curve.risk[-1] == pytest.approx(1 - correct.mean())
    assert np.all((curve.risk >= 0) & (curve.risk <= 1))
    assert metrics.selective_accuracy(confidence, correct, 1.0) == pytest.approx(1 - curve.risk[-1])


def test_risk_coverage_by_hand() -> None:
    curve = metrics.risk_coverage([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 1])
    np.testing.assert_allclose(curve.coverage, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(curve.risk, [0, 1 / 2, 1 / 3, 1 / 4])
    assert curve.area == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 4)


def test_threshold_for_precision_by_hand() -> None:
    confidence, correct = [0.9, 0.8, 0.7, 0.6, 0.6], [1, 0, 1, 1, 1]
    assert metrics.threshold_for_precision(confidence, correct, 0.8) == 0.6  # 4 of 5, though 0.8 alone has 1 of 2
    assert metrics.threshold_for_precision(confidence, correct, 0.9) == 0.9
    assert metrics.threshold_for_precision([0.9, 0.8], [0, 1], 0.9) is None


@given(judged, st.sampled_from([0.5, 0.8, 0.95, 1.0]))
def test_threshold_keeps_its_promise_and_no_lower_one_does(pairs: list[tuple[int, bool]], precision: float) -> None:
    confidence, correct = split(pairs)
    threshold = metrics.threshold_for_precision(confidence, correct, precision)
    if threshold is not None:
        assert correct[confidence >= threshold].mean() >= precision - 1e-9
    for lower in np.unique(confidence):
        if threshold is None or lower < threshold:
            assert correct[confidence >= lower].mean() < precision


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.lists(st.integers(0, 9), min_size=1, max_size=30))
@settings(max_examples=50)
def test_auroc_is_scikit_learns(positive: list[int], negative: list[int]) -> None:
    truth = [1] * len(positive) + [0] * len(negative)
    assert metrics.auroc(positive, negative) == pytest.approx(oracle.roc_auc_score(truth, positive + negative))
    assert metrics.auroc(negative, positive) == pytest.approx(1 - metrics.auroc(positive, negative))


def test_temperature_is_scipys_minimum() -> None:
    truth, logits = songs(n=600)
    sharp = 3 * logits
    best = optimize.minimize_scalar(
        lambda u: oracle.log_loss(truth, softmax(sharp, temperature=math.exp(u))), bounds=(-3, 3), method="bounded"
    )
    assert metrics.fit_temperature(sharp, truth) == pytest.approx(math.exp(best.x), rel=1e-3)


def test_temperature_undoes_a_sharpening() -> None:
    truth, logits = songs(n=600)
    log_probs = np.log(softmax(logits))
    base = metrics.fit_temperature(log_probs, truth)
    assert metrics.fit_temperature(logits, truth) == pytest.approx(base)  # logits or log-probabilities
    assert metrics.fit_temperature(2.5 * log_probs, truth) == pytest.approx(2.5 * base)
    before, after = (softmax(2.5 * log_probs, temperature=t) for t in (1.0, 2.5 * base))
    correct = log_probs.argmax(axis=1) == truth
    ece = [metrics.expected_calibration_error(p.max(axis=1), correct) for p in (before, after)]
    assert ece[1] < ece[0] / 2


def test_temperature_stops_at_its_bounds() -> None:
    right, wrong = np.log([[0.8, 0.2], [0.3, 0.7]]), np.log([[0.2, 0.8], [0.7, 0.3]])
    assert metrics.fit_temperature(right, [0, 1]) == pytest.approx(0.05)
    assert metrics.fit_temperature(wrong, [0, 1]) == pytest.approx(20.0)
    assert math.isfinite(metrics.fit_temperature([[0.0, -np.inf], [-np.inf, 0.0]], [0, 0]))


def test_nothing_has_no_score() -> None:
    for score in (metrics.accuracy, metrics.expected_calibration_error, metrics.risk_coverage, metrics.expected_hits):
        with pytest.raises(ValueError, match="n >= 1"):
            score([], [])
    with pytest.raises(ValueError, match="n >= 1"):
        metrics.brier(np.zeros((0, 3)), [])
    with pytest.raises(ValueError, match="successes"):
        metrics.wilson_interval(0, 0)
    with pytest.raises(ValueError, match="at least one"):
        metrics.auroc([], [1.0])


def test_wrong_shapes_and_genres_are_refused() -> None:
    with pytest.raises(ValueError, match="genre numbers"):
        metrics.confusion_matrix([0, 3], [0, 0], 3)
    with pytest.raises(ValueError, match="genre numbers"):
        metrics.negative_log_likelihood(np.zeros((1, 2)), [2])
    with pytest.raises(ValueError, match="arrays"):
        metrics.accuracy([0, 1], [0])
    with pytest.raises(ValueError, match="coverage"):
        metrics.selective_accuracy([0.5], [1], 0.0)
