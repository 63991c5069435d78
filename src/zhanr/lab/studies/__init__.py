"""The studies, by name: what the accuracy of a genre classifier depends on, each one command (`zhanr study NAME`).

A new study is one file here and one entry in `STUDIES`.
"""

from __future__ import annotations

from zhanr.studies.aggregation import AGGREGATION
from zhanr.studies.clip_length import CLIP_LENGTH
from zhanr.studies.combination import COMBINATION
from zhanr.studies.dataset import DATASET
from zhanr.studies.genres import GENRES
from zhanr.studies.handmade import HANDMADE
from zhanr.studies.network import NETWORK
from zhanr.studies.optimisers import OPTIMISERS
from zhanr.studies.paper import PAPER
from zhanr.studies.preprocessing import PREPROCESSING
from zhanr.studies.study import Case, Study, Task

__all__ = ["STUDIES", "Case", "Study", "Task"]

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        PAPER,
        PREPROCESSING,
        CLIP_LENGTH,
        GENRES,
        DATASET,
        AGGREGATION,
        HANDMADE,
        COMBINATION,
        NETWORK,
        OPTIMISERS,
    )
}
