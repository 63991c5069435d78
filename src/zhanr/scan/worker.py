"""Work on files in child processes, where a bad file can hang or crash nothing: time and memory are limited.

One file is with one worker at a time, so that it is certain which file did it. It costs one `Lost` in the place of its
result; a worker that dies is replaced. Everything that works on many files stands on this: scans, data sets, the
application. `each` is for a plain function; a `Pool` stays, asks back, and can do several kinds of work.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from zhanr.errors import FileError, ZhanrError

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")
Ask = Callable[[str], bool]


class Work(Protocol[R_co]):
    """What a worker does with a path. `ask` puts a question to the parent process; `FileError` is an answer, too."""

    def __call__(self, path: Path, ask: Ask) -> R_co:
        """Do it."""


@dataclass(frozen=True)
class Limits:
    """What one file may take of a worker; a large file may take longer, for a slow disk or network."""

    seconds: float = 60.0  # for a file of no size; an hour of mp3 takes 8 s on one core of a cloud machine
    bytes_per_second: float = 1e6  # of the file's size, each million bytes is given one second more
    memory: int = 2 << 30  # bytes above what the process has when it is ready; known on Linux only
    start_seconds: float = 300.0  # to load the model: a laptop that wakes up, a cold network share


@dataclass(frozen=True)
class Task:
    """A file to work on; its time limit follows from its `size` in bytes. The rest is for the caller alone.

    One pool can do several kinds of work: where `how` is given, a function of a module or a `partial` of one, the
    worker calls `how(work, path, ask)` with what it was started with, instead of `work(path, ask)`.
    """

    path: Path
    size: int = 0
    mtime_ns: int = 0
    reason: str = ""
    number: int = 0
    how: Callable[[Any, Path, Ask], Any] | None = None


@dataclass(frozen=True)
class Lost:
    """Instead of a result: why there is none. `again` says that a later try may go better."""

    reason: str
    again: bool = False


class Pool(Generic[R]):
    """`jobs` worker processes. `start` is called in each once, and returns what it does with every path.

    Processes are started afresh ("spawn"), so `start` must be importable (a function of a module, or a `partial` of
    one), and a script that uses a pool needs the usual ``if __name__ == "__main__":``.
    """

    def __init__(self, start: Callable[[], Work[R]], *, jobs: int, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._start = start
        self._jobs = jobs
        self._workers: list[_Worker] = []
        self._deaths = 0
        self._stopped = False

    def __enter__(self) -> Self:
        """Return the pool itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all workers at once, whatever they do."""
        for worker in self._workers:
            worker.kill()
        self._workers.clear()

    def stop(self) -> None:
        """Let `run`, in whatever thread, come to its end within a second, without the results that are missing."""
        self._stopped = True
        for worker in list(self._workers):
            worker.process.kill()

    def restart(self, start: Callable[[], Work[R]]) -> None:
        """Let the next `run` have new workers, which begin with this."""
        self._start = start

    def run(self, tasks: Iterator[Task], reply: Callable[[Task, str], bool]) -> Iterator[tuple[Task, R | Lost]]:
        """Yield each task and its result as they come, in any order.

        `reply` is given each question that a worker asks on the way. Raises `ZhanrError` if no worker can be started,
        and where the work raises one that is not about its file (a `ConfigError`, say). The workers stay for the next
        run; one that has died in between is replaced.
        """
        self._drop_old_workers()
        following = next(tasks, None)
        while not self._stopped and (following is not None or any(w.task for w in self._workers)):
            missing = self._jobs - len(self._workers)
            if following is not None and missing:
                self._workers += [_Worker(self._start, self.limits) for _ in range(missing)]
            for worker in self._workers:
                if following is not None and worker.free:
                    worker.give(following)
                    following = next(tasks, None)
            for worker in self._await():
                yield from self._receive(worker, reply)

    def _drop_old_workers(self) -> None:
        """End those that have died, or began with something else."""
        for worker in [w for w in self._workers if w.start is not self._start or not w.process.is_alive()]:
            worker.kill()
            self._workers.remove(worker)

    def _await(self) -> list[_Worker]:
        """The workers that have sent something, have died or are late, as soon as there is one."""
        now = time.monotonic()
        timeout = max(0.0, min(w.deadline for w in self._workers) - now)
        ready = set(wait([w.connection for w in self._workers], timeout=min(timeout, 1.0)))
        now = time.monotonic()
        return [w for w in self._workers if w.connection in ready or now >= w.deadline]

    def _receive(self, worker: _Worker, reply: Callable[[Task, str], bool]) -> Iterator[tuple[Task, R | Lost]]:
        task = worker.task
        try:
            if not worker.connection.poll():
                yield from self._replace(worker, Lost(f"decoding it took longer than {worker.seconds:.0f} seconds"))
                return
            kind, value = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._replace(worker, worker.exit_reason())
            return
        if kind == "ask" and task is not None:
            worker.connection.send(reply(task, value))
            return
        if kind == "ready":
            self._deaths = 0
        if task is not None or kind == "ready":
            worker.rest()
        if kind == "failed":
            raise value
        if task is not None:
            yield task, value

    def _replace(self, worker: _Worker, lost: Lost) -> Iterator[tuple[Task, R | Lost]]:
        """End a worker; the next round starts another one."""
        worker.kill()
        self._workers.remove(worker)
        if worker.task is not None:
            yield worker.task, lost
            return
        self._deaths += 1
        if self._deaths > 2 * self._jobs:
            raise ZhanrError(
                f"the processes that decode music can't be started ({lost.reason}); "
                'a script that starts them needs `if __name__ == "__main__":`'
            )


class _Worker:
    """The parent's view of one worker process."""

    def __init__(self, start: Callable[[], Work[Any]], limits: Limits) -> None:
        context = multiprocessing.get_context("spawn")
        self._limits = limits
        self.start = start
        self.task: Task | None = None
        self.started = False
        self.seconds = limits.start_seconds
        self.deadline = time.monotonic() + self.seconds
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=serve, args=(theirs, start, limits.memory), daemon=True)
        with _one_thread_each():
            self.process.start()
        theirs.close()

    @property
    def free(self) -> bool:
        return self.started and self.task is None

    def rest(self) -> None:
        self.started, self.task, self.deadline = True, None, float("inf")

    def give(self, task: Task) -> None:
        self.task = task
        self.seconds = self._limits.seconds + task.size / self._limits.bytes_per_second
        self.deadline = time.monotonic() + self.seconds
        with suppress(OSError):  # it has died meanwhile, which the next look at its connection shows
            self.connection.send((task.path, task.how))

    def kill(self) -> None:
        """End it without waiting for long: a process that hangs in a dead network share can't be ended at once."""
        self.process.kill()
        self.connection.close()
        self.process.join(timeout=1)

    def exit_reason(self) -> Lost:
        """Why the process has ended."""
        self.process.join(timeout=5)
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            return Lost(f"decoding it crashed ({name})", again=name in ("SIGKILL", "SIGTERM"))
        return Lost(f"decoding it crashed (exit code {code})")


