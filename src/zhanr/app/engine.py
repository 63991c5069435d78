"""The queue before the worker processes: bounded, and never on the event loop."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from zhanr.app import analysis
from zhanr.app.analysis import Analysis
from zhanr.app.settings import Settings
from zhanr.bundle import Bundle
from zhanr.classifier import Classifier, Prediction
from zhanr.errors import AudioError, ZhanrError
from zhanr.scan.worker import Limits, Lost, Pool, Task

R = TypeVar("R")


class Busy(ZhanrError):
    """The queue is full; `retry_after` is in how many seconds it may be worth another try."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many songs are waiting; please try again in {retry_after} seconds")
        self.retry_after = retry_after


class Unavailable(ZhanrError):
    """The engine is not to blame the file for it: it is stopping, or a process was killed from outside."""


class Job(Generic[R]):
    """One song on its way through the engine."""

    def __init__(self, engine: Engine, path: Path, how: Callable[..., R], name: str) -> None:
        self.name = name
        self.progress = 0.0  # 0..1, as far as the file says how long it is
        self.future: Future[R] = Future()
        self.abandoned = False
        self._engine = engine
        self.task = Task(path, size=path.stat().st_size, how=how)

    @property
    def position(self) -> int:
        """How many songs are ahead of it in the queue, and 0 as well from when it is being worked on."""
        return self._engine.position(self)

    @property
    def waiting(self) -> bool:
        """Whether nobody has begun with it."""
        return not self.future.running() and not self.future.done()

    async def result(self) -> R:
        """The result; whoever is cancelled while waiting takes the job with him.

        Raises `AudioError` for a file that holds no music that can be read here, `Unavailable` otherwise.
        """
        return await asyncio.wrap_future(self.future)

    def cancel(self) -> None:
        """Forget it, at once if it waits, after the next half a minute of music if it is being worked on."""
        if not self.future.cancel():
            self.abandoned = True


