"""The shape of the house: who may import whom, where each outside library lives, what starting up may load, and how
long and how branched a function may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "zhanr"
LAYERS = [
    {"errors", "words"},
    {"files"},
    {"config", "prediction"},
    {"settings", "card"},
    {"audio", "features", "windows", "aggregate", "library"},
    {"metrics", "stratify", "bundle", "segments"},
    {"classifier", "calibration", "vocabulary"},
    {"explain", "learn", "tags", "waveform"},
    {"scan"},
    {"lab", "app", "cli.output"},
    {"lab.cli"},
    {"cli"},
]
"""The houses and their floors: a module imports only from floors below its own."""
LAB_LAYERS = [
    {"networks", "datasets"},
    {"evaluation", "extract", "check"},
    {"plots"},
    {"training"},
    {"handmade"},
    {"studies"},
    {"cli"},
]
LAYER = {name: depth for depth, names in enumerate(LAYERS) for name in names}
LAB_LAYER = {name: depth for depth, names in enumerate(LAB_LAYERS) for name in names}
HOMES = {
    "av": {"audio"},
    "onnxruntime": {"bundle"},
    "onnx": {"bundle", "learn", "waveform", "lab.training", "lab.studies.network"},
    "torch": {"lab.networks", "lab.training"},
    "safetensors": {"lab.training"},
    "matplotlib": {"lab.plots"},
    "sklearn": {"lab.training.classical"},
    "typer": {"cli", "lab.cli"},
    "rich": {"cli", "lab.cli"},
    "mutagen": {"tags"},
    "sqlite3": {"library"},
    "filelock": {"files"},
    "platformdirs": {"files"},
    "tomlkit": {"settings"},
    "pyarrow": {"library.parquet"},
    "watchfiles": {"scan.watch"},
    "ray": {"scan.ray"},
    "fsspec": {"scan.ray"},
    "fastapi": {"app", "cli.serve"},
    "starlette": {"app"},
    "uvicorn": {"app", "cli.serve"},
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


def house(name: str) -> str | None:
    """The part of the package that a module (or what is imported from one) belongs to; None for the package itself."""
    for part in ("lab.cli", "cli.output"):
        if f"{name}.".startswith(f"{part}."):
            return part
    first = name.split(".")[0]
    return first if first in LAYER else None


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_from_below(name: str) -> None:
    home = house(name)
    for target in imports(MODULES[name]):
        parts = target.split(".")
        if parts[0] != "zhanr" or len(parts) == 1:
            continue
        other = house(".".join(parts[1:]))
        if other in (home, None):
            continue
        assert home is not None
        assert other is not None
        assert LAYER[other] < LAYER[home], f"{name} imports {target}, which is not below it"


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("lab.") and name.count(".")])
def test_within_the_lab_too(name: str) -> None:
    for target in imports(MODULES[name]):
        parts, home = target.split("."), name.split(".")[1]
        if parts[:2] == ["zhanr", "lab"] and len(parts) > 2 and parts[2] != home and parts[2] in LAB_LAYER:
            assert LAB_LAYER[parts[2]] < LAB_LAYER[home], f"{name} imports {target}, which is not below it"


def test_only_one_line_of_the_command_line_knows_the_lab() -> None:
    users = {name: [t for t in imports(tree) if t.startswith("zhanr.lab")] for name, tree in MODULES.items()}
    outside = {name: found for name, found in users.items() if found and house(name) not in ("lab", "lab.cli")}
    assert outside == {"cli": ["zhanr.lab.cli.app"]}


def test_nothing_installed_knows_research() -> None:
    assert not [name for name, tree in MODULES.items() if any(t.startswith("research") for t in imports(tree))]


@pytest.mark.parametrize("name", MODULES)
def test_an_outside_library_has_one_home(name: str) -> None:
    for target in imports(MODULES[name]):
        homes = HOMES.get(target.split(".")[0])
        assert homes is None or any(f"{name}.".startswith(f"{h}.") for h in homes), f"{name} imports {target}"


def test_every_module_has_a_layer() -> None:
    assert {house(name) for name in MODULES} <= set(LAYER)
    assert {name.split(".")[1] for name in MODULES if name.startswith("lab.")} <= set(LAB_LAYER)


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
    assert {"onnxruntime", "fastapi"} <= loaded
    assert not loaded & {"torch", "matplotlib", "sklearn", "onnx", "safetensors", "PIL", "scipy"}


# -- style

MOST_LINES, MOST_BRANCHES = 50, 15
Function = ast.FunctionDef | ast.AsyncFunctionDef
Branch = ast.If | ast.IfExp | ast.For | ast.AsyncFor | ast.While | ast.ExceptHandler | ast.Assert | ast.match_case
FILES = [*sorted((ROOT / "src" / "zhanr").rglob("*.py")), *sorted((ROOT / "research").rglob("*.py"))]
CODE = """
def outer(x):
    'Words.'
    if x and x > 1 or not x:
        return [y for y in x if y]

    def inner():
        return 1 if x else 2
    return inner
