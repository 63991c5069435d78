"""What a person sets once instead of typing it each time: one list of settings, in one TOML file.

An option of the command line counts more than an environment variable (`ZHANR_MODEL`), that more than the file, and
that more than the default. Everything else, the documented table too, follows from `SETTINGS`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from zhanr.config import read_toml
from zhanr.errors import ConfigError
from zhanr.files import config_folder, replacing

Source = Literal["default", "file", "environment"]
Plain = str | int | float | None


class Setting(NamedTuple):
    """One setting; `default` None stands for what `otherwise` says in words. `choices` are all that is allowed."""

    name: str
    kind: type[str] | type[int] | type[float]
    default: Plain
    help: str
    otherwise: str = ""
    choices: tuple[str, ...] = ()

    @property
    def environment(self) -> str:
        """The name of its environment variable."""
        return f"ZHANR_{self.name.upper()}"

    def convert(self, value: Any, where: str) -> Plain:
        """The value in its own type. Raises `ConfigError` that says where it stands."""
        allowed = {str: str, int: str | int, float: str | int | float}[
            self.kind
        ]  # variables are texts, whatever they hold
        try:
            if isinstance(value, bool) or not isinstance(value, allowed):
                raise ValueError("another type")
            result: Plain = self.kind(value)
        except ValueError as error:
            what = {str: "a text in quotes", int: "a whole number", float: "a number"}[self.kind]
            raise ConfigError(f"{where}: {self.name} must be {what}, not {value!r}") from error
        if self.choices and result not in self.choices:
            raise ConfigError(f"{where}: {self.name} is one of {', '.join(self.choices)}, not {value!r}")
        if self.kind is int and isinstance(result, int) and result < 1:
            raise ConfigError(f"{where}: {self.name} must be 1 or more, not {value!r}")
        return result


SETTINGS = (
    Setting("library", str, None, "The library file.", "library.sqlite in your data folder"),
    Setting(
        "model", str, None, "A built-in model's name, or a .onnx file. A library that was scanned keeps its own model.",
        "the default model",
    ),
    Setting(
        "precision", float, None, "The share of answers that shall be right, from 0 to 1: the less, the more answers.",
        "as the model was made",
    ),
    Setting("jobs", int, None, "Songs to work on at once.", "half the processor's cores"),
    Setting(
        "policy", str, "empty", "Tags: write only where no genre is, instead of it, or beside it.",
        choices=("empty", "replace", "add"),
    ),
    Setting("map", str, None, "Tags: a TOML file of the names that genres are written under.", "names as they are"),
    Setting(
        "whitelist", str, None, "Tags: the only genres to write, a file with one a line or a list with commas.",
        "all genres",
    ),
    Setting("style_field", str, "STYLE", "Tags: the field that `zhanr tag plan --styles field` writes styles into."),
    Setting(
        "by", str, "track", "Tags: one genre for each track, album or artist.", choices=("track", "album", "artist")
    ),
)  # fmt: skip
"""All settings, in the order in which they are shown."""
_BY_NAME = {setting.name: setting for setting in SETTINGS}


class Value(NamedTuple):
    """What a setting is now, and where that comes from."""

    setting: Setting
    value: Plain
    source: Source


def path() -> Path:
    """The settings file; it need not exist."""
    return config_folder() / "settings.toml"


def find(name: str) -> Setting:
    """The setting of a name. Raises `ConfigError`."""
    if name not in _BY_NAME:
        raise ConfigError(f"there is no setting {name!r} (there are {', '.join(_BY_NAME)})")
    return _BY_NAME[name]


def current(name: str) -> Value:
    """What a setting is now, but for options of the command line. Raises `ConfigError` where its value is no good."""
    setting = find(name)
    if given := os.environ.get(setting.environment):
        return Value(setting, setting.convert(given, f"${setting.environment}"), "environment")
    stored = _stored()
    if unknown := sorted(set(stored) - set(_BY_NAME)):
        raise ConfigError(f"{path()}: there is no setting {', '.join(unknown)} (there are {', '.join(_BY_NAME)})")
    if name in stored:
        return Value(setting, setting.convert(stored[name], str(path())), "file")
    return Value(setting, setting.default, "default")


def text(name: str) -> str | None:
    """The value of a setting that is a text, None where nothing was set and there is no default."""
    value = current(name).value
    return None if value is None else str(value)


def number(name: str) -> float | None:
    """The value of a setting that is a number, None where nothing was set and there is no default."""
    value = current(name).value
    return None if value is None else float(value)


def change(name: str, value: str | None) -> None:
    """Write a setting into the file, or take it out with None; everything else in the file stays, comments too.

    A relative path is written as an absolute one, for it shall mean the same from everywhere.
    """
    import tomlkit

    document = tomlkit.parse(path().read_text(encoding="utf-8")) if _stored() else tomlkit.document()
    if value is None:
        if name not in document:
            find(name)
            return
        del document[name]
    else:
        setting = find(name)
        plain = setting.convert(value, "the command line")
        document[name] = _lasting(plain) if isinstance(plain, str) and not setting.choices else plain
    with replacing(path(), parents=True) as temporary:
        temporary.write_text(tomlkit.dumps(document), encoding="utf-8")


def _lasting(text: str) -> str:
    """A text as it should be written down: what names a file here gets its whole path."""
    expanded = Path(text).expanduser()
    named = expanded.exists() or len(expanded.parts) > 1 or (expanded.suffix and "," not in text)
    return os.path.abspath(expanded) if named else text  # noqa: PTH100 - a link stays a link


def _stored() -> Mapping[str, Any]:
    return read_toml(path()) if path().exists() else {}
