"""What should be written into a file: the old genres, what zhanr or the person says, and rules between them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from zhanr.config import read_toml
from zhanr.errors import ConfigError
from zhanr.tags.formats import checked_genre
from zhanr.tags.formats.fields import checked_field
from zhanr.words import distinct, genre_key

Mode = Literal["empty", "replace", "add"]
Case = Literal["title", "lower", "upper", "keep"]
Styles = Literal["none", "genre", "field"]
MODES: tuple[Mode, ...] = get_args(Mode)
CASES: tuple[Case, ...] = get_args(Case)
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType({"hiphop": ("Hip-Hop",)})
"""Names that no rule of casing gives, by `genre_key`."""
SHORT = 30  # genres in a whitelist that was made for this; a longer one is everybody's list of all there are
_FILE_NAME = re.compile(r"[/\\~.][^,]*[/\\][^,]*|[^,]*\.\w{1,5}")


@dataclass(frozen=True)
class Policy:
    """The rules.

    `mode`: "empty" writes only where there is no genre, "replace" puts the new genre in the place of the old ones,
    "add" keeps those. `threshold` is the least probability, `thresholds` has other ones for some genres. `names` maps a
    genre to the names that are written (to none: never). `whitelist` are the only genres that may be written. `also` is
    the probability from which on a second and third genre is written too. `no_genre` are words that count as
    no genre. `styles` are written as further genres ("genre"), into the field of tags that `style_field` names
    ("field"), by the same `mode`, or not at all. Genres are compared by `genre_key`, so that spelling doesn't matter.
    """

    mode: Mode = "empty"
    threshold: float = 0.8
    thresholds: Mapping[str, float] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NAMES)
    whitelist: frozenset[str] | None = None
    case: Case = "title"
    also: float | None = None
    no_genre: frozenset[str] = frozenset()
    styles: Styles = "none"
    style_field: str = "STYLE"

    @property
    def field(self) -> str:
        """The field of its own that is written beside the genre, or ""."""
        return checked_field(self.style_field) if self.styles == "field" else ""

    @property
    def names_genres(self) -> bool:
        """Whether it names any, so that `check_labels` has something to look at."""
        return bool(self.thresholds or self.whitelist or set(self.names) - set(NAMES))

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        if self.mode not in MODES or self.case not in CASES:
            raise ConfigError(f"the policy is one of {', '.join(MODES)} and the casing one of {', '.join(CASES)}")
        numbers = (self.threshold, *self.thresholds.values(), *([] if self.also is None else [self.also]))
        if bad := [n for n in numbers if not 0 <= n <= 1]:
            raise ConfigError(f"a threshold is a probability from 0 to 1, not {bad[0]:g}")

    def written(self, label: str, *, verbatim: bool = False) -> tuple[str, ...]:
        """The names under which a genre is written; `verbatim` keeps the casing of a genre that isn't mapped."""
        mapped = self.names.get(genre_key(label))
        return mapped if mapped is not None else (label if verbatim else _cased(label, self.case),)

    def limit(self, label: str) -> float:
        """The least probability for a genre, which may be named as the model or as the mapping names it."""
        keys = (genre_key(label), *map(genre_key, self.written(label)))
        return next((self.thresholds[k] for k in keys if k in self.thresholds), self.threshold)

    def check_labels(self, labels: Iterable[str], others: Iterable[str] = ()) -> list[str]:
        """Look for slips of the pen: `labels` are the model's, `others` are styles and the person's own words.

        Refuses thresholds for genres that the model doesn't know, and a whitelist that lets nothing through. What the
        map or a short whitelist names in vain is no error, for one of each may serve several models: it is given back
        as sentences.
        """
        known, others = list(labels), list(others)
        keys = self._keys(known)
        if unknown := sorted(set(self.thresholds) - keys):
            raise ConfigError(f"a threshold for {', '.join(unknown)}: the model knows only {', '.join(known)}")
        keys |= self._keys(others)
        if self.whitelist and not self.whitelist & keys:
            raise ConfigError(f"no genre of the whitelist is one that could be written: those are {', '.join(known)}")
        remarks = []
        if vain := sorted(set(self.names) - set(NAMES) - {genre_key(label) for label in (*known, *others)}):
            remarks.append(f"the map names what neither the model nor you use: {', '.join(vain)}")
        vain = sorted((self.whitelist or frozenset()) - keys)
        if vain and len(self.whitelist or ()) <= SHORT:
            remarks.append(f"the whitelist names what is never written: {', '.join(vain)}")
        return remarks

    def _keys(self, labels: Iterable[str]) -> set[str]:
        """What genres are called, by the model and in the files."""
        return {key for label in labels for key in (genre_key(label), *map(genre_key, self.written(label)))}


