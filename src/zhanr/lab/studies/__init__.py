"""The studies, by name: what the accuracy of a genre classifier depends on, each one command (`zhanr lab study NAME`).

A new study is one file here and one entry in `STUDIES`.
"""

from __future__ import annotations

from zhanr.lab.studies.aggregation import AGGREGATION
from zhanr.lab.studies.clip_length import CLIP_LENGTH
from zhanr.lab.studies.combination import COMBINATION
from zhanr.lab.studies.dataset import DATASET
from zhanr.lab.studies.genres import GENRES
from zhanr.lab.studies.handmade import HANDMADE
from zhanr.lab.studies.network import NETWORK
from zhanr.lab.studies.optimisers import OPTIMISERS
from zhanr.lab.studies.paper import PAPER
from zhanr.lab.studies.preprocessing import PREPROCESSING
from zhanr.lab.studies.study import Case, Study, StudyTask

__all__ = ["STUDIES", "Case", "Study", "StudyTask"]

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
