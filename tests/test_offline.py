"""Nothing leaves the computer, and nothing appears in a person's folders but what the documentation names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[1] / "demo"
RESOLVER = Path(__file__).with_name("recording_resolver.py")
FOLDERS = {
    "HOME": "home",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_STATE_HOME": "state",
    "TMPDIR": "tmp",
}

LIBRARY_USE = """
import sys
from pathlib import Path
from zhanr import Classifier
classifier = Classifier.load()
classifier.predict(sys.argv[1])
classifier.predict(Path(sys.argv[1]).read_bytes())
assert len(list(classifier.predict_many(sys.argv[1:], jobs=2))) == 2
"""
CLASSIFY = """
import sys
from zhanr.cli import app
app(["classify", *sys.argv[1:]], standalone_mode=False)
"""
APPLICATION = """
import json, re, signal, subprocess, sys, time, urllib.request
command = [sys.executable, "-m", "zhanr", "app", "--no-browser", "--port", "0"]
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
address = re.search(r"http://\\S+", server.stdout.readline())[0]
for page in ("", "library", "api/v1/health", "api/v1/openapi.json"):
    urllib.request.urlopen(address + page).read()
song = open(sys.argv[1], "rb").read()
request = urllib.request.Request(address + "api/v1/classify", song, {"Content-Type": "application/octet-stream"})
print(json.load(urllib.request.urlopen(request))["genre"])
time.sleep(float(sys.argv[2]))
server.send_signal(signal.SIGINT)
sys.exit(server.wait(60))
"""


@pytest.fixture
def person(tmp_path: Path) -> dict[str, str]:
    """The environment of a person whose folders are all new; their path is the fixture `tmp_path`.

    What continuous integration sets would by itself silence the libraries in question, so it is left out.
    """
    for folder in FOLDERS.values():
        (tmp_path / "person" / folder).mkdir(parents=True)
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {name: str(tmp_path / "person" / folder) for name, folder in FOLDERS.items()}


def appeared(folder: Path) -> list[str]:
    """The files and the empty folders that are in a person's folders now."""
    found = [p for p in folder.rglob("*") if p.is_file() or (p.is_dir() and not any(p.iterdir()))]
    return sorted(str(p.relative_to(folder)) for p in found if p.relative_to(folder).parts[1:])


def run(person: dict[str, str], *command: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, *command], env=person, cwd=person["TMPDIR"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_leaves_its_library_and_nothing_else(person: dict[str, str], tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for name in ("jazz.wav", "country.ogg"):
        shutil.copy(DEMO / name, music)
    song = music / "jazz.wav"
    run(person, "-m", "zhanr", "classify", song)
    run(person, "-m", "zhanr", "model", "info")
    assert appeared(tmp_path / "person") == []
    run(person, "-m", "zhanr", "scan", music)
    run(person, "-m", "zhanr", "similar", song)
    run(person, "-m", "zhanr", "tag", "plan", "-o", tmp_path / "plan.csv")
    assert {name.removesuffix("-wal").removesuffix("-shm") for name in appeared(tmp_path / "person")} == {
        "data/zhanr/library.sqlite"
    }
    run(person, "-m", "zhanr", "settings", "set", "jobs", "1")
    assert "config/zhanr/settings.toml" in appeared(tmp_path / "person")


def test_its_use_as_a_python_library_leaves_nothing(person: dict[str, str], tmp_path: Path) -> None:
    run(person, "-c", LIBRARY_USE, DEMO / "jazz.wav", DEMO / "country.ogg")
    assert appeared(tmp_path / "person") == []


def test_the_application_leaves_nothing(person: dict[str, str], tmp_path: Path) -> None:
    assert run(person, "-c", APPLICATION, DEMO / "classical.flac", "0") == "classical\n"
    left = set(appeared(tmp_path / "person"))
    assert left <= {f"tmp/zhanr-{os.getuid()}"}, "more than the empty folder in which the next run's uploads will lie"


@pytest.mark.parametrize("before", [{}, {"ORT_DISABLE_TELEMETRY": "0", "RAY_USAGE_STATS_ENABLED": "1"}])
def test_the_libraries_that_report_their_use_are_told_not_to(person: dict[str, str], before: dict[str, str]) -> None:
    """In this process and in every one that it starts, whatever was set."""
    code = "import json, os, zhanr; print(json.dumps(dict(os.environ)))"
    environment = json.loads(run(person | before, "-c", code))
    assert environment["ORT_DISABLE_TELEMETRY"] == "1"
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"


TOGETHER = """
import json, subprocess, sys
processes = [subprocess.Popen([sys.executable, *arguments]) for arguments in json.loads(sys.argv[1])]
sys.exit(max(process.wait() for process in processes))
"""
CONTROL = "import socket\ntry: socket.getaddrinfo('control.example', 80)\nexcept OSError: pass\n"
REPORTS_AFTER = 10.0  # seconds until ONNX Runtime 1.32 sends its first report, if it is let


def test_no_name_is_asked_for(person: dict[str, str], tmp_path: Path) -> None:
    """In a network of its own; a name of the test's own shows that the resolver sees what is asked."""
    lonely = ["unshare", "-rnm"]
    try:
        subprocess.run([*lonely, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs `unshare -rnm` (user namespaces), which doesn't work here: {error}")
    names, wait = tmp_path / "names", f"import time; time.sleep({REPORTS_AFTER + 3})"
    scripts = {
        "application": ["-c", APPLICATION, str(DEMO / "jazz.wav"), str(REPORTS_AFTER + 3)],
        "library": ["-c", LIBRARY_USE + wait, str(DEMO / "jazz.wav"), str(DEMO / "country.ogg")],
        "command line": ["-c", CLASSIFY + wait, str(DEMO / "jazz.wav")],
        "control": ["-c", CONTROL],
    }
    command = [*lonely, sys.executable, str(RESOLVER), str(names), sys.executable, "-c", TOGETHER]
    done = subprocess.run(
        [*command, json.dumps(list(scripts.values()))],
        env=person,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert set(names.read_text(encoding="utf-8").split()) == {"control.example"}
