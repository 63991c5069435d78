"""Settings: one list, one file; an option before a variable before the file before the default; nothing unknown."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from command import lines, zhanr
from zhanr import settings
from zhanr.cli import output
from zhanr.errors import ConfigError
from zhanr.library import default_path


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for setting in settings.SETTINGS:
        monkeypatch.delenv(setting.environment, raising=False)
    return settings.path()


def test_a_variable_counts_more_than_the_file_and_that_more_than_the_default(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.current("policy")[1:] == ("empty", "default")
    settings.change("policy", "add")
    assert settings.current("policy")[1:] == ("add", "file")
    monkeypatch.setenv("ZHANR_POLICY", "replace")
    assert settings.current("policy")[1:] == ("replace", "environment")
    monkeypatch.delenv("ZHANR_POLICY")
    settings.change("policy", None)
    assert settings.current("policy")[1:] == ("empty", "default")
    assert file.exists()


def test_what_else_is_in_the_file_stays(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text('# mine\njobs = 3  # it is a small machine\n\n# tags\npolicy = "add"\n', encoding="utf-8")
    settings.change("policy", "replace")
    settings.change("model", "paper")
    text = file.read_text(encoding="utf-8")
    assert text.startswith('# mine\njobs = 3  # it is a small machine\n\n# tags\npolicy = "replace"\n')
    assert 'model = "paper"' in text
    settings.change("jobs", None)
    assert "jobs" not in file.read_text(encoding="utf-8")
    assert "# tags" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('jobs = "many"', "jobs must be a whole number, not 'many'"),
        ("jobs = 0", "jobs must be 1 or more"),
        ("jobs = true", "jobs must be a whole number"),
        ("jobs = 2.5", "jobs must be a whole number"),
        ("model = 3", "model must be a text in quotes"),
        ('policy = "both"', "policy is one of empty, replace, add, not 'both'"),
        ("colour = 1", "there is no setting colour"),
        ("jobs = ", "not a TOML file"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_the_file(file: Path, written: str, said: str) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(written + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        settings.current("model" if "model" in written else "policy" if "policy" in written else "jobs")
    assert str(file) in str(caught.value)


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANR_JOBS", "all")
    with pytest.raises(ConfigError, match=r"\$ZHANR_JOBS: jobs must be a whole number, not 'all'"):
        output.default_jobs()


def test_what_is_no_good_is_not_written(file: Path) -> None:
    with pytest.raises(ConfigError, match="policy is one of"):
        settings.change("policy", "both")
    with pytest.raises(ConfigError, match="there is no setting 'colour'"):
        settings.change("colour", "red")
    assert not file.exists()


def test_an_unknown_line_can_be_taken_out(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text("colour = 1\njobs = 3\n", encoding="utf-8")
    zhanr("settings", "unset", "colour")
    assert file.read_text(encoding="utf-8") == "jobs = 3\n"


def test_a_path_means_the_same_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "genres.txt").write_text("rock\n", encoding="utf-8")
    for name, given, expected in [
        ("library", "my.sqlite", str(tmp_path / "my.sqlite")),
        ("whitelist", "genres.txt", str(tmp_path / "genres.txt")),
        ("whitelist", "rock,jazz", "rock,jazz"),
        ("model", "paper", "paper"),
        ("model", "models/own.onnx", str(tmp_path / "models" / "own.onnx")),
    ]:
        settings.change(name, given)
        assert settings.text(name) == expected
    monkeypatch.chdir("/")
    assert default_path() == tmp_path / "my.sqlite"


def test_settings_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.change("jobs", "7")
    assert output.default_jobs() == 7
    monkeypatch.setenv("ZHANR_JOBS", "5")
    assert output.default_jobs() == 5


def test_the_command_shows_each_with_value_source_default_and_help(file: Path) -> None:
    zhanr("settings", "set", "jobs", "3")
    done = zhanr("settings")
    for setting in settings.SETTINGS:
        assert re.search(rf"^{setting.name} ", done.stdout, re.MULTILINE)
        assert setting.help in done.stdout
    assert "3  (from the file; default: half the processor's cores)" in done.stdout
    assert str(file) in done.stdout
    rows = lines(zhanr("settings", "--json"))
    assert [row["name"] for row in rows] == [setting.name for setting in settings.SETTINGS]
    assert {row["name"]: row["source"] for row in rows}["jobs"] == "file"
    zhanr("settings", "set", "jobs", "none", code=1)
    assert "something else" in zhanr("settings", "set", "style_field", "artist", code=1).stderr
    assert "SUBSTYLE" in zhanr("settings", "set", "style_field", "substyle").stdout


def test_the_documented_table_is_the_list() -> None:
    page = (Path(__file__).parents[1] / "docs" / "library.md").read_text(encoding="utf-8")
    rows = [
        f"| `{s.name}` | `{s.environment}` | {s.otherwise if s.default is None else f'`{s.default}`'} | {s.help} |"
        for s in settings.SETTINGS
    ]
    assert "\n".join(rows) in page, "the table should be:\n" + "\n".join(rows)


def test_tests_keep_the_settings_of_whoever_runs_them() -> None:
    assert Path(os.environ["XDG_CONFIG_HOME"]) in settings.path().parents
