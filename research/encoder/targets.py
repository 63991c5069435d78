"""What the seven teachers say, as one row of 1,582 numbers for every five seconds: the targets of the distillation.

The first 350 are logits of tags, fifty of each teacher (of AudioSet's 527 classes those that are styles of music), the
others what lies before each teacher's last layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.encoder.teachers import Output, Teachers

Array = NDArray[Any]
CELL_SECONDS, N_CELLS = 5, 6  # of a piece of 30 s
MUSIC = slice(216, 266)  # AudioSet's classes that are styles of music
TAGS_EACH = 50
EMBEDDINGS = {
    "msd_fcn": 64,
    "msd_crnn": 160,
    "jamendo_fcn": 64,
    "jamendo_crnn": 160,
    "jamendo_musicnn": 200,
    "msd_musicnn": 200,
    "mn04_as": 384,
}
VOCABULARIES = {
    "msd": ("msd_fcn", "msd_crnn", "msd_musicnn"),
    "jamendo": ("jamendo_fcn", "jamendo_crnn", "jamendo_musicnn"),
    "audioset": ("mn04_as",),
}
"""The lists of tags, and which teachers give them. They are the columns of `styles.csv`, too."""
FILES = {"msd": "msd.txt", "jamendo": "jamendo.txt", "audioset": "mn04.txt"}
GENRE_TAGS = {
    "blues": {"msd": ["blues"], "audioset": ["Blues"]},
    "classical": {"jamendo": ["classical", "orchestral"], "audioset": ["Classical music"]},
    "country": {"msd": ["country"], "audioset": ["Country"]},
    "disco": {"msd": ["funk", "dance"], "audioset": ["Disco"]},
    "hiphop": {"msd": ["Hip-Hop"], "jamendo": ["hiphop"], "audioset": ["Hip hop music"]},
    "jazz": {"msd": ["jazz"], "jamendo": ["jazz"], "audioset": ["Jazz"]},
    "metal": {"msd": ["metal", "heavy metal"], "jamendo": ["metal"], "audioset": ["Heavy metal"]},
    "pop": {"msd": ["pop"], "jamendo": ["pop"], "audioset": ["Pop music"]},
    "reggae": {"jamendo": ["reggae"], "audioset": ["Reggae"]},
    "rock": {"msd": ["rock", "alternative rock"], "jamendo": ["rock"], "audioset": ["Rock music"]},
    "electronic": {
        "msd": ["electronic", "electronica"],
        "jamendo": ["electronic"],
        "audioset": ["Electronic music"],
    },
}
"""Which tags speak for a genre: the one head reads these alone, and they count three times in the distillation."""


def _layout() -> tuple[dict[str, slice], dict[str, slice]]:
    tags = {name: slice(TAGS_EACH * i, TAGS_EACH * (i + 1)) for i, name in enumerate(Teachers.NAMES)}
    ends = TAGS_EACH * len(tags) + np.cumsum([EMBEDDINGS[name] for name in Teachers.NAMES])
    return tags, {
        name: slice(int(end) - EMBEDDINGS[name], int(end)) for name, end in zip(Teachers.NAMES, ends, strict=True)
    }


TAG_COLUMNS, EMBEDDING_COLUMNS = _layout()
N_TAGS = TAGS_EACH * len(TAG_COLUMNS)
N_TARGETS = N_TAGS + sum(EMBEDDINGS.values())


def aligned(outputs: Mapping[str, Output]) -> NDArray[np.float16]:
    """What each teacher said of its own pieces, (6, 1582): for every cell of 5 s that of the piece which it lies in.

    A teacher's one piece stands for all cells, mn04's pieces of 10 s for two each, and the last one for what follows.
    """
    cells = np.arange(N_CELLS)
    rows = np.zeros((N_CELLS, N_TARGETS), np.float16)
    for name, output in outputs.items():
        logits = output.logits[:, MUSIC] if name == "mn04_as" else output.logits
        nearest = np.minimum(cells // 2 if name == "mn04_as" else cells, len(logits) - 1)
        rows[:, TAG_COLUMNS[name]] = logits.numpy()[nearest]
        rows[:, EMBEDDING_COLUMNS[name]] = output.embedding.numpy()[nearest]
    return rows


def class_names(folder: Path) -> dict[str, list[str]]:
    """The tags of each vocabulary in the order of the columns, from the folder of the teachers' lists of classes."""
    names = {key: (folder / file).read_text(encoding="utf-8").splitlines() for key, file in FILES.items()}
    names["audioset"] = names["audioset"][MUSIC]
    return {key: [name.strip().split("---")[-1].lower() for name in list_] for key, list_ in names.items()}


def columns(names: Mapping[str, list[str]], vocabulary: str, tag: str) -> list[int]:
    """The columns of one tag, one for each teacher that gives it."""
    place = names[vocabulary].index(tag.lower())
    return [TAG_COLUMNS[teacher].start + place for teacher in VOCABULARIES[vocabulary]]


def genre_columns(names: Mapping[str, list[str]]) -> list[int]:
    """The columns of the tags that speak for a genre, sorted."""
    tags = {(vocabulary, tag) for of in GENRE_TAGS.values() for vocabulary, some in of.items() for tag in some}
    return sorted({column for vocabulary, tag in tags for column in columns(names, vocabulary, tag)})
