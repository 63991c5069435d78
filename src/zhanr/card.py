"""The card of a model file: everything that serving needs to know of it, and where it comes from.

A field that is unknown or missing is an error. Cards of version 1 have no styles and no table of precisions.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from zhanr.config import Aggregation, Config, FeatureConfig, WindowConfig
from zhanr.errors import ConfigError

FORMAT_VERSION = 2
READABLE = (1, 2)


@dataclass(frozen=True)
class StyleLabel(Config):
    """A style that a model hears, set from the probability `threshold` on; `genre` is its parent, if it has one."""

    name: str
    threshold: float
    genre: str | None = None


@dataclass(frozen=True)
class OperatingPoint(Config):
    """What must hold of an answer so that `precision` of the answers are right, and what that costs.

    An answer has at least the probability `confidence` and at most the novelty `novelty`. `answered` is the share of
    songs that are answered, `right` the share of those that are right, both as measured (0..1).
    """

    precision: float
    confidence: float
    answered: float
    right: float
    novelty: float | None = None


@dataclass(frozen=True)
class Card(Config):
    """What a model file says of itself.

    `thresholds` holds "confidence" (below it the answer is "not sure") and, where the graph has an output `novelty` or
    `prototypes`, "novelty" (above it the song is like nothing that the model knows); an absent one never says "not
    sure". `precisions` are further choices of both, of which `at` takes one. `styles` name the output `styles`.
    """

    name: str
    labels: tuple[str, ...]
    features: FeatureConfig
    windows: WindowConfig
    embedding_size: int
    licence: str
    aggregation: Aggregation = "mean_log_probability"
    temperature: float = 1.0
    thresholds: dict[str, float] = field(default_factory=dict)
    precisions: tuple[OperatingPoint, ...] = ()
    styles: tuple[StyleLabel, ...] = ()
    description: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    parents: tuple[dict[str, Any], ...] = ()
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if self.format_version not in READABLE:
            raise ConfigError(
                f"Card.format_version is {self.format_version}; this zhanr reads version {FORMAT_VERSION} and older"
            )
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ConfigError(f"Card.labels must be at least two different genres, got {list(self.labels)}")
        if self.temperature <= 0:
            raise ConfigError(f"Card.temperature must be positive, got {self.temperature}")
        if unknown := set(self.thresholds) - {"confidence", "novelty"}:
            raise ConfigError(f"Card.thresholds: unknown {', '.join(sorted(unknown))}")
        if len({style.name for style in self.styles}) != len(self.styles):
            raise ConfigError("Card.styles: a name comes twice")
        steps = [point.precision for point in self.precisions]
        if steps != sorted(set(steps)):
            raise ConfigError(f"Card.precisions must rise, got {steps}")

    def point(self, precision: float) -> OperatingPoint:
        """The row of the table whose precision is `precision` or the next above it. Raises `ConfigError`."""
        for point in self.precisions:
            if point.precision >= precision - 1e-9:  # 0.9 is 0.9, however it was computed
                return point
        if not self.precisions:
            raise ConfigError(f"the model {self.name} has no table of precisions to choose from")
        steps = ", ".join(f"{p.precision:g}" for p in self.precisions)
        raise ConfigError(
            f"a precision of {precision:g} is more than the model {self.name} can promise (it has {steps})"
        )

    def at(self, precision: float) -> Card:
        """The card with the thresholds of another precision. Raises `ConfigError` as `point` does."""
        point = self.point(precision)
        novelty = {} if point.novelty is None else {"novelty": point.novelty}
        return dataclasses.replace(self, thresholds={"confidence": point.confidence} | novelty)

    def to_json(self) -> str:
        """The card as JSON, the form in which it lies in the file."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1)
