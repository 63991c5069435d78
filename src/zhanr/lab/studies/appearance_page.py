"""The page of the study of how genres look: a table (Markdown and CSV) and a figure."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zhanr.files import replacing
from zhanr.lab import plots
from zhanr.lab.studies.appearance import MEASURES, RESAMPLES, SEED, AppearanceRow, Measure, measure
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.runner import source, versions

NAME = "appearance"
TITLE = "How genres look"
QUESTION = "Is what the paper sees in the pictures of metal, classical music and disco really there?"


def write(material: Material, folder: Path) -> list[Path]:
    """Measure both parts together (all songs of the two stores); writes appearance.md, .csv and .png."""
    started = time.perf_counter()
    store = material.full_valid if material.quick else material.full_both
    rows = measure(store, resamples=RESAMPLES // 10 if material.quick else RESAMPLES)
    title = f"{TITLE} (quick)" if material.quick else TITLE
    folder.mkdir(parents=True, exist_ok=True)
    text, table, figure = (folder / f"{NAME}.{suffix}" for suffix in ("md", "csv", "png"))
    plots.ranks(panels(rows), figure, title=f"{title}: {len(store)} excerpts, means and 95 % intervals")
    with replacing(table) as temporary:
        _write_csv(rows, temporary)
    making = [
        f"- command: `zhanr lab study {NAME}{' --quick' if material.quick else ''}`",
        f"- data, sha256: {len(store)} excerpts, {store.sha256()}",
        f"- features: {store.features.to_dict()}",
        f"- seed of the resampling: {SEED}",
        f"- source: {source()}",
        f"- versions: {', '.join(f'{name} {number}' for name, number in versions().items())}",
        f"- time: {time.perf_counter() - started:.0f} s of one core",
    ]
    with replacing(text) as temporary:
        temporary.write_text("\n".join([f"# {title}", "", *_page(rows), *making]) + "\n", encoding="utf-8")
    return [text, table, figure]


def panels(rows: Sequence[AppearanceRow]) -> list[plots.Panel]:
    """What the figure shows."""
    return [
        plots.Panel(
            f"{one.genre}: {one.name}",
            one.unit,
            one.genre,
            [plots.Bar(r.genre, r.mean, r.low, r.high) for r in rows if r.measure is one],
        )
        for one in MEASURES
    ]


def summary(rows: Sequence[AppearanceRow]) -> list[str]:
    """The Markdown table of the statements: where the named genre stands among all."""
    lines = [
        "| the paper says | measured as | that genre | rank | the best other | first in |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for one in MEASURES:
        own = next(r for r in rows if r.measure is one and r.genre == one.genre)
        other = max((r for r in rows if r.measure is one and r.genre != one.genre), key=lambda r: r.mean)
        of = sum(r.measure is one for r in rows)
        cells = (one.claim, one.name, _value(own), f"{own.rank} of {of}", f"{other.genre}, {_value(other)}")
        lines.append(f"| {' | '.join(cells)} | {100 * own.first:.0f} % |")
    return lines


def _page(rows: Sequence[AppearanceRow]) -> list[str]:
    genres = list(dict.fromkeys(r.genre for r in rows))
    lines = [
        f"{QUESTION} Each statement is measured in two ways on the mel-spectrograms; a genre's value is the mean over "
        "its songs, and the statement holds if the genre that it names has the highest value.",
        "",
        *summary(rows),
        "",
        "In brackets: 95 % bootstrap intervals over songs (percentiles of the means of resampled songs). *First in*: "
        "the share of resamples in which the named genre has the highest mean of all. Songs of one artist are counted "
        "as if they were independent, so the intervals are a little too narrow. Nothing is trained: there are no seeds "
        "of training.",
        "",
        f"![{TITLE}]({NAME}.png)",
        "",
        "## All genres",
        "",
        f"| genre | songs | {' | '.join(one.name + (f', {one.unit}' if one.unit else '') for one in MEASURES)} |",
        f"|---|---:|{'---:|' * len(MEASURES)}",
    ]
    for genre in genres:
        own = [next(r for r in rows if r.measure is one and r.genre == genre) for one in MEASURES]
        lines.append(f"| {genre} | {own[0].n} | {' | '.join(_value(r, unit=False) for r in own)} |")
    return [
        *lines,
        "",
        "## What is measured",
        "",
        *(f"- **{m.name}** ({m.genre}): {_doc(m)}" for m in MEASURES),
        "",
        "## How it was made",
        "",
    ]


def _doc(one: Measure) -> str:
    """The first paragraph of what the code says of it, on one line."""
    first = (one.of.__doc__ or "").split("\n\n")[0]
    return " ".join(first.split())


def _value(row: AppearanceRow, *, unit: bool = True) -> str:
    digits = 1 if row.measure.unit == "dB" else 2
    text = f"{row.mean:.{digits}f} ({row.low:.{digits}f} to {row.high:.{digits}f})"
    return f"{text} {row.measure.unit}".rstrip() if unit else text


def _write_csv(rows: Sequence[AppearanceRow], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer: Any = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["study", "claim", "named", "measure", "unit", "genre", "n", "mean", "low", "high", "rank", "first"]
        )
        for r in rows:
            one = r.measure
            numbers = [f"{value:.6g}" for value in (r.mean, r.low, r.high)]
            writer.writerow(
                [NAME, one.claim, one.genre, one.name, one.unit, r.genre, r.n, *numbers, r.rank, f"{r.first:.4f}"]
            )
