"""Put the measured numbers into docs/paper.md, from the tables in docs/results: `python research/paper.py`.

In the page, a number stands between `<!--STUDY; ROW; WHAT-->` and `<!--/-->`, and a table between
`<!--table; STUDY-->` and `<!--/-->`; what is between them is written by this script and by nobody else.

- ROW is a case as its table names it, with its series before it where it has one ("RMSprop: rate 0.001").
  "RMSprop: *" is the best of a series. "A minus B" stands for two rows.
- WHAT is mean (of the share of songs right), sd, interval, or the name of another column; of two rows, difference, or
  gap (the same without a sign).
- `table; STUDY` shows all rows, `table; STUDY; best` the best of each series, and any other TEXT those that begin so.
"""

from __future__ import annotations

import csv
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhanr.metrics import wilson_interval

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "paper.md"
RESULTS = DOCS / "results"
BLOCK = re.compile(r"<!--(\w[^>]*?)-->(.*?)<!--/-->", re.DOTALL)
NOTHING = "(not measured yet)"


@dataclass(frozen=True)
class Row:
    """A case of a study: its single runs, one for each seed."""

    name: str
    series: str
    runs: Sequence[dict[str, str]]

    def values(self, column: str = "song_accuracy") -> list[float]:
        """One value a seed."""
        return [float(run[column]) for run in self.runs if run[column]]

    @property
    def mean(self) -> float:
        """The mean share of songs right."""
        return statistics.fmean(self.values())

    @property
    def sd(self) -> float:
        """Its standard deviation over the seeds."""
        return statistics.stdev(self.values()) if len(self.values()) > 1 else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the mean for the songs of one run, as the study's own page has it."""
        n = round(statistics.fmean(self.values("n")))
        return wilson_interval(round(self.mean * n), n)


def rows_of(study: str, results: Path = RESULTS) -> dict[str, Row]:
    """The rows of a study's CSV, by "series: case"; none where the study has not been run."""
    path = results / f"{study}.csv"
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        runs = list(csv.DictReader(file))
    found: dict[str, list[dict[str, str]]] = {}
    for run in runs:
        found.setdefault(f"{run['series']}: {run['case']}" if run["series"] else run["case"], []).append(run)
    return {name: Row(name, one[0]["series"], one) for name, one in found.items()}


def pick(rows: dict[str, Row], name: str) -> Row:
    """The row of a name; of "series: *" the best one."""
    if name.endswith("*"):
        return max((row for key, row in rows.items() if key.startswith(name[:-1])), key=lambda row: row.mean)
    return rows[name]


def number(study: str, name: str, what: str, results: Path = RESULTS) -> str:
    """One number, as it stands in the page."""
    rows = rows_of(study, results)
    if not rows:
        return NOTHING
    if what in ("difference", "gap"):
        one, other = (pick(rows, part.strip()) for part in name.split(" minus "))
        points = 100 * (one.mean - other.mean)
        return f"{points:+.1f} points" if what == "difference" else f"{abs(points):.1f} points"
    row = pick(rows, name)
    if what == "interval":
        return f"{100 * row.interval[0]:.1f} to {100 * row.interval[1]:.1f} %"
    if what == "case":
        return row.name.split(": ", 1)[-1]
    share = {"mean": row.mean, "sd": row.sd}.get(what)
    if share is None:
        value = statistics.fmean(row.values(what))
        return f"{100 * value:.1f} %" if what.endswith("_accuracy") else f"{value:,.0f}"
    return f"{100 * share:.1f} %"


def table(study: str, which: str = "", results: Path = RESULTS) -> str:
    """The rows of a study as Markdown."""
    rows = list(rows_of(study, results).values())
    if not rows:
        return f"\n{NOTHING}\n"
    if which == "best":
        best = [max((r for r in rows if r.series == s), key=lambda r: r.mean) for s in {r.series: None for r in rows}]
        rows = sorted(best, key=lambda row: -row.mean)
    elif which:
        rows = [row for row in rows if row.name.startswith(which)]
    return "\n".join(["", *_lines(rows), ""])


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    yield "| | songs right | sd | 95 % interval | songs | seeds |"
    yield "|---|---:|---:|---:|---:|---:|"
    for row in rows:
        low, high = row.interval
        cells = (f"{100 * row.mean:.1f} %", f"{100 * row.sd:.1f} %", f"{100 * low:.1f} to {100 * high:.1f} %")
        yield f"| {row.name} | {' | '.join(cells)} | {statistics.fmean(row.values('n')):.0f} | {len(row.runs)} |"


def appearance(results: Path = RESULTS) -> str:
    """Where the named genre of each statement stands among all."""
    path = results / "appearance.csv"
    if not path.exists():
        return f"\n{NOTHING}\n"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = ["", "| the paper says | measured as | its value | rank | the best other |", "|---|---|---:|---:|---:|"]
    for measure in {row["measure"]: None for row in rows}:
        of = [row for row in rows if row["measure"] == measure]
        own = next(row for row in of if row["genre"] == row["named"])
        other = max((row for row in of if row is not own), key=lambda row: float(row["mean"]))
        values = f"{_value(own)} | {own['rank']} of {len(of)} | {other['genre']}, {_value(other)}"
        lines.append(f"| {own['claim']} | {measure} | {values} |")
    return "\n".join([*lines, ""])


def _value(row: dict[str, str]) -> str:
    digits = 1 if row["unit"] == "dB" else 2
    mean, low, high = (f"{float(row[key]):.{digits}f}" for key in ("mean", "low", "high"))
    return f"{mean} ({low} to {high}) {row['unit']}".rstrip()


def filled(page: str, results: Path = RESULTS) -> str:
    """The page with every number and table as the results have them. `KeyError` where a row is not there."""

    def fill(match: re.Match[str]) -> str:
        first, *rest = match[1].split("; ")
        if first == "appearance":
            text = appearance(results)
        elif first == "table":
            text = table(rest[0], rest[1] if len(rest) > 1 else "", results)
        else:
            text = number(first, rest[0], rest[1] if len(rest) > 1 else "mean", results)
        return f"<!--{match[1]}-->{text}<!--/-->"

    return BLOCK.sub(fill, page)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
