"""`zhanr tag`: plan what genres shall be written into the files, write them with care, take it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from zhanr import settings
from zhanr.cli import output
from zhanr.errors import FileError, PlanError

if TYPE_CHECKING:
    from zhanr.tags.apply import Outcome
    from zhanr.tags.plan import Row
    from zhanr.tags.policy import Policy

app = typer.Typer(no_args_is_help=True)


Mode = Literal["empty", "replace", "add"]
Case = Literal["title", "lower", "upper", "keep"]
Styles = Literal["none", "genre", "field"]
Unit = Literal["track", "album", "artist"]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


@app.command("plan")
def make_plan(
    target: Annotated[Path, typer.Option("--output", "-o", help="The plan to write (.csv): read it and edit it.")],
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders; without them, the library.")] = None,
    library: Annotated[Path | None, typer.Option(help="Take what this library knows of the songs.")] = None,
    where: Annotated[str | None, typer.Option(help='Only some songs of the library: "genre=jazz path~live".')] = None,
    policy: Annotated[
        Mode | None,
        typer.Option(
            help="Where to write: only where no genre is, instead of it, or beside it.", show_default="as set"
        ),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            help="The least probability, or that for one genre (jazz=0.9).",
            show_default="0.8; with a precision that of the precision",
        ),
    ] = None,
    names: Annotated[
        Path | None, typer.Option("--map", help='A TOML file of names: hiphop = "Hip-Hop", rock = ["Rock", "Guitar"].')
    ] = None,
    whitelist: Annotated[
        str | None, typer.Option(help="The only genres to write: a file with one a line, or a list with commas.")
    ] = None,
    case: Annotated[Case, typer.Option(help="How to spell the genres that the map doesn't name.")] = "title",
    also: Annotated[
        float | None, typer.Option(help="Write further genres too, from this probability on, as separate values.")
    ] = None,
    styles: Annotated[
        Styles,
        typer.Option(
            help="Write the styles too (punk, ambient): as further genres, into a field of their own "
            "(STYLE, or the setting style_field), or not at all."
        ),
    ] = "none",
    by: Annotated[
        Unit | None,
        typer.Option(help="One genre for each track, or for all songs of an album or artist.", show_default="as set"),
    ] = None,
    precision: output.PrecisionOption = None,
    no_genre: Annotated[
        list[str] | None, typer.Option(help='A word that counts as no genre, such as "Unknown" or "Other".')
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="List the songs that are left alone too, with the reason.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a plan that exists already.")] = False,
    model: Annotated[str | None, typer.Option(help="A built-in model's name, or a .onnx file.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Songs to work on at once (default: half the cores).")] = None,
    as_json: Json = False,
) -> None:
    """Write a plan: which song shall get which genre, and why. No music file is changed by this.

    Exit code 0: the plan is written; 1: some file could not be looked at (the plan holds the others); 2: wrong usage.
    """
    from zhanr.prediction import NOVEL
    from zhanr.scan.walk import find_audio
    from zhanr.tags.candidates import from_files, from_library
    from zhanr.tags.plan import plan, write_plan
    from zhanr.vocabulary import model_for_files

    if target.exists() and not force:
        raise PlanError(target, "there is a plan already, which may have been edited; --force replaces it")
    wanted, unit = output.precision(precision), by or cast(Unit, settings.text("by"))
    rules = _policy(policy, threshold, names, whitelist, case, also, no_genre, styles, chosen=wanted is not None)
    from_known = library is not None or where is not None or not paths
    _expect(library if from_known else None, model, wanted, from_known=from_known)
    if from_known:
        songs = from_library(
            library, rules, where=where, paths=paths or [], precision=wanted, by=unit, tell=output.warn
        )
    else:
        songs = from_files(
            list(find_audio(paths or [])),
            rules,
            model=model_for_files(model),
            precision=wanted,
            jobs=jobs or output.default_jobs(),
            by=unit,
            tell=output.warn,
        )
    rows, left, failed = _gather(plan(songs, rules), everything=everything, as_json=as_json)
    write_plan(rows, target)
    output.strange(left[NOVEL], sum(row.write for row in rows) + left.total())
    _summary(target, rows, left, failed, as_json=as_json)
    if failed:
        raise typer.Exit(1)


def _expect(library: Path | None, model: str | None, precision: float | None, *, from_known: bool) -> None:
    """Say what a precision brings, by the card of the library's model or of that for files in none."""
    if precision is None:
        return
    from zhanr.bundle import load_bundle
    from zhanr.library import Library
    from zhanr.vocabulary import model_for, model_for_files

    if from_known:
        with Library.open(library, create=False, readonly=True) as opened:
            bundle = model_for(opened)
    else:
        bundle = load_bundle(model_for_files(model))
    output.expect(bundle.card, precision)