def each(
    function: Callable[[Path], R], paths: Sequence[Path], *, jobs: int = 1, limits: Limits | None = None
) -> Iterator[R | Lost]:
    """Yield what a function gives for each file, in their order, or `Lost` where it gives nothing.

    Parameters
    ----------
    function
        A function of a module, or a `partial` of one (child processes import it). `FileError` and whatever else nobody
        foresaw cost that file alone; other errors of zhanr are raised here.
    paths
        The files; one that occurs twice is worked on twice.
    jobs
        Processes, also where it is 1: a file that hangs its decoder can only be left by ending its process.
    limits
        What one file may take.

    """
    tasks = (Task(path, _size(path), number=number) for number, path in enumerate(paths))
    early: dict[int, R | Lost] = {}
    following = 0
    with Pool(partial(_without_questions, function), jobs=max(1, min(jobs, len(paths))), limits=limits) as pool:
        for task, result in pool.run(tasks, lambda *_: False):
            early[task.number] = result
            while following in early:
                yield early.pop(following)
                following += 1


def _without_questions(function: Callable[[Path], R]) -> Work[R]:
    return lambda path, ask: function(path)  # noqa: ARG005 - it has nothing to ask


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started meanwhile do their matrix products in one thread; the environment is then as it was."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def serve(connection: Connection, start: Callable[[], Work[Any]], memory: int) -> None:
    """The worker process: say "ready", then answer paths until the parent leaves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    with suppress(EOFError, OSError):  # the parent has left
        try:
            work = start()
        except ZhanrError as error:
            connection.send(("failed", error))
            return
        limit_memory(memory)
        connection.send(("ready", None))
        while True:
            path, how = connection.recv()
            connection.send(_attempt(partial(how, work) if how else work, path, connection, memory))


def _attempt(work: Work[Any], path: Path, connection: Connection, memory: int) -> tuple[str, Any]:
    """The kind of message to the parent, and its value."""

    def ask(question: str) -> bool:
        try:
            connection.send(("ask", question))
            return bool(connection.recv())
        except (EOFError, OSError):  # the parent has left
            os._exit(1)

    try:
        return "done", work(path, ask)
    except FileError as error:
        return "done", Lost(error.reason)
    except ZhanrError as error:  # not about this file: every other one would fail alike
        return "failed", error
    except MemoryError:
        return "done", Lost(f"decoding it takes more than {memory / 2**30:.1f} GB of memory")
    except Exception as error:  # one bad file never stops a batch: even what nobody foresaw is a row
        return "done", Lost(f"decoding it failed unexpectedly ({type(error).__name__}: {error})")


def limit_memory(extra: int) -> None:
    """Let this process take `extra` bytes more than it has, where the system knows such a limit (Linux)."""
    if sys.platform == "linux":
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + extra,) * 2)


def _end_with_the_parent() -> None:
    """Leave when the parent dies, even in the middle of a file that never ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