class Engine:
    """`settings.jobs` worker processes, each with its own copy of the model, and the queue before them.

    A thread looks after each process. Use `start` and `stop`, from any thread.
    """

    def __init__(self, settings: Settings, bundle: Bundle) -> None:
        self.settings = settings
        self._start = self._starter(bundle)
        self._limits = Limits(seconds=settings.parse_seconds, memory=settings.memory)
        self._queue: deque[Job[Any]] = deque()
        self._changed = threading.Condition()
        self._reserved = 0
        self._running = 0
        self._seconds = 1.0  # that a song takes, lately
        self._stopped = False
        self._pools: list[Pool[Any]] = []
        self._threads: list[threading.Thread] = []

    def _starter(self, bundle: Bundle) -> Callable[[], Any]:
        path, precision = bundle.path.absolute(), self.settings.precision
        return partial(Classifier.load, path, threads=1, sha256=bundle.sha256, precision=precision)

    def use(self, bundle: Bundle) -> None:
        """Take another model for the songs that come next."""
        self._start = self._starter(bundle)
        for pool in self._pools:
            pool.restart(self._start)

    def start(self) -> None:
        """Start the threads; the processes start with the first songs."""
        for number in range(self.settings.jobs):
            pool: Pool[Any] = Pool(self._start, jobs=1, limits=self._limits)
            thread = threading.Thread(target=self._work, args=(pool,), name=f"zhanr-engine-{number}", daemon=True)
            self._pools.append(pool)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End all processes at once; whoever still waits is told. It may be called twice."""
        with self._changed:
            self._stopped = True
            waiting, self._queue = list(self._queue), deque()
            self._changed.notify_all()
        for job in waiting:
            _settle(job.future, Unavailable("the server is stopping"))
        for pool in self._pools:
            pool.stop()
        for thread in self._threads:
            thread.join(timeout=5)

    # -- the queue

    @property
    def waiting(self) -> int:
        """How many songs wait or are on their way in."""
        return len(self._queue) + self._reserved

    @property
    def alive(self) -> bool:
        """Whether songs are taken."""
        return not self._stopped and any(thread.is_alive() for thread in self._threads)

    @property
    def running(self) -> int:
        """How many songs are being worked on."""
        return self._running

    def position(self, job: Job[Any]) -> int:
        """How many jobs are ahead of one in the queue."""
        with self._changed:
            return self._queue.index(job) if job in self._queue else 0

    def reserve(self) -> Reservation:
        """A place in the queue, for a song that is yet to be uploaded. Raises `Busy`, `Unavailable`."""
        with self._changed:
            if self._stopped:
                raise Unavailable("the server is stopping")
            if self.waiting >= self.settings.queue:
                raise Busy(max(1, min(60, math.ceil(self.waiting * self._seconds / self.settings.jobs))))
            self._reserved += 1
        return Reservation(self)

    def submit(self, path: Path, how: Callable[..., R], *, name: str, place: Reservation | None = None) -> Job[R]:
        """Put `how(classifier, path, ask)` into the queue; it must be a module's function, or a `partial` of one.

        Raises `Busy`, `Unavailable`.
        """
        job = Job(self, path, how, name)
        with place or self.reserve(), self._changed:
            if self._stopped:
                raise Unavailable("the server is stopping")
            self._queue.append(job)
            self._changed.notify()
        return job

    # -- what is asked most

    def submit_analysis(self, path: Path, *, name: str, place: Reservation | None = None) -> Job[Analysis]:
        """A song for a page, whose place in the queue and progress the page can show."""
        how = partial(analysis.analyse, bounds=self.settings.bounds, name=name)
        return self.submit(path, how, name=name, place=place)

    async def analyse(self, path: Path, *, name: str, place: Reservation | None = None) -> Analysis:
        """All that a page shows of a song. Raises `Busy`, `AudioError`, `Unavailable`."""
        return await self._await(self.submit_analysis(path, name=name, place=place))

    async def classify(self, path: Path, *, name: str, place: Reservation | None = None) -> Prediction:
        """The answer alone. Raises `Busy`, `AudioError`, `Unavailable`."""
        how = partial(analysis.classify, bounds=self.settings.bounds, name=name)
        return await self._await(self.submit(path, how, name=name, place=place))

    async def _await(self, job: Job[R]) -> R:
        try:
            return await job.result()
        except asyncio.CancelledError:
            job.cancel()
            raise

    # -- a thread and its process

    def _work(self, pool: Pool[Any]) -> None:
        with pool:
            while (job := self._next()) is not None:
                begin = time.monotonic()
                try:
                    result = self._run(pool, job)
                except ZhanrError as error:
                    result = Unavailable(str(error))
                except Exception as error:  # the thread must live on, whatever happened to one song
                    result = Unavailable(f"the work failed unexpectedly ({type(error).__name__})")
                _settle(job.future, result)
                with self._changed:
                    self._running -= 1
                    self._seconds += 0.2 * (time.monotonic() - begin - self._seconds)

    def _next(self) -> Job[Any] | None:
        """The next job that somebody waits for; None when all is over."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._stopped or self._queue)
                if self._stopped:
                    return None
                job = self._queue.popleft()
                if job.future.set_running_or_notify_cancel():
                    self._running += 1
                    return job

    def _run(self, pool: Pool[Any], job: Job[Any]) -> Any:
        def reply(_: Task, question: str) -> bool:
            job.progress = float(question)
            return not job.abandoned

        for _, result in pool.run(iter([job.task]), reply):
            if not isinstance(result, Lost):
                return result
            if result.again:
                return Unavailable(f"{result.reason}; please try again")
            return AudioError(job.name, result.reason)
        return Unavailable("the server is stopping")


class Reservation:
    """A place in the queue; a context manager that gives it back, once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held = True

    def __enter__(self) -> Reservation:
        """Return the place itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        with self._engine._changed:
            self._engine._reserved -= self._held
            self._held = False


def _settle(future: Future[Any], result: Any) -> None:
    with suppress(InvalidStateError):  # cancelled meanwhile
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
