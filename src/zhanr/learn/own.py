"""A model with one's own genres, from the corrections and trusted tags of a library, in seconds and without audio."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import zhanr
from zhanr import metrics
from zhanr.bundle import Bundle, Card, load_bundle, write_bundle
from zhanr.errors import ConfigError, ModelFileError
from zhanr.files import replacing
from zhanr.learn.graph import with_head
from zhanr.learn.linear import FOLDS, CrossValidation, cross_validate, fit
from zhanr.library import Library, Song
from zhanr.library.agreement import Names, given_genre
from zhanr.words import artist_key, connected, genre_key

LEAST_SONGS, LEAST_GROUPS = 10, 3
"""What a genre needs to be learnt: so many songs, and of so many artists (or albums)."""
RESAMPLES = 2000
PROTOCOL = f"{FOLDS}-fold cross-validation; an artist, an album and copies of a recording are in one fold"


@dataclass(frozen=True, eq=False)
class Examples:
    """What a library teaches: embeddings (n, d) with genre numbers (n,), and who belongs together.

    `old` is the genre that the old model says, in the new names, None where it means none of them. `left_out` counts
    songs by genres that have too few; `lost_*` are the genre, group and old answer of each of these songs, on which the
    new model can only be wrong.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    genres: tuple[str, ...]
    groups: tuple[str, ...]
    old: tuple[str | None, ...]
    old_knows: tuple[str, ...]
    n_corrections: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    lost_genres: tuple[str, ...] = ()
    lost_groups: tuple[str, ...] = ()
    lost_old: tuple[str | None, ...] = ()
    sha256: str = ""


@dataclass(frozen=True)
class Comparison:
    """The new model beside the old one, on songs of artists that it was not trained on.

    Accuracies are over all songs; `known_*` over the `known` songs whose genre the old one has. `gain` is new minus
    old over all, with its 95 % interval by a bootstrap of whole artists and albums.
    """

    songs: int
    new: float
    old: float
    macro_f1: float
    known: int
    known_new: float | None
    known_old: float | None
    gain: tuple[float, float, float]
    known_gain: tuple[float, float, float] | None
    corrections: int

    @property
    def better(self) -> bool:
        """The rule: surely better over all, and not surely worse on the genres that the old one knows."""
        return self.gain[1] > 0 and (self.known_gain is None or self.known_gain[2] >= 0)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return dataclasses.asdict(self) | {"better": self.better, "protocol": PROTOCOL}


@dataclass(frozen=True)
class Result:
    """What came of it: the comparison, the genres, and the file if it was written. `kept` is what was there before."""

    comparison: Comparison
    genres: tuple[str, ...]
    left_out: Mapping[str, int]
    penalty: float
    written: Path | None = None
    kept: Path | None = None


def train_own(
    library: Library,
    target: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | None = None,
    trust_tags: bool = False,
    query: str | None = None,
    force: bool = False,
) -> Result:
    """Train a head for one's own genres on the library's embeddings, and write the model if it is better.

    Parameters
    ----------
    target
        The model file to write. If there is one, it is kept beside it under a name with its hash.
    model
        The model that the library was scanned with.
    trust_tags
        Also learn from the genre tags of songs that were not corrected, where a tag names exactly one genre.
    query
        Learn from the songs that this filter picks only.
    force
        Write the model even if it is not better.

    """
    parent = load_bundle(model)
    examples = collect(library, parent, trust_tags=trust_tags, query=query)
    found = cross_validate(examples.x, examples.y, examples.groups, len(examples.genres))
    comparison = compare(examples, found)
    result = Result(comparison, examples.genres, examples.left_out, found.penalty)
    if not (comparison.better or force):
        return result
    head = fit(examples.x, examples.y, len(examples.genres), found.penalty)
    graph = with_head(parent.path.read_bytes(), head)
    path = Path(target)
    kept = _keep(path)
    write_bundle(path, graph, _card(parent, examples, found, comparison))
    return dataclasses.replace(result, written=path, kept=kept)