@dataclass(frozen=True)
class Evidence:
    """What is known of a song: zhanr's probabilities and its genre (None: not sure, `reason` says why).

    `correction` is the person's own word, which is always sure. `by` says whose answer it is: that of the track, or of
    its whole album or artist.
    """

    probabilities: Mapping[str, float] = field(default_factory=dict)
    genre: str | None = None
    reason: str | None = None
    correction: str | None = None
    styles: tuple[str, ...] = ()
    by: str = "track"

    @property
    def confidence(self) -> float | None:
        """The probability of the likeliest genre; 1 for the person's word, None where nothing is known."""
        return 1.0 if self.correction else max(self.probabilities.values(), default=None)


@dataclass(frozen=True)
class Decision:
    """The genres that a file shall have, whether to write them, and why (or why not)."""

    genres: tuple[str, ...]
    write: bool
    reason: str
    styles: tuple[str, ...] = ()


def decide(policy: Policy, old: tuple[str, ...], answer: Evidence, old_styles: tuple[str, ...] = ()) -> Decision:
    """Apply the rules to one song, and to what the field of styles says now."""
    decision = _on_genres(policy, old, answer)
    styles = _in_their_field(policy, old_styles, answer)
    if not styles or _doubt(policy, answer):
        return decision
    if decision.write:
        return replace(decision, styles=styles)
    return Decision(old, True, f"{decision.reason}; the styles alone", styles)


def _in_their_field(policy: Policy, old: tuple[str, ...], answer: Evidence) -> tuple[str, ...]:
    """What the field of styles shall say; nothing where it stays as it is. The whitelist is one of genres."""
    new = distinct(_written(policy, _styles(answer))) if policy.styles == "field" else ()
    if not new or (policy.mode == "empty" and old):
        return ()
    wanted = _beside(old, new) if policy.mode == "add" else new
    return () if set(map(genre_key, wanted)) == set(map(genre_key, old)) else wanted


def _styles(answer: Evidence) -> tuple[str, ...]:
    """The styles of a song; none where the person says that the genre, whose styles they are, is wrong."""
    best = max(answer.probabilities, key=lambda genre: answer.probabilities[genre], default="")
    wrong = answer.correction and genre_key(answer.correction) != genre_key(answer.genre or best)
    return () if wrong else answer.styles


def _on_genres(policy: Policy, old: tuple[str, ...], answer: Evidence) -> Decision:
    """The rules for genres. What isn't written still names the likeliest ones, for a person to decide."""
    new = distinct(_candidates(policy, answer))
    kept = tuple(g for g in old if genre_key(g) not in policy.no_genre)
    genres = _beside(kept, new) if policy.mode == "add" else new
    if doubt := _doubt(policy, answer):
        return Decision(genres, False, doubt)
    if not new:
        return Decision((), False, f"the rules allow no genre: not {answer.correction or answer.genre}")
    if policy.mode == "empty" and kept:
        return Decision(genres, False, "it has a genre already")
    if {genre_key(g) for g in genres} == {genre_key(g) for g in old}:
        return Decision(old, False, "it says so already")
    why = "it had no genre" if not kept else ("added to the old one" if policy.mode == "add" else "in place of the old")
    return Decision(genres, True, _whose(answer) + why)