def _gather(
    results: Iterator[Row | FileError], *, everything: bool, as_json: bool
) -> tuple[list[Row], Counter[str], int]:
    """The rows of the plan, why the others are left alone, and how many files can't be looked at; each is shown."""
    from zhanr.prediction import NOVEL

    rows: list[Row] = []
    left: Counter[str] = Counter()
    failed = 0
    with output.progress("planning") as tell:
        for result in results:
            tell(len(rows) + left.total() + failed, None)
            if isinstance(result, FileError):
                failed += 1
                _show_error(result, as_json=as_json)
                continue
            reason = result.reason
            left.update([] if result.write else [NOVEL if reason == NOVEL else reason.partition(":")[0]])
            if result.write or everything:
                rows.append(result)
                _show_row(result, as_json=as_json)
    return rows, left, failed


def _policy(
    mode: Mode | None,
    threshold: list[str] | None,
    names: Path | None,
    whitelist: str | None,
    case: Case,
    also: float | None,
    no_genre: list[str] | None,
    styles: Styles,
    *,
    chosen: bool,
) -> Policy:
    """The rules; where a precision was `chosen`, its probability is the least unless another was given."""
    from zhanr.tags.policy import NAMES, Policy, read_names, read_thresholds, read_whitelist
    from zhanr.words import genre_key

    common, single = read_thresholds(threshold or [])
    table, allowed = names or settings.text("map"), whitelist or settings.text("whitelist")
    return Policy(
        mode=mode or cast(Mode, settings.text("policy")),  # which refuses what is none
        threshold=(0.0 if chosen else Policy.threshold) if common is None else common,
        thresholds=single,
        names=read_names(Path(table)) if table else NAMES,
        whitelist=read_whitelist(allowed) if allowed else None,
        case=case,
        also=also,
        styles=styles,
        style_field=settings.text("style_field") or Policy.style_field,
        no_genre=frozenset(map(genre_key, no_genre or [])),
    )


def _show_error(error: FileError, *, as_json: bool) -> None:
    if as_json:
        output.json_line({"path": error.path, "error": error.reason})
    else:
        output.fail(str(error))


def _show_row(row: Row, *, as_json: bool) -> None:
    if as_json:
        output.json_line(row.to_dict())
        return
    confidence = "    " if row.confidence is None else f"{row.confidence:>4.0%}"
    sign = "+" if row.write else " "
    change = _change(row.old, row.genres, row.field, row.styles)
    _print(f"{sign} {confidence} {change}  {row.path}  ({row.reason})")


def _change(old: tuple[str, ...], new: tuple[str, ...], field: str, styles: tuple[str, ...]) -> str:
    """What becomes of the genres, and what the field of styles shall say."""
    genres = "" if old == new and field else f"{_names(old) or '(none)'} -> {_names(new)}"
    return ", ".join(filter(None, [genres, f"{field}: {_names(styles)}" if field else ""]))


def _names(genres: Iterable[str]) -> str:
    return "; ".join(genres)


def _print(text: str) -> None:
    output.results().print(text, soft_wrap=True, markup=False)


def _show_genres(counts: Iterable[tuple[str, int]]) -> None:
    for genre, count in counts:
        _print(f"  {count:>6,}  {genre}")


def _summary(target: Path, rows: list[Row], left: Counter[str], failed: int, *, as_json: bool) -> None:
    from zhanr.tags.plan import changes

    n_write = sum(row.write for row in rows)
    if as_json:
        output.json_line({"plan": str(target), "write": n_write, "left": sum(left.values()), "failed": failed})
        return
    _print(f"\n{n_write:,} to write, {sum(left.values()):,} left alone, {failed:,} can't be written")
    _show_genres(changes(rows))
    if left:
        _print("left alone:")
    for reason, count in left.most_common(8):
        _print(f"  {count:>6}  {reason}")
    if n_write:
        _print(f"Read and edit {target}, then try it with: zhanr tag apply {target}")


