"""Work on many files in several processes, where a file that kills its process is one lost file and no more."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(function: Callable[[T], R], items: Sequence[T], *, jobs: int, lost: Callable[[T], R]) -> Iterator[R]:
    """Yield the result for each item, in their order.

    Parameters
    ----------
    function
        A function of a module (worker processes import it); what it raises is raised here.
    items
        What to work on; only a few are with the workers at a time.
    jobs
        Processes; 1 works in this one. They are started afresh ("spawn"), so a script that asks for several needs
        the usual ``if __name__ == "__main__":``.
    lost
        Gives the result for an item on which the worker process died, even alone in one of its own.
    """
    jobs = min(jobs, len(items))
    if jobs <= 1:
        yield from map(function, items)
        return
    queue = deque(items)
    while queue:
        yield from _until_broken(function, queue, jobs, lost)


def _until_broken(function: Callable[[T], R], queue: deque[T], jobs: int, lost: Callable[[T], R]) -> Iterator[R]:
    """Empty the queue; if a worker dies, the items in flight are settled one by one, and the rest stays queued."""
    in_flight: deque[tuple[T, Future[R]]] = deque()
    pool = _pool(jobs)
    try:
        while queue or in_flight:
            while queue and len(in_flight) < 2 * jobs:
                in_flight.append((queue[0], pool.submit(function, queue[0])))
                queue.popleft()
            result = in_flight[0][1].result()
            in_flight.popleft()
            yield result
    except BrokenProcessPool:
        for item, future in in_flight:
            yield _settle(function, item, future, lost)
    finally:
        pool.shutdown(cancel_futures=True)


def _settle(function: Callable[[T], R], item: T, future: Future[R], lost: Callable[[T], R]) -> R:
    """The result if it was there before the crash, else that of a second try in a process of its own."""
    try:
        return future.result()
    except BrokenProcessPool:
        pass
    with _pool(1) as pool:
        try:
            return pool.submit(function, item).result()
        except BrokenProcessPool:
            return lost(item)


def _pool(jobs: int) -> ProcessPoolExecutor:
    # spawn, since forking a process that has threads (FFmpeg's, a progress display's) can lock up
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_interrupts_to_the_parent)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
