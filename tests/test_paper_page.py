"""docs/paper.md: every number that it says was measured is that of the table it names."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "paper.md").read_text(encoding="utf-8")
NOT_OURS = {"65 %", "61 %", "80 %", "20 %", "70 %", "10 %", "95 %", "100 %", "50 %"}
"""What others report, and what a protocol says."""

TABLE = """study,series,case,x,seed,song_accuracy,n,clip_accuracy
s,,a,,0,0.5,100,0.4
s,,a,,1,0.6,100,0.5
s,net,1 M,,0,0.7,100,
s,net,2 M,,0,0.8,100,
"""


@pytest.fixture(scope="module")
def paper() -> ModuleType:
    """The script research/paper.py."""
    spec = importlib.util.spec_from_file_location("docs_paper", DOCS.parent / "research" / "paper.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_paper"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_number_is_that_of_its_table(paper: ModuleType) -> None:
    assert paper.filled(PAGE) == PAGE, "run: python research/paper.py"


def test_every_study_that_is_named_was_run(paper: ModuleType) -> None:
    studies = {match[1].removeprefix("table; ").split("; ")[0] for match in paper.BLOCK.finditer(PAGE)}
    assert len(studies) >= 9
    assert [s for s in sorted(studies) if not (DOCS / "results" / f"{s}.csv").is_file()] == []
    assert paper.NOTHING not in PAGE


def test_no_share_stands_in_the_text_without_its_source(paper: ModuleType) -> None:
    prose = paper.BLOCK.sub("", PAGE)
    assert set(re.findall(r"\d+(?:\.\d+)? (?:%|points)", prose)) <= NOT_OURS


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE)
    assert len(links) > 10
    assert [link for link in links if not (DOCS / link).exists()] == []


def test_numbers_are_computed_as_the_studies_do(paper: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(TABLE, encoding="utf-8")
    asked = ("s; a", "s; a; sd", "s; a; interval", "s; a; clip_accuracy", "s; net: *; case", "none; a")
    page = " ".join(f"<!--{one}-->?<!--/-->" for one in (*asked, "s; net: * minus a; difference"))
    text = re.sub(r"<!--.*?-->", "", paper.filled(page, tmp_path))
    assert text == "55.0 % 7.1 % 45.2 to 64.4 % 45.0 % 2 M (not measured yet) +25.0 points"
    assert paper.filled("<!--table; s; best--><!--/-->", tmp_path).count("\n| ") == 3
    assert "net: 1 M" not in paper.filled("<!--table; s; best--><!--/-->", tmp_path)
    with pytest.raises(KeyError):
        paper.filled("<!--s; absent--><!--/-->", tmp_path)


def test_a_wrong_number_is_seen(paper: ModuleType) -> None:
    wrong = re.sub(r"(\d+\.\d) %<!--/-->", "99.9 %<!--/-->", PAGE, count=1)
    assert wrong != PAGE
    assert paper.filled(wrong) == PAGE
