"""What a study found, for reading: a table (Markdown), every single run (CSV) and a figure (PNG)."""

from __future__ import annotations

import csv
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zhanr.files import replacing
from zhanr.lab.plots.study import Point
from zhanr.lab.plots.study import study as draw
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.runner import Run
from zhanr.lab.studies.study import Case, Study
from zhanr.lab.training.loop import difference
from zhanr.metrics import wilson_interval

HEADINGS = {
    "song_accuracy": "songs right",
    "clip_accuracy": "clips right",
    "valid_song_accuracy": "songs right, validation",
    "train_clip_accuracy": "clips right, training",
    "parameters": "parameters",
    "best_epoch": "best epoch",
}


@dataclass(frozen=True)
class CaseSummary:
    """The runs of one case, over its seeds."""

    case: Case
    runs: tuple[Run, ...]

    def values(self, score: str) -> list[float]:
        """One value a seed."""
        return [float(run.scores[score]) for run in self.runs if score in run.scores]

    def interval(self, score: str = "song_accuracy") -> tuple[float, float]:
        """Wilson's 95 % interval of a mean share, for the songs of one run: more seeds or clips are not more songs."""
        n = round(statistics.fmean(self.values("n")))
        return wilson_interval(round(statistics.fmean(self.values(score)) * n), n)


def summarise(runs: Sequence[Run]) -> list[CaseSummary]:
    """The runs by case, in their order."""
    cases = list(dict.fromkeys(id(run.case) for run in runs))
    grouped = [tuple(run for run in runs if id(run.case) == case) for case in cases]
    return [CaseSummary(group[0].case, group) for group in grouped]


