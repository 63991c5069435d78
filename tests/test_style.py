"""The style of the house, as far as a program can see it: short functions, no import cycles, one class a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
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
