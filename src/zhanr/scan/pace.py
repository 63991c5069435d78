"""How quickly a long piece of work goes, and how long it will take at that."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 60.0


class Pace:
    """The pace over the last minute: `rate` in songs a second and `left` in seconds, None where nobody knows."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._total: int | None = None
        self._seen: deque[tuple[float, int]] = deque()
        self.rate: float | None = None
        self.left: float | None = None

    def take(self, done: int, total: int | None) -> None:
        """Take note that so many of so many are done."""
        now = self._clock()
        if total != self._total or not self._seen:
            self._total = total
            self._seen.clear()
            self._seen.append((now, 0 if total else done))
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] > WINDOW_SECONDS:
            self._seen.popleft()
        begin, before = self._seen[0]
        self.rate = (done - before) / (now - begin) if total is not None and now > begin else None
        self.left = (total - done) / self.rate if total is not None and self.rate else None

    def tell(self, done: int, total: int | None) -> str:
        """Take note of it, and say it."""
        self.take(done, total)
        if total is None:
            return f"{done:,} songs"
        left = "" if self.left is None else f", {_span(self.left)} left"
        return f"{done:,} of {total:,} songs, {self.rate or 0.0:.1f} a second{left}"


def _span(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
