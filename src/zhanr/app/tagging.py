"""Genres into the files, from a page: plan, edit, try, write, undo; each a job in a thread that pages look at.

It is the code of `zhanr tag`: what is written is a plan file that was read back, with a journal beside those of the
command line, so that each can undo what the other did. Only one run writes at a time (`tags.journal` sees to that), and
only what was tried before.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from zhanr.app.problems import INTERNAL, Problem
from zhanr.errors import FileError, PlanError, ZhanrError
from zhanr.tags.apply import Outcome, apply, folders
from zhanr.tags.candidates import Unit, from_library
from zhanr.tags.formats import checked_genre
from zhanr.tags.journal import Journal, default_folder, new_path, somebody_writes
from zhanr.tags.plan import Row, changes, plan, read_plan, write_plan
from zhanr.tags.policy import Policy
from zhanr.tags.undo import undo
from zhanr.words import distinct, join, printable, split

Stage = Literal["planning", "planned", "trying", "tried", "writing", "written", "undoing", "undone", "failed"]
Part = Literal["all", "write", "left", "problems"]
BUSY = ("planning", "trying", "writing", "undoing")
RUNS = 20  # journals shown


@dataclass
class TagJob:
    """A plan and what became of it, or the undoing of a run. Threads change it; pages only read."""

    stage: Stage = "planning"
    done: int = 0
    total: int = 0
    rows: list[Row] = field(default_factory=list)
    problems: list[tuple[Path, str]] = field(default_factory=list)
    outcomes: dict[Path, Outcome] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    error: str | None = None
    run: str | None = None
    stopped: bool = False

    def status(self) -> dict[str, Any]:
        """How far it is."""
        return {
            "stage": self.stage,
            "busy": self.stage in BUSY,
            "done": self.done,
            "total": self.total,
            "rows": len(self.rows),
            "write": sum(row.write for row in self.rows),
            "problems": len(self.problems) + sum(outcome.bad for outcome in list(self.outcomes.values())),
            "counts": dict(self.counts),
            "genres": [] if self.stage in BUSY else changes(self.rows),
            "error": printable(self.error),
            "run": self.run,
            "stopped": self.stopped,
        }

    def part(self, which: Part) -> Sequence[int]:
        """The places of the rows that a page shows; problems that belong to no row come behind the last."""
        if which == "problems":
            bad = [i for i, row in enumerate(self.rows) if (o := self.outcomes.get(row.path)) and o.bad]
            return [*bad, *range(len(self.rows), len(self.rows) + len(self.problems))]
        if which == "all":
            return range(len(self.rows))
        return [i for i, row in enumerate(self.rows) if row.write == (which == "write")]

    def row(self, place: int) -> dict[str, Any]:
        """One row for a page."""
        if place >= len(self.rows):
            path, reason = self.problems[place - len(self.rows)]
            texts = {"path": str(path), "new": "", "old": "", "reason": "", "status": "failed", "why": reason}
            return {"id": place, "write": None} | {k: printable(v) for k, v in texts.items()}
        row = self.rows[place]
        outcome = self.outcomes.get(row.path)
        texts = {
            "path": str(row.path),
            "new": join(row.genres),
            "old": join(row.old),
            "reason": row.reason,
            "status": outcome.status if outcome else "",
            "why": outcome.reason if outcome else "",
        }
        numbers = {"id": place, "write": row.write, "confidence": row.confidence}
        return {k: printable(v) for k, v in texts.items()} | numbers

    # -- what a person changes

    def edit(self, place: int, *, write: bool | None = None, genre: str | None = None) -> None:
        """Choose a row or not, or give it other genres, with `;` between them as in a plan file. Raises `Problem`."""
        self._changeable()
        if not 0 <= place < len(self.rows):
            raise Problem(404, "the plan has no such row")
        row = self.rows[place]
        if genre is not None:
            row = replace(row, genres=distinct(split(genre)))
        if write is not None:
            row = replace(row, write=write)
        if row.write:
            _check(row.genres)
        self.rows[place] = row
        self._untried()

    def choose(self, write: bool) -> None:
        """Choose all rows that have a genre to write, or none."""
        self._changeable()
        self.rows = [replace(row, write=write and bool(row.genres) and row.genres != row.old) for row in self.rows]
        self._untried()

    def _changeable(self) -> None:
        if self.stage not in ("planned", "tried"):
            raise Problem(409, "this plan can't be changed now")

    def _untried(self) -> None:
        self.stage = "planned"
        self.outcomes = {}
        self.counts = Counter()

    # -- the work, in a thread

    def make(self, library: Path | None, rules: Policy, where: str | None, total: int, by: Unit = "track") -> None:
        """Plan the songs of the library, each by itself or by its album or artist."""
        self.total = total
        with self._at_work("planned"):
            for result in plan(from_library(library, rules, where=where, by=by), rules):
                self.done += 1
                if isinstance(result, FileError):
                    self.problems.append((Path(result.path), result.reason))
                else:
                    self.rows.append(result)
                if self.stopped:
                    break

    def carry_out(self, *, write: bool) -> None:
        """Try the plan, or write it."""
        self.done, self.total, self.counts, self.outcomes = 0, sum(row.write for row in self.rows), Counter(), {}
        if not write:
            with self._at_work("tried"):
                self._take(apply(self.rows, None))
            return
        with self._at_work("written"):
            journal = new_path(Path("app.csv"))
            plan_file = journal.with_suffix(".csv")
            plan_file.parent.mkdir(parents=True, exist_ok=True)
            write_plan([row for row in self.rows if row.write], plan_file)
            rows = read_plan(plan_file)
            with Journal.create(journal, plan_file, folders(rows)) as opened:
                self._take(apply(rows, opened))
                self.run = journal.name if opened.entries else None

    def take_back(self, run: str) -> None:
        """Undo a run."""
        with self._at_work("undone"):
            journal = Journal.read(_run_path(run))
            self.run, self.total = run, len({entry.path for entry in journal.entries})
            self._take(undo(journal))

    def _take(self, outcomes: Iterable[Outcome]) -> None:
        known = {row.path for row in self.rows}
        for outcome in outcomes:
            self.done += 1
            self.counts[outcome.status] += 1
            if outcome.path in known:
                self.outcomes[outcome.path] = outcome
            elif outcome.bad:
                self.problems.append((outcome.path, outcome.reason))
            if self.stopped:
                break

    @contextmanager
    def _at_work(self, then: Stage) -> Iterator[None]:
        """Set the stage at the end, and keep the reason where it failed."""
        stage: Stage = "failed"
        try:
            yield
            stage = then
        except Problem as error:
            self.error = error.detail
        except (ZhanrError, OSError) as error:
            self.error = str(error)
        except BaseException:
            self.error = INTERNAL
            raise
        finally:
            self.stage = stage


def begin(job: TagJob, stage: Stage, work: Callable[[], None]) -> None:
    """Start a job's next piece of work in a thread of its own. Raises `Problem` where another one is writing."""
    if stage in ("writing", "undoing") and somebody_writes():
        raise Problem(409, "another run is writing files just now; please wait until it is done")
    job.stage, job.error, job.stopped, job.done = stage, None, False, 0
    threading.Thread(target=work, name=f"zhanr-{stage}", daemon=True).start()


def runs() -> list[dict[str, Any]]:
    """The newest runs that can be undone, or were, of the page and of the command line alike."""
    found = []
    for path in sorted(default_folder().glob("*.undo"), reverse=True)[:RUNS]:
        try:
            journal = Journal.read(path)
        except PlanError:
            continue
        files = len({entry.path for entry in journal.entries})
        if files:
            date, _, clock = path.name.partition("_")
            when = f"{date} {clock[:2]}:{clock[2:4]}"
            found.append({"run": path.name, "when": when, "files": files, "undone": journal.undone})
    return found


def _run_path(run: str) -> Path:
    """The journal of a run, which is one of those that `runs` lists. Raises `PlanError`."""
    paths = {path.name: path for path in default_folder().glob("*.undo")}
    if run not in paths:
        raise PlanError(run, "there is no such run")
    return paths[run]


def _check(genres: tuple[str, ...]) -> None:
    if not genres:
        raise Problem(422, "there is no genre to write; type one, or leave the song out")
    try:
        for genre in genres:
            checked_genre(genre)
    except ValueError as error:
        raise Problem(422, str(error)) from error