def _whose(answer: Evidence) -> str:
    if answer.correction:
        return "your correction, "
    return "" if answer.by == "track" else f"the {answer.by}'s, "


def _beside(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """The old genres and those of the new ones that none of them says; ID3v2.3 joins several with a slash."""
    said = {genre_key(part) for genre in old for part in genre.split("/")}
    return distinct((*old, *(genre for genre in new if genre_key(genre) not in said)))


def _doubt(policy: Policy, answer: Evidence) -> str | None:
    """Why nothing must be written, or None."""
    if answer.correction:
        return None
    if answer.genre is None:
        return answer.reason or "not sure"
    confidence, limit = answer.probabilities.get(answer.genre, 0.0), policy.limit(answer.genre)
    if confidence < limit:
        return f"below the threshold: {confidence:.0%} for {answer.genre}, which needs {limit:.0%}"
    return None


def _written(policy: Policy, labels: Iterable[str]) -> list[str]:
    return [name for label in labels for name in policy.written(label)]


def _candidates(policy: Policy, answer: Evidence) -> list[str]:
    """The genres by the rules of naming and the whitelist, the likeliest first."""
    if answer.correction:
        known = set(map(genre_key, answer.probabilities))  # these are written alike, whoever says so
        names = policy.written(answer.correction, verbatim=genre_key(answer.correction) not in known)
    else:
        ranked = sorted(answer.probabilities, key=lambda g: -answer.probabilities[g])
        first = answer.genre or next(iter(ranked), None)
        more = [g for g in ranked if policy.also is not None and answer.probabilities[g] >= policy.also and g != first]
        names = tuple(_written(policy, ([first] if first else []) + more))
    styles = _styles(answer) if policy.styles == "genre" else ()
    return [
        n for n in (*names, *_written(policy, styles)) if policy.whitelist is None or genre_key(n) in policy.whitelist
    ]


def _cased(label: str, case: Case) -> str:
    if case == "keep" or (case == "title" and label != label.lower()):  # "UK garage" was spelt so by a person
        return label
    if case != "title":
        return label.lower() if case == "lower" else label.upper()
    return "-".join(string.capwords(part) for part in label.replace("_", " ").split("-"))


def read_names(path: Path) -> dict[str, tuple[str, ...]]:
    """A mapping of names from a TOML file: `hiphop = "Hip-Hop"`, `rock = ["Rock", "Guitar"]`, `disco = []` (never)."""
    names = dict(NAMES)
    for label, value in read_toml(path).items():
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise ConfigError(f'{path}: {label} must be a name or a list of names, as in {label} = "Name"')
        try:
            names[genre_key(label)] = tuple(checked_genre(v) for v in values)
        except ValueError as error:
            raise ConfigError(f"{path}: {label}: {error}") from error
    return names


def read_whitelist(text: str) -> frozenset[str]:
    """The genres of a file with one a line (`#` begins a remark), or of a list with commas."""
    path = Path(text).expanduser()
    if not path.exists() and _FILE_NAME.fullmatch(text):
        raise ConfigError(
            f"{path}: there is no such file; a whitelist is a file with one a line, or a list with commas"
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines() if path.is_file() else text.split(",")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the whitelist can't be read ({error})") from error
    genres = frozenset(genre_key(n) for line in lines if (n := line.partition("#")[0].strip()))
    if not genres:
        raise ConfigError(f"{text}: this whitelist holds no genre, so nothing could ever be written")
    return genres


def read_thresholds(values: Iterable[str]) -> tuple[float | None, dict[str, float]]:
    """`0.8` is the threshold for all genres, `jazz=0.9` that for one."""
    common, single = None, dict[str, float]()
    for value in values:
        name, _, number = value.rpartition("=")
        try:
            if name.strip():
                single[genre_key(name)] = float(number)
            else:
                common = float(number)
        except ValueError as error:
            raise ConfigError(f"{value!r} is not a threshold: write 0.8, or jazz=0.9") from error
    return common, single
