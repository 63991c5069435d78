"""Carries out or takes back a plan in a child process and kills that at a chosen moment; for `test_tag_kill`.

One process that has everything imported and makes its children by `fork`, so that a kill falls into the work itself,
not into starting up. A moment is a time, or the n-th thing that the child asks of the system (opening, renaming,
changing, removing a file: Python's audit events). Reads jobs from standard input, one JSON object a line, and answers
each with one line: whether the child was killed, and how long or how many events it took.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from zhanr.tags.apply import apply, folders
from zhanr.tags.journal import Journal
from zhanr.tags.plan import read_plan
from zhanr.tags.undo import undo

EVENTS = frozenset({"open", "os.rename", "os.remove", "os.chmod", "os.chown", "os.utime", "os.setxattr", "os.truncate"})


def work(job: dict[str, Any]) -> None:
    """Apply or undo."""
    if job["what"] == "apply":
        rows = read_plan(Path(job["plan"]))
        with Journal.create(Path(job["journal"]), Path(job["plan"]), folders(rows)) as journal:
            outcomes = list(apply(rows, journal))
    else:
        outcomes = list(undo(Journal.read(Path(job["journal"]))))
    bad = [outcome.to_dict() for outcome in outcomes if outcome.bad]
    assert not bad, bad


def child(job: dict[str, Any], ready: int) -> None:
    """Work, and die by one's own hand at the chosen event."""
    count = [0]

    def hook(event: str, _: Any) -> None:
        if event in EVENTS:
            count[0] += 1
            if count[0] == job.get("event"):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    os.write(ready, b"!")
    work(job)
    os.write(ready, str(count[0]).encode())


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job in a child; the moment of its death counts from when it begins to work."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child(job, writer)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(writer)
    os.read(reader, 1)
    begin = time.perf_counter()
    if "seconds" in job:
        time.sleep(job["seconds"])
        os.kill(pid, signal.SIGKILL)
    events = os.read(reader, 20)  # nothing, where the child died
    _, status = os.waitpid(pid, 0)
    os.close(reader)
    killed = os.WIFSIGNALED(status)
    if not killed and os.WEXITSTATUS(status):
        return {}
    return {"killed": killed, "seconds": time.perf_counter() - begin, "events": int(events or 0)}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