@app.command("apply")
def apply_plan(
    plan: Annotated[Path, typer.Argument(help="A plan that `zhanr tag plan` has made.")],
    write: Annotated[
        bool,
        typer.Option("--write/--dry-run", help="Really write; else all is checked and nothing written."),
    ] = False,
    keep_mtime: Annotated[
        bool, typer.Option("--keep-mtime", help="Keep the files' times of change (backups may overlook the change).")
    ] = False,
    split_links: Annotated[
        bool, typer.Option("--split-hard-links", help="Write files with several names, which makes them several files.")
    ] = False,
    journal: Annotated[Path | None, typer.Option(help="Where to keep what undoing needs.")] = None,
    as_json: Json = False,
) -> None:
    """Carry out a plan. Only with --write are files changed; `zhanr tag undo` takes it back, to the last byte.

    It may be stopped at any moment and started again: what is written already is passed over. Exit code 0: all is
    well; 1: some file was refused or could not be written, for the reason given; 2: wrong usage.
    """
    from zhanr.tags.apply import Options, apply, folders
    from zhanr.tags.journal import Journal, new_path
    from zhanr.tags.plan import read_plan

    rows = [row for row in read_plan(plan) if row.write]
    options = Options(keep_mtime=keep_mtime, split_links=split_links)
    if not write or not rows:
        bad = _run(apply(rows, None, options), len(rows), as_json=as_json)
        if not as_json:
            output.warn(f"NOTHING WAS WRITTEN: this was a trial. To really write: zhanr tag apply {plan} --write")
    else:
        with Journal.create(journal or new_path(plan), plan.absolute(), folders(rows)) as opened:
            bad = _run(apply(rows, opened, options), len(rows), as_json=as_json)
            if as_json:
                output.json_line({"journal": str(opened.path), "written": len(opened.entries), "bad": bad})
            elif opened.entries:
                _print(f"To take it back: zhanr tag undo {opened.path}")
    if bad:
        raise typer.Exit(1)


@app.command("undo")
def undo_changes(
    what: Annotated[str, typer.Argument(help='A plan, a journal, or "last": the newest run.')] = "last",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be restored.")] = False,
    as_json: Json = False,
) -> None:
    """Give files back their old bytes, exactly, as they were before a plan was applied.

    Files that somebody has changed since are left as they are. It may be stopped and repeated. Exit code 0: all is
    well; 1: some file was refused or could not be written, for the reason given; 2: wrong usage.
    """
    from zhanr.tags.journal import earlier, find
    from zhanr.tags.undo import undo

    bad = 0
    journals = find(what)
    for journal in journals:
        bad += _run(undo(journal, dry_run=dry_run), len({e.path for e in journal.entries}), as_json=as_json)
    if len(journals) == 1 and (others := earlier(journals[0])):
        runs = "run of the same plan is" if len(others) == 1 else "runs of the same plan are"
        output.warn(f"{len(others)} other {runs} not taken back: zhanr tag undo {journals[0].plan}")
    if bad:
        raise typer.Exit(1)


def _run(outcomes: Iterator[Outcome], total: int, *, as_json: bool) -> int:
    """Show what becomes of each song and, at the end, the counts; how many are not as wanted."""
    from zhanr.tags.plan import counted

    counts: Counter[str] = Counter()
    written: list[tuple[str, ...]] = []
    bad = 0
    with output.progress("tagging") as tell:
        for outcome in outcomes:
            counts[outcome.status] += 1
            bad += outcome.bad
            wrote = outcome.status in ("written", "would be written") and outcome.genres != outcome.old
            written += [outcome.genres] if wrote else []
            tell(sum(counts.values()), total)
            _show_outcome(outcome, as_json=as_json)
    if not as_json:
        _print(", ".join(f"{count} {status}" for status, count in counts.items()) or "nothing to do")
        _show_genres(counted(written))
    return bad


def _show_outcome(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        output.json_line(outcome.to_dict())
        return
    wrote = outcome.genres or outcome.field
    change = f"{_change(outcome.old, outcome.genres, outcome.field, outcome.styles)}  " if wrote else ""
    reason = f": {outcome.reason}" if outcome.reason else ""
    line = f"{outcome.status:<16} {change}{outcome.path}{reason}"
    output.fail(line) if outcome.bad else _print(line)
