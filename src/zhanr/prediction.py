"""What the classifier says of a song. Light to import: no model runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NOVEL = "not sure: this sounds like none of the genres that the model knows"
DOUBTFUL = "not sure: the likeliest genre has a probability"
SILENCE = "silence"


@dataclass(frozen=True)
class Moment:
    """One window of a song: from `start` to `end` in seconds, its likeliest genre and all probabilities.

    Where there is nothing to hear, `genre` is None, there are no probabilities, and `reason` says so.
    """

    start: float
    end: float
    genre: str | None
    probabilities: dict[str, float]
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        values: dict[str, Any] = {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "genre": self.genre,
            "probabilities": {g: round(p, 4) for g, p in self.probabilities.items()},
        }
        return values if self.reason is None else values | {"reason": self.reason}


class Style(NamedTuple):
    """A finer style of music than a genre, and its probability."""

    name: str
    probability: float


@dataclass(frozen=True, repr=False)
class Prediction:
    """What zhanr says of one song.

    `genre` is None where the model is not sure; `reason` then says why, and `best` is still its likeliest genre.
    `confidence` is the probability of that likeliest genre. `probabilities` are sorted, the likeliest first.
    `embedding` is the mean of the windows' embeddings, (d,) float32. `duration` is in seconds of decoded audio.
    `styles` are up to five styles, those first that are the farthest above their own threshold.
    """

    path: str
    genre: str | None
    confidence: float
    probabilities: dict[str, float]
    timeline: tuple[Moment, ...]
    embedding: NDArray[np.float32]
    duration: float
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    styles: tuple[Style, ...] = ()

    def __repr__(self) -> str:
        """One line; the windows and the embedding are many numbers, and there to be asked for."""
        likeliest = ", ".join(f"{genre} {p:.0%}" for genre, p in list(self.probabilities.items())[:3])
        genre = "not sure" if self.genre is None else self.genre
        return f"<Prediction {self.path!r}: {genre} ({likeliest}), {self.duration:.1f} s>"

    @property
    def best(self) -> str:
        """The likeliest genre, sure or not."""
        return next(iter(self.probabilities))

    def to_dict(self, *, timeline: bool = False) -> dict[str, Any]:
        """The JSON form that the command line and the API share."""
        values: dict[str, Any] = {
            "path": self.path,
            "genre": self.genre,
            "confidence": round(self.confidence, 4),
            "probabilities": {g: round(p, 4) for g, p in self.probabilities.items()},
            "duration": round(self.duration, 3),
            "warnings": list(self.warnings),
        }
        if self.reason is not None:
            values["reason"] = self.reason
        if self.styles:
            values["styles"] = [{"name": name, "probability": round(p, 4)} for name, p in self.styles]
        if timeline:
            values["timeline"] = [moment.to_dict() for moment in self.timeline]
        return values
