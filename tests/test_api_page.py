"""The examples of docs/api.md, run against a server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from pydantic import BaseModel

from live_app import Live, live
from zhanr.app import schemas
from zhanr.app.settings import Settings

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    """With the model that comes with zhanr, for the documentation shows its answers."""
    with live(Settings()) as running:
        yield running


def example(kind: str, server: Live) -> str:
    (found,) = re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)
    return str(found).replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")


def test_curl(server: Live) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    script = example("bash", server)
    done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, cwd=ROOT, check=True)
    whole, top = (json.loads(part) for part in done.stdout.replace("}{", "}\n{").splitlines())
    shown = json.loads(example("json", server))
    assert list(top) == list(shown)
    assert {**top, "confidence": 0, "probabilities": 0} == {**shown, "confidence": 0, "probabilities": 0}
    assert top["probabilities"] == pytest.approx(shown["probabilities"], abs=0.01)
    assert dict(list(whole["probabilities"].items())[:3]) == top["probabilities"]


def test_python(server: Live) -> None:
    script = example("python", server)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "classical.flac classical\n"


def test_every_address_is_listed(server: Live) -> None:
    paths = server.client.get("/api/v1/openapi.json").json()["paths"]
    listed = re.findall(r"^\| `(GET|POST) (\S+)`", TEXT, re.MULTILINE)
    assert set(listed) == {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_every_status_is_listed(server: Live) -> None:
    paths = server.client.get("/api/v1/openapi.json").json()["paths"]
    statuses = {s for methods in paths.values() for operation in methods.values() for s in operation["responses"]}
    assert set(re.findall(r"^\| (\d{3}) \|", TEXT, re.MULTILINE)) == statuses - {"200"}


def test_the_page_shows_bodies_examples_and_errors_of_everything(server: Live) -> None:
    text = unescape(server.client.get("/api/v1/docs").text)
    description = server.client.get("/api/v1/openapi.json").json()
    assert text.count('<section class="api">') == sum(map(len, description["paths"].values()))
    assert "Successful Response" not in text
    assert "`" not in text
    assert '<code>application/json</code></p><table tabindex="0"><tr><td>path</td><td>string</td>' in text
    assert """curl -H 'Content-Type: application/json' -d '{"path": "/music/song.mp3"}' http://127.0.0.1:8080""" in text
    assert '"confidence": 0.93' in text
    assert "<td>413</td><td>The file is too large.</td>" in text


@pytest.mark.parametrize("shape", [schemas.Answer, schemas.ServerPath, schemas.Similar, schemas.Health])
def test_an_example_is_as_described(shape: type[BaseModel]) -> None:
    examples = shape.model_json_schema()["examples"]
    assert examples
    for example in examples:
        shape.model_validate(example)