def collect(library: Library, parent: Bundle, *, trust_tags: bool = False, query: str | None = None) -> Examples:
    """Gather what the library teaches under the model `parent`. Raises `ConfigError` where that is too little."""
    songs = [song for song in library.songs(query, embeddings=True, order="path") if _usable(song, parent)]
    words = [given_genre(song, trust_tags=trust_tags) for song in songs]
    labelled = [(song, word) for song, word in zip(songs, words, strict=True) if word]
    spelling = _spellings([(word, bool(song.correction)) for song, word in labelled])
    groups = dict(zip((song.id for song, _ in labelled), group_songs([song for song, _ in labelled]), strict=True))
    by_genre: dict[str, list[Song]] = defaultdict(list)
    for song, word in labelled:
        by_genre[spelling[genre_key(word)]].append(song)
    enough = {
        genre: those
        for genre, those in sorted(by_genre.items())
        if len(those) >= LEAST_SONGS and len({groups[s.id] for s in those}) >= LEAST_GROUPS
    }
    left_out = {genre: len(those) for genre, those in sorted(by_genre.items()) if genre not in enough}
    if len(enough) < 2:
        raise ConfigError(_too_little(library, parent, by_genre))
    pairs = [(song, genre) for genre, those in enough.items() for song in those]
    genres = tuple(enough)
    names = Names({})
    means = {label: names.meant(label, tuple(by_genre)) for label in parent.card.labels}
    lost = [(song, genre) for genre in left_out for song in by_genre[genre]]
    digest = hashlib.sha256(
        "\n".join(sorted(f"{s.content_hash or s.location} {g}" for s, g in pairs)).encode("utf-8", "replace")
    )
    return Examples(
        x=np.stack([song.embedding for song, _ in pairs if song.embedding is not None]),
        y=np.array([genres.index(genre) for _, genre in pairs], np.int64),
        genres=genres,
        groups=tuple(groups[song.id] for song, _ in pairs),
        old=tuple(_only(means.get(song.best or "", set())) for song, _ in pairs),
        old_knows=tuple(sorted({g for label in means for g in [_only(means[label])] if g})),
        n_corrections=sum(song.correction is not None for song, _ in [*pairs, *lost]),
        left_out=left_out,
        lost_genres=tuple(genre for _, genre in lost),
        lost_groups=tuple(groups[song.id] for song, _ in lost),
        lost_old=tuple(_only(means.get(song.best or "", set())) for song, _ in lost),
        sha256=digest.hexdigest(),
    )


def group_songs(songs: Sequence[Song]) -> list[str]:
    """One name per song, equal for songs that must not be divided: of an artist, an album, or one recording.

    A song that says neither artist nor album stands alone, unless a copy of it says more.
    """
    return [str(group) for group in connected([_keys(song) for song in songs])]


def _keys(song: Song) -> list[tuple[str, str]]:
    keys = []
    artist = artist_key(song.artist) if song.artist else ""
    if artist and artist not in ("variousartists", "various", "va", "unknownartist", "unknown"):
        keys.append(("artist", artist))
    if song.album:  # with its folder: many albums are called "Greatest Hits"
        keys.append(("album", f"{song.path.parent} {song.album.casefold()}"))
    if song.content_hash:
        keys.append(("sound", song.content_hash))
    return keys


def compare(examples: Examples, found: CrossValidation, *, seed: int = 0) -> Comparison:
    """Score new and old on every song, the new one as it answers for artists it never saw.

    Songs of genres that were left out count, too: the new model is wrong on them, and the old one may be right.
    """
    truth = examples.y
    answers = found.logits.argmax(axis=1)
    genres = np.array([*(examples.genres[i] for i in truth), *examples.lost_genres])
    groups = np.array([*examples.groups, *examples.lost_groups])
    new = np.concatenate([answers == truth, np.zeros(len(examples.lost_genres), np.bool_)])
    old = np.array([o == g for o, g in zip((*examples.old, *examples.lost_old), genres.tolist(), strict=True)])
    known = np.isin(genres, examples.old_knows)
    some = bool(known.any())
    return Comparison(
        songs=len(genres),
        new=float(new.mean()),
        old=float(old.mean()),
        macro_f1=metrics.macro_f1(metrics.confusion_matrix(truth, answers, len(examples.genres))),
        known=int(known.sum()),
        known_new=float(new[known].mean()) if some else None,
        known_old=float(old[known].mean()) if some else None,
        gain=_gain(new, old, groups, seed),
        known_gain=_gain(new[known], old[known], groups[known], seed) if some else None,
        corrections=examples.n_corrections,
    )


