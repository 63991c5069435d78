"""How long a clip must be, for one clip and for a song of many."""

from __future__ import annotations

from functools import partial

from zhanr.lab.studies.material import Material
from zhanr.lab.studies.study import Case, Study
from zhanr.lab.studies.training import BASE, Training, configure

FRAMES = (10, 19, 39, 64, 97, 193)
"""Widths of a window in frames of 155 ms: about 1.5, 3, 6, 10, 15 and 30 seconds."""


def task(material: Material, frames: int, seed: int) -> Training:
    """Train on windows of this width: as much music in an epoch, and as many steps, as with the base's, or more."""
    crops = BASE["training"]["crops"] * max(1, round(BASE["windows"]["frames"] / frames))
    config = configure(material, seed, windows={"frames": frames, "hop": frames}, training={"crops": crops})
    return Training(config, material.train, material.valid)


def seconds(material: Material, frames: int) -> float:
    """The length of a window."""
    return frames * material.train.features.frame_seconds


def cases(material: Material) -> list[Case]:
    """One for each width."""
    widths = FRAMES[1::2] if material.quick else FRAMES
    return [
        Case(f"{seconds(material, n):.1f} s", partial(task, material, n), x=round(seconds(material, n), 1))
        for n in widths
    ]


CLIP_LENGTH = Study(
    name="clip-length",
    title="Length of a clip",
    question="How long must a clip be, when one clip is judged, and when all clips of a song are judged together?",
    protocol="Fault-filtered split of GTZAN: trained on its training part, scored on its validation part, which also "
    "chose the epoch, so that the scores are a little optimistic. A clip is one window; the windows of a 30 s excerpt "
    "lie side by side, and its answer is their mean log-probability. Shorter clips are more in an epoch, so that "
    "the network sees as much music; longer ones are not fewer, so that it makes as many steps.",
    cases=cases,
    columns=("clip_accuracy", "n_clips", "parameters"),
    plotted=("song_accuracy", "clip_accuracy"),
    xlabel="length of a clip in seconds",
    log_x=True,
)
