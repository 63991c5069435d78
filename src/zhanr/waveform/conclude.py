"""From the windows of a song to what is said of it, as `zhanr.classifier` and `zhanr.aggregate` do it, in ONNX.

Everything here has a first dimension of windows until it is a song's; those that are heard were chosen before. Of no
window at all every value is NaN.
"""

from __future__ import annotations

from collections.abc import Callable

from zhanr.card import Card
from zhanr.config import Aggregation
from zhanr.waveform.builder import Builder


def conclude(b: Builder, card: Card, heard: dict[str, str]) -> None:
    """Compute the outputs logits, probabilities, embedding and, where the model has them, styles and novelty.

    `heard` has the network's outputs, (n, ...) each, for the windows that are heard; `prototypes` as they are.
    """
    log_p = METHODS[card.aggregation](b, b("LogSoftmax", heard["logits"], axis=1))
    logits = b("Div", log_p, float(card.temperature), output="logits")
    probabilities = b("Softmax", logits, axis=0, output="probabilities")
    embedding = b("Identity", mean(b, heard["embedding"]), output="embedding")
    if "styles" in heard:
        b("Sigmoid", mean(b, heard["styles"]), output="styles")
    if "novelty" in heard:
        b("Identity", mean(b, heard["novelty"]), output="novelty")
    elif "prototypes" in heard:
        distance = b("Sub", heard["prototypes"], embedding)
        distances = b.reduce("ReduceMean", b("Mul", distance, distance), [1])
        surprise = b("Mul", probabilities, b("Log", b("Max", probabilities, 1e-12)))
        entropy = b("Neg", b.reduce("ReduceSum", surprise, [0]))
        b("Add", entropy, b.reduce("ReduceMin", distances, [0]), output="novelty")


def mean(b: Builder, rows: str) -> str:
    """The mean over the first dimension; NaN of none."""
    count = b.cast(b("Gather", b("Shape", rows), 0), "float32")
    return b("Div", b.reduce("ReduceSum", rows, [0]), count)


def _mean_probability(b: Builder, log_p: str) -> str:
    return b("Log", mean(b, b("Exp", log_p)))


def _median(b: Builder, log_p: str) -> str:
    """The mean of the two in the middle, which are one and the same of an odd number."""
    count = b("Shape", log_p, start=0, end=1)
    ordered, _ = b.many("TopK", log_p, count, outputs=["median.values", "median.places"], axis=0)
    middle = b("Div", b("Concat", b("Sub", count, 1), count, axis=0), 2)
    return mean(b, b("Gather", ordered, middle, axis=0))


def _vote(b: Builder, log_p: str) -> str:
    genres = b("Squeeze", b("Shape", log_p, start=1, end=2))
    winners = b("ArgMax", log_p, axis=1, keepdims=0)
    votes = b("Equal", b("Unsqueeze", winners, [1]), b.arange(genres))
    return b("Log", mean(b, b.cast(votes, "float32")))


METHODS: dict[Aggregation, Callable[[Builder, str], str]] = {
    "mean_log_probability": mean,
    "mean_probability": _mean_probability,
    "median": _median,
    "vote": _vote,
}
"""Those of `zhanr.aggregate`, by the same names."""