def _gain(
    new: NDArray[np.bool_], old: NDArray[np.bool_], groups: NDArray[Any], seed: int
) -> tuple[float, float, float]:
    """The mean of new minus old, and its 95 % interval where whole groups are drawn."""
    _, number = np.unique(groups, return_inverse=True)
    gains = np.bincount(number, new.astype(float) - old)
    sizes = np.bincount(number)
    drawn = np.random.default_rng(seed).integers(len(sizes), size=(RESAMPLES, len(sizes)))
    means = gains[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(gains.sum() / sizes.sum()), float(low), float(high)


def _usable(song: Song, parent: Bundle) -> bool:
    return song.embedding is not None and song.model_sha256 == parent.sha256


def _spellings(words: Sequence[tuple[str, bool]]) -> dict[str, str]:
    """One spelling for "Hip-Hop", "hip hop" and "hiphop": that of most corrections, else of most tags."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for word, corrected in words:
        counts[genre_key(word)][word] += 1_000_000 if corrected else 1
    return {key: min(c, key=lambda w: (-c[w], w)) for key, c in counts.items()}


def _only(values: set[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None


def _too_little(library: Library, parent: Bundle, by_genre: Mapping[str, Sequence[Song]]) -> str:
    if (main := library.main_model()) not in (None, parent.sha256) and not by_genre:
        return (
            f"the library was scanned with another model ({str(main)[:8]}...) than {parent.card.name} "
            f"({parent.sha256[:8]}...); name that model with --model, or run `zhanr scan --again`"
        )
    have = ", ".join(f"{genre} {len(songs)}" for genre, songs in sorted(by_genre.items())) or "none"
    return (
        f"a model needs two genres at least, each with {LEAST_SONGS} songs of {LEAST_GROUPS} artists or albums "
        f"(there are: {have}); correct more songs with `zhanr library correct`, or trust the tags with --trust-tags"
    )


def _card(parent: Bundle, examples: Examples, found: CrossValidation, comparison: Comparison) -> Card:
    old = parent.card
    counts = np.bincount(examples.y, minlength=len(examples.genres)).tolist()
    data = {
        "songs": len(examples.y),
        "genres": dict(zip(examples.genres, counts, strict=True)),
        "corrections": examples.n_corrections,
        "artists_or_albums": len(set(examples.groups)),
        "sha256": examples.sha256,
    }
    log_p = found.log_probabilities
    sure, right = np.exp(log_p.max(axis=1)), log_p.argmax(axis=1) == examples.y
    threshold = metrics.threshold_for_precision(sure, right, 0.95)
    scores = comparison.to_dict() | {
        "nll": metrics.negative_log_likelihood(log_p, examples.y),
        "ece": metrics.expected_calibration_error(sure, right),
    }
    return dataclasses.replace(
        old,
        name=f"{old.name}-own",
        labels=examples.genres,
        aggregation="mean_log_probability",  # the one under which a head on mean embeddings is exact
        temperature=found.temperature,
        thresholds={} if threshold is None else {"confidence": threshold},
        description=f"A person's own genres: a linear head, trained on a library, on the embedding of {old.name}",
        training={
            "data": {"library": data},
            "split": PROTOCOL,
            "seed": 0,
            "config": {"head": "multinomial logistic regression", "penalty": found.penalty},
            "versions": {"zhanr": zhanr.__version__},
        },
        scores={"cross_validation": scores},
        parents=(*old.parents, {"name": old.name, "sha256": parent.sha256, "training": old.training}),
    )


def _keep(path: Path) -> Path | None:
    """Give a model that is about to be replaced a name of its own."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    kept = path.with_name(f"{path.stem}.{hashlib.sha256(data).hexdigest()[:8]}{path.suffix}")
    with replacing(kept, error=ModelFileError) as temporary:
        temporary.write_bytes(data)  # a copy, so that at every moment there is a model under the old name
    return kept
