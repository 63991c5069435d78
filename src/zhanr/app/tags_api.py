"""The tags page: which song shall get which genre, looked through, tried, written into the files, and taken back."""

from __future__ import annotations

import asyncio
from typing import Literal, cast

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from zhanr import settings
from zhanr.app.problems import Problem
from zhanr.app.rows import Count, Recent, Start, new_router
from zhanr.app.state import State
from zhanr.app.tagging import BUSY, Part, Stage, TagJob, begin, runs
from zhanr.tags.candidates import Unit
from zhanr.tags.policy import Mode, Policy

MOST_AT_ONCE = 4


class Rules(BaseModel):
    """What to plan; one genre for each track, album or artist, as the settings say where `by` doesn't."""

    mode: Mode = "empty"
    threshold: float = Field(Policy.threshold, ge=0, le=1)
    where: str = Field("", max_length=2000)
    by: Unit | None = None


class PlanEdit(BaseModel):
    """A row of a plan chosen or not, or its genre; without a row, all of them chosen or none."""

    row: int | None = None
    write: bool | None = None
    genre: str | None = Field(None, max_length=1000)


class RunName(BaseModel):
    """A run to take back."""

    run: str = Field(max_length=300)


def router(state: State) -> APIRouter:
    """What the page fetches."""
    jobs: Recent[TagJob] = Recent(8)
    routes = new_router()

    def stop_all() -> None:
        for job in jobs.values():
            job.stopped = True

    state.on_close(stop_all)

    def job_of(key: str) -> TagJob:
        job = jobs.get(key)
        if job is None:
            raise Problem(404, "this plan is not there any more; please make it again")
        return job

    @routes.post("/tags/plans")
    async def make(rules: Rules) -> Response:
        """Begin a plan; its key."""
        total = await state.with_library(lambda library: library.count(rules.where))
        if sum(job.stage in BUSY for job in jobs.values()) >= MOST_AT_ONCE:
            raise Problem(429, "there is much at work already; please wait until some of it is done", kind="busy")
        policy = Policy(mode=rules.mode, threshold=rules.threshold)
        by = rules.by or cast(Unit, settings.text("by"))
        job = TagJob()
        begin(job, "planning", lambda: job.make(state.settings.library, policy, rules.where, total, by))
        return JSONResponse({"job": jobs.add(job)}, 201)

    @routes.get("/tags/jobs/{key}")
    async def status(key: str) -> Response:
        """How far a job is."""
        return JSONResponse(job_of(key).status())

    @routes.get("/tags/jobs/{key}/rows")
    async def rows(key: str, part: Part = "write", start: Start = 0, count: Count = 100) -> Response:
        """Some rows of a plan."""
        job = job_of(key)
        places = await asyncio.to_thread(job.part, part)
        listed = [job.row(place) for place in places[start : start + count]]
        return JSONResponse({"total": len(places), "rows": listed})

    @routes.post("/tags/jobs/{key}/rows")
    async def edit(key: str, wanted: PlanEdit) -> Response:
        """Change the plan; the row as it is now."""
        job = job_of(key)
        if wanted.row is None:
            await asyncio.to_thread(job.choose, bool(wanted.write))
            return JSONResponse(job.status())
        job.edit(wanted.row, write=wanted.write, genre=wanted.genre)
        return JSONResponse(job.status() | {"row": job.row(wanted.row)})

    @routes.post("/tags/jobs/{key}/{what}")
    async def go_on(key: str, what: Literal["try", "write", "stop"]) -> Response:
        """Try a plan, write one that was tried, or stop a job after the song that it works on."""
        job = job_of(key)
        if what == "stop":
            job.stopped = True
            return JSONResponse(job.status())
        after: tuple[Stage, ...] = ("planned", "tried") if what == "try" else ("tried",)
        if job.stage not in after:
            reason = "it is still at work" if job.stage in BUSY else "a plan is tried before it is written"
            raise Problem(409, reason)
        begin(job, "trying" if what == "try" else "writing", lambda: job.carry_out(write=what == "write"))
        return JSONResponse(job.status())

    @routes.get("/tags/runs")
    async def list_runs() -> Response:
        """The runs that can be taken back."""
        return JSONResponse({"runs": await asyncio.to_thread(runs)})

    @routes.post("/tags/undo")
    async def take_back(wanted: RunName) -> Response:
        """Take a run back; the key of the job that does it."""
        job = TagJob()
        begin(job, "undoing", lambda: job.take_back(wanted.run))
        return JSONResponse({"job": jobs.add(job)}, 201)

    return routes