"""


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def own(node: ast.AST) -> Iterator[ast.AST]:
    """All that is in a function, but of functions and classes in it only that they are there."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, Function | ast.ClassDef):
            yield from own(child)


def n_lines(function: Function) -> int:
    """The lines of a function's body, without its docstring and the functions in it."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    inner = [node for node in own(function) if isinstance(node, Function)]
    return last(function) - body[0].lineno + 1 - sum(last(f) - f.lineno + 1 for f in inner)


def last(node: Function) -> int:
    return node.end_lineno or node.lineno


def n_branches(function: Function) -> int:
    """McCabe's complexity, where comprehensions and each further `and` or `or` count, too."""
    count = 1
    for node in own(function):
        if isinstance(node, ast.comprehension):
            count += 1 + len(node.ifs)
        elif isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
        elif isinstance(node, Branch):
            count += 1
    return count


def test_what_is_counted() -> None:
    outer, inner = functions(ast.parse(CODE))
    assert (n_lines(outer), n_branches(outer)) == (4, 1 + 1 + 2 + 2)
    assert (n_lines(inner), n_branches(inner)) == (1, 2)


def test_functions_are_short_and_simple(trees: dict[Path, ast.Module]) -> None:
    found = {f"{path.relative_to(ROOT)} {f.name}": f for path, tree in trees.items() for f in functions(tree)}
    assert not {name: n_lines(f) for name, f in found.items() if n_lines(f) > MOST_LINES}
    assert not {name: n_branches(f) for name, f in found.items() if n_branches(f) > MOST_BRANCHES}


def test_a_public_class_has_a_name_of_its_own(trees: dict[Path, ast.Module]) -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and "src" in path.parts:
                homes[node.name].append(str(path.relative_to(ROOT)))
    assert not {name: places for name, places in homes.items() if len(places) > 1}


def test_no_import_goes_in_a_circle(trees: dict[Path, ast.Module]) -> None:
    names = {module(path): tree for path, tree in trees.items() if "src" in path.parts}
    graph = {name: {t for t in imported(tree, set(names)) if t != name} for name, tree in names.items()}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def module(path: Path) -> str:
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """The modules of the package that are loaded when this one is: not what a function imports, nor what types need."""
    for node in loaded(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield from {full if full in known else node.module} & known
        elif isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & known


def loaded(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not isinstance(child, Function | ast.Lambda) and not typing_only:
            yield child
            yield from loaded(child)


ACROSS = {
    "beets",
    "contributing",
    "golden",
    "layers",
    "offline",
    "openapi",
    "paper_page",
    "precision",
    "story",
    "tag_kill",
}
"""Tests of what no single module does."""


def test_a_test_file_is_called_as_what_it_tests() -> None:
    modules = (
        {module(path) for path in FILES if "src" in path.parts}
        | {p.stem for p in FILES}
        | {p.parent.name for p in FILES}
    )
    known = {name.split(".")[-1] for name in modules} | {"_".join(name.split(".")[-2:]) for name in modules}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests").glob("test_*.py")}
    lost = {name for name in tests if not known & {name, name.removeprefix("tag_"), *name.split("_and_")}}
    assert lost == ACROSS - known
