"""The shape of the house: who may import whom, where each outside library lives, and what starting up may load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "zhanr"
LAYERS = [
    {"errors", "files"},
    {"config"},
    {"audio", "features", "windows", "aggregate", "models", "datasets"},
    {"bundle", "frontend", "handmade"},
    {"classifier"},
    {"evaluation", "explain", "library"},
    {"batch", "training"},
    {"app", "studies"},
    {"cli"},
]
LAYER = {name: depth for depth, names in enumerate(LAYERS) for name in names}
HOMES = {
    "av": {"audio"},
    "onnxruntime": {"bundle"},
    "torch": {"models", "training"},
    "safetensors": {"training"},
    "matplotlib": {"evaluation.plots"},
    "sklearn": {"training.classical"},
    "typer": {"cli"},
    "rich": {"cli"},
    "mutagen": {"library"},
    "sqlite3": {"library"},
    "pyarrow": {"library.parquet"},
    "ray": {"batch.ray"},
    "fsspec": {"batch.ray"},
    "nicegui": {"app", "cli.app"},
    "fastapi": {"app", "cli.app"},
    "starlette": {"app"},
    "uvicorn": {"app"},
    "pydantic": {"app"},
    "prometheus_client": {"app"},
    "python_multipart": {"app"},
    "webview": {"app"},
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(p for p in parts if p != "__init__")
        if name and name != "__main__":
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = dict(modules())


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_from_below(name: str) -> None:
    home = name.split(".")[0]
    for target in imports(MODULES[name]):
        parts = target.split(".")
        if parts[0] != "zhanr" or len(parts) == 1 or parts[1] == home or parts[1] not in LAYER:
            continue
        assert LAYER[parts[1]] < LAYER[home], f"{name} imports {target}, which is not below it"


@pytest.mark.parametrize("name", MODULES)
def test_an_outside_library_has_one_home(name: str) -> None:
    for target in imports(MODULES[name]):
        homes = HOMES.get(target.split(".")[0])
        assert homes is None or any(f"{name}.".startswith(f"{h}.") for h in homes), f"{name} imports {target}"


def test_every_module_has_a_layer() -> None:
    assert {name.split(".")[0] for name in MODULES} <= set(LAYER)


HELP = """
import sys
sys.argv = ["zhanr", "--help"]
from zhanr.cli import main
try:
    main()
except SystemExit:
    pass
"""
LOAD = "from zhanr import Classifier; Classifier.load()"
SERVE = """
from zhanr.app.server import create_app
from zhanr.app.settings import Settings
create_app(Settings())
"""


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after running `code`."""
    script = f"{code}\nimport sys\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("code", ["import zhanr", HELP])
def test_starting_up_loads_nothing_heavy(code: str) -> None:
    loaded = loaded_by(code)
    assert "zhanr" in loaded
    assert not loaded & {"numpy", "av", "onnxruntime", "torch", "matplotlib", "sklearn", "onnx", "mutagen"}


def test_serving_does_not_load_what_only_training_needs() -> None:
    loaded = loaded_by(LOAD)
    assert "onnxruntime" in loaded
    assert not loaded & {"torch", "matplotlib", "sklearn", "onnx", "safetensors"}


def test_nor_does_the_application() -> None:
    loaded = loaded_by(SERVE)
    assert {"onnxruntime", "nicegui"} <= loaded
    assert not loaded & {"torch", "matplotlib", "sklearn", "onnx", "safetensors", "PIL", "scipy"}