def write(study: Study, runs: Sequence[Run], material: Material, folder: Path) -> list[Path]:
    """Write NAME.md, NAME.csv and NAME.png; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    text, table, figure = (folder / f"{study.name}.{suffix}" for suffix in ("md", "csv", "png"))
    summaries = summarise(runs)
    extra = study.extra([(run.case, run.scores) for run in runs], folder) if study.extra else ()
    with replacing(text) as temporary:
        temporary.write_text(markdown(study, summaries, extra, quick=material.quick), encoding="utf-8")
    with replacing(table) as temporary:
        _write_csv(study, runs, temporary)
    title = study.title + (" (quick)" if material.quick else "")
    ylabel = "songs right" if len(study.plotted) == 1 else "right answers"
    draw(points(study, summaries), figure, title=title, xlabel=study.xlabel, ylabel=ylabel, log_x=study.log_x)
    return [text, table, figure]


def points(study: Study, summaries: Sequence[CaseSummary]) -> list[Point]:
    """What the figure shows: the cases in their series, or where several scores are plotted, a series for each."""
    return [
        Point(
            s.case.name,
            tuple(s.values(score)),
            s.interval(score),
            x=s.case.x,
            series=s.case.series if len(study.plotted) == 1 else HEADINGS[score],
        )
        for score in study.plotted
        for s in summaries
    ]


def markdown(study: Study, summaries: Sequence[CaseSummary], extra: Sequence[str] = (), *, quick: bool) -> str:
    """The page of a study: question, protocol, table, figure, notes, and how it was made."""
    warning = [
        "**Quick run: fewer epochs, seeds and cases than the study needs. It shows that the command works.**",
        "",
    ]
    lines = [
        f"# {study.title}{' (quick)' if quick else ''}",
        "",
        *(warning if quick else []),
        study.question,
        "",
        *table(study, summaries),
        "",
        f"![{study.title}]({study.name}.png)",
        "",
        study.protocol,
        "",
        "Mean and standard deviation (sd) are over the seeds. The interval is Wilson's, of 95 %, for the mean share of "
        "songs right among the songs of one run: more seeds are not more songs.",
        *(f"\n{note}" for note in (*study.notes, *extra)),
        "",
        "## How it was made",
        "",
        *_making(study, summaries, quick=quick),
    ]
    return "\n".join(lines) + "\n"


def table(study: Study, summaries: Sequence[CaseSummary]) -> Iterator[str]:
    """The rows of the Markdown table."""
    heads, *cells = rows(study, summaries)
    yield f"| {' | '.join(heads)} |"
    yield f"|---{'|---:' * (len(heads) - 1)}|"
    for row in cells:
        yield f"| {' | '.join(row)} |"


def rows(study: Study, summaries: Sequence[CaseSummary]) -> Iterator[list[str]]:
    """The table of a study: its headings, then a row for each case, the name first."""
    columns = [c for c in study.columns if any(s.values(c) for s in summaries)]
    headings = (HEADINGS.get(c, c) for c in columns)
    yield ["case", "songs right", "sd", "95 % interval", "songs", *headings, "seeds", "s a run"]
    for s in summaries:
        songs, (low, high) = s.values("song_accuracy"), s.interval()
        yield [
            f"{s.case.series}: {s.case.name}" if s.case.series else s.case.name,
            percent(statistics.fmean(songs)),
            percent(deviation(songs)) if len(songs) > 1 else "-",
            f"{100 * low:.1f} to {100 * high:.1f} %",
            f"{statistics.fmean(s.values('n')):.0f}",
            *(show(column, s.values(column)) for column in columns),
            str(len(s.runs)),
            f"{statistics.fmean(float(run.result.about['seconds']) for run in s.runs):.0f}",
        ]


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of a sample; 0 of one value."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def percent(share: float) -> str:
    """A share with one decimal."""
    return f"{100 * share:.1f} %"


def show(column: str, values: Sequence[float]) -> str:
    """The mean of a score as text."""
    if not values:
        return ""
    mean = statistics.fmean(values)
    if column.endswith("_accuracy"):
        return percent(mean)
    return f"{mean:,.0f}" if abs(mean) >= 10 else f"{mean:.3g}"


def _making(study: Study, summaries: Sequence[CaseSummary], *, quick: bool) -> Iterator[str]:
    results = {run.result.key: run.result for s in summaries for run in s.runs}
    data: dict[str, None] = {}
    for result in results.values():
        data |= dict.fromkeys(f"{part} {sha[:16]}" for part, sha in result.identity.get("data", {}).items())
    seconds = sum(float(result.about["seconds"]) for result in results.values())
    yield f"- command: `zhanr lab study {study.name}{' --quick' if quick else ''}`"
    yield f"- seeds: {', '.join(str(seed) for seed in dict.fromkeys(r.seed for s in summaries for r in s.runs))}"
    yield f"- source: {', '.join(dict.fromkeys(str(r.about['source']) for r in results.values()))}"
    yield f"- data, sha256: {', '.join(list(data)[:12])}{' and others (see the CSV)' if len(data) > 12 else ''}"
    versions = dict.fromkeys(json.dumps(r.about["versions"]) for r in results.values())
    yield f"- versions: {'; '.join(', '.join(f'{k} {v}' for k, v in json.loads(text).items()) for text in versions)}"
    yield f"- time: {seconds / 60:.1f} minutes for {len(results)} single runs, beside other work of the machine"
    yield from _configurations(summaries)


def _configurations(summaries: Sequence[CaseSummary]) -> Iterator[str]:
    """That of the first case in full, of the others what differs from it."""
    first = _config(summaries[0])
    yield f"- configuration of the first case: `{json.dumps(first, ensure_ascii=False)}`"
    for s in summaries[1:]:
        if changed := [f"{name} = {_at(_config(s), name)}" for name in sorted(difference(first, _config(s)))]:
            yield f"- {s.case.series} {s.case.name}".replace("  ", " ") + f": {', '.join(changed)}"


def _config(summary: CaseSummary) -> dict[str, Any]:
    """What determines the first run of a case, without the data."""
    return {k: v for k, v in summary.runs[0].result.identity.items() if k != "data"}


def _at(values: Any, name: str) -> str:
    for key in name.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return json.dumps(values, ensure_ascii=False)


def _write_csv(study: Study, runs: Sequence[Run], path: Path) -> None:
    scores = list(dict.fromkeys(name for run in runs for name in run.scores))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["study", "series", "case", "x", "seed", *scores, "seconds", "source", "key", "data"])
        for run in runs:
            about, data = run.result.about, run.result.identity.get("data", {})
            writer.writerow(
                [study.name, run.case.series, run.case.name, "" if run.case.x is None else f"{run.case.x:g}", run.seed]
                + [f"{run.scores[name]:.6g}" if name in run.scores else "" for name in scores]
                + [about["seconds"], about["source"], run.result.key]
                + [" ".join(f"{part}:{sha}" for part, sha in data.items())]
            )
