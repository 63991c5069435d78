"""The filter language: `genre=jazz confidence<0.6 path~live artist~"miles davis" error`, all of which must hold.

A condition is FIELD OPERATOR VALUE without spaces in between, a word of `FLAGS`, or any other word, which the title,
artist, album or path must contain: `miles "so what"`. `!` before any of them turns it round.

- texts (`columns.TEXTS`, and `LISTS` where a song may have several: `style=punk`): `=` is the same, `~` contains; upper
  and lower case and the way of writing accents don't matter. Several values are separated by commas:
  `genre=jazz,blues`. `genre` is the person's word where there is one.
- numbers (`columns.NUMBERS`): `=`, `<`, `<=`, `>`, `>=`. `duration` also takes `3:30`, `size` takes `10MB`, `scanned`
  takes a date: `scanned>=2026-01-31`.
- a value with spaces, commas or quotes stands in double quotes; a backslash takes the next character as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from zhanr.errors import ConfigError
from zhanr.library.columns import LISTS, NUMBERS, TEXTS
from zhanr.words import folded

_MISSING = "song.missing_since IS NOT NULL"
FLAGS = {
    "error": "song.error IS NOT NULL",
    "warning": "song.warnings <> '[]'",
    "unsure": "song.error IS NULL AND song.correction IS NULL AND song.genre IS NULL",
    "corrected": "song.correction IS NOT NULL",
    "tagged": "song.tag_genre IS NOT NULL",
    "missing": _MISSING,
}
_ANYWHERE = (
    "CAST(coalesce(song.title, '') || char(10) || coalesce(song.artist, '') || char(10) || "
    "coalesce(song.album, '') || char(10) || song.path AS BLOB)"
)
"""All in which a plain word is looked for; bytes, for a path need not be Unicode."""
_CONDITION = re.compile(r"(?P<not>!?)(?P<field>[a-z_]+)(?P<op><=|>=|!=|!~|=|~|<|>)(?P<value>.*)", re.DOTALL)
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def to_sql(query: str | None) -> tuple[str, tuple[Any, ...]]:
    """A condition for WHERE, and the values of its question marks. Raises `ConfigError` naming what is wrong."""
    conditions: list[str] = []
    values: list[Any] = []
    wants_missing = False
    for token in _tokens(query or ""):
        word = token.lstrip("!")
        if word in FLAGS and len(token) - len(word) <= 1:
            wants_missing |= word == "missing"
            conditions.append(f"{'NOT ' if token != word else ''}({FLAGS[word]})")
            continue
        condition, arguments = _condition(token)
        conditions.append(condition)
        values += arguments
    if not wants_missing:
        conditions.append(f"NOT ({_MISSING})")
    return " AND ".join(conditions), tuple(values)


def _tokens(query: str) -> Iterator[str]:
    """Split at spaces outside of double quotes. The quotes stay, for a comma inside them is no separator."""
    token, quoted, escaped = "", False, False
    for letter in query:
        if letter.isspace() and not quoted and not escaped:
            if token:
                yield token
            token = ""
            continue
        token += letter
        quoted ^= letter == '"' and not escaped
        escaped = letter == "\\" and not escaped
    if quoted or escaped:
        raise ConfigError(f"the filter ends inside {token!r}: a closing quote is missing")
    if token:
        yield token


def _condition(token: str) -> tuple[str, list[Any]]:
    match = _CONDITION.fullmatch(token)
    if match is None:
        return _word(token)
    field, operator = match["field"], match["op"]
    negated = bool(match["not"]) ^ operator.startswith("!")
    options = _split(match["value"])
    if field in TEXTS or field in LISTS:
        condition, values = _text(token, field, operator.lstrip("!"), options)
    elif field in NUMBERS:
        condition, values = _number(token, field, operator.lstrip("!"), options)
    else:
        known = ", ".join([*TEXTS, *LISTS, *NUMBERS])
        raise ConfigError(f"{token!r}: there is no field {field!r} (there are {known})")
    return (f"NOT coalesce({condition}, 0)" if negated else condition), values


def _word(token: str) -> tuple[str, list[Any]]:
    """A plain word, anywhere in what a person knows a song by."""
    negated = token.startswith("!")
    word = ",".join(_split(token[negated:]))
    if not word or re.match(r"[=<>~!]", word):
        raise ConfigError(
            f"{token!r} is no filter: write a word, FIELD=VALUE, FIELD~PART, FIELD<NUMBER or one of {', '.join(FLAGS)}"
        )
    return f"{'NOT ' if negated else ''}zhanr_contains({_ANYWHERE}, ?)", [_bound(fold(word))]


def _text(token: str, field: str, operator: str, options: list[str]) -> tuple[str, list[Any]]:
    if operator not in ("=", "~"):
        raise ConfigError(f"{token!r}: a text is compared with = (the same) or ~ (contains)")
    column = TEXTS.get(field) or LISTS[field]
    if options == [""]:  # artist= finds the songs that have none
        return f"(nullif(nullif({column}, ''), '[]') IS NULL)", []
    function = {"=": "zhanr_same", "~": "zhanr_contains"}[operator]
    condition = f"{function}({column}, ?)"
    if field in LISTS:
        item = "CASE type WHEN 'array' THEN json_extract(value, '$[0]') ELSE value END"
        condition = f"EXISTS (SELECT 1 FROM json_each({column}) WHERE {function}({item}, ?))"
    return "(" + " OR ".join([condition] * len(options)) + ")", [_bound(fold(o)) for o in options]


def _number(token: str, field: str, operator: str, options: list[str]) -> tuple[str, list[Any]]:
    if operator == "~":
        raise ConfigError(f"{token!r}: a number is compared with =, <, <=, > or >=")
    try:
        values = [_PARSERS.get(field, float)(option) for option in options]
    except (ValueError, KeyError, OverflowError) as error:
        raise ConfigError(f"{token!r}: {' '.join(options)!r} is not a {_KINDS.get(field, 'number')}") from error
    return "(" + " OR ".join([f"{NUMBERS[field]} {operator} ?"] * len(values)) + ")", values


def _split(value: str) -> list[str]:
    """The values between commas, without quotes and backslashes."""
    options, quoted, escaped = [""], False, False
    for letter in value:
        if escaped:
            options[-1] += letter
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif letter == "," and not quoted:
            options.append("")
        else:
            options[-1] += letter
    return options


def _seconds(text: str) -> float:
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def _bytes(text: str) -> float:
    number = text.rstrip("BKMGbkmg")
    return float(number) * _UNITS[text[len(number) :].upper()]


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


_PARSERS: dict[str, Callable[[str], float]] = {"duration": _seconds, "size": _bytes, "scanned": _time}
_KINDS = {"duration": "duration, say 210 or 3:30", "size": "size, say 10MB", "scanned": "date, say 2026-01-31"}


def fold(value: Any) -> str:
    """A text in the form in which texts are compared; the bytes of a path become a text as Python shows it."""
    return folded(os.fsdecode(value) if isinstance(value, bytes) else str(value))


def _bound(text: str) -> bytes:
    """A text for SQLite, which takes no halves of a file name that is not Unicode."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _same(value: Any, wanted: bytes) -> bool:
    return value is not None and fold(value) == os.fsdecode(wanted)


def _contains(value: Any, wanted: bytes) -> bool:
    return value is not None and os.fsdecode(wanted) in fold(value)


FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {"zhanr_same": _same, "zhanr_contains": _contains}
"""What the conditions need in SQLite, each of two arguments."""


def from_arguments(arguments: Iterable[str]) -> str:
    """One filter from the words of a command line, where the shell has taken the quotes of `artist~"miles davis"`."""
    return " ".join(_requoted(argument) for argument in arguments)


def _requoted(argument: str) -> str:
    """The argument, with quotes around its value if it is one condition whose value has spaces."""
    match = _CONDITION.fullmatch(argument)
    if match is None or '"' in argument or not re.search(r"\s", argument) or _is_filter(argument):
        return argument
    value = re.sub(r'(["\\])', r"\\\1", match["value"])
    return f'{match["not"]}{match["field"]}{match["op"]}"{value}"'


def _is_filter(text: str) -> bool:
    """Whether it is several conditions already, with no plain words among them."""
    try:
        to_sql(text)
        return all(token.lstrip("!") in FLAGS or _CONDITION.fullmatch(token) for token in _tokens(text))
    except ConfigError:
        return False
