"""The application under load: python research/benchmarks/load.py [--clients 32] [--seconds 120] (for docs/api.md).

Starts `zhanr app`, lets many clients post 30-second songs over loopback without a pause, and says what came back, how
much memory the server and its listening processes took over time, and whether every answer is the command line's.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

DEMO = Path(__file__).parents[2] / "demo"


def main() -> None:
    """Print the numbers; exit code 1 if there was an error other than 429, or a wrong answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DEMO, help="songs to post (default: the demo's)")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--queue", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    options = parser.parse_args()
    expected = answers_of_the_command_line(options.folder)
    command = [sys.executable, "-m", "zhanr", "app", "--no-browser", "--port", "0"]
    limits = ["--queue", str(options.queue), "--jobs", str(options.jobs)]
    with subprocess.Popen([*command, *limits], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r":(\d+)/", server.stdout.readline())
            assert found, "the server doesn't start"
            load = Load(int(found[1]), expected, options.folder)
            load.run(options.clients, options.seconds, server.pid)
        finally:
            server.terminate()
    load.report()
    sys.exit(load.failed)


def answers_of_the_command_line(folder: Path) -> dict[str, object]:
    """What `zhanr classify --json` says of every song, by its name."""
    done = subprocess.run(
        [sys.executable, "-m", "zhanr", "classify", "--json", str(folder)], capture_output=True, text=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(a["path"]).name: a | {"path": Path(a["path"]).name} for a in answers}


class Load:
    """What the clients do and see."""

    def __init__(self, port: int, expected: dict[str, object], folder: Path) -> None:
        self.port, self.expected = port, expected
        self.songs = {name: (folder / name).read_bytes() for name in expected}
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.wrong = 0
        self.memory: list[tuple[int, int]] = []
        self.processor = (0.0, 0.0)
        self.wall = 0.0
        self._lock = threading.Lock()
        self._end = 0.0

    @property
    def failed(self) -> bool:
        """Whether anything went wrong."""
        return self.wrong > 0 or not set(self.statuses) <= {"200", "429"}

    def run(self, clients: int, seconds: float, pid: int) -> None:
        """Let them post until the time is over; the songs that are on their way then are waited for."""
        self._post(next(iter(self.songs)))  # the first one waits for the process to start
        begin, before = time.monotonic(), processor_of(pid)
        self._end = begin + seconds
        threads = [threading.Thread(target=self._client, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self.memory.append(memory_of(pid))
            time.sleep(min(5.0, max(0.5, seconds / 24)))
        self.wall = time.monotonic() - begin
        after = processor_of(pid)
        self.processor = (after[0] - before[0], after[1] - before[1])

    def _client(self, number: int) -> None:
        names = list(self.songs)
        while time.monotonic() < self._end:
            wait = self._post(names[number % len(names)])
            number += 1
            time.sleep(wait)

    def _post(self, name: str) -> float:
        """Post a song; the answer is for how long not to come again."""
        begin, wait = time.monotonic(), 0.0
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
            connection.request("POST", f"/api/v1/classify?name={quote(name)}", self.songs[name])
            response = connection.getresponse()
            status, body = str(response.status), response.read()
            wait = float(response.headers.get("Retry-After", 0))
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            status, body = type(error).__name__, b""
        with self._lock:
            self.statuses[status] += 1
            if status == "200":
                self.seconds.append(time.monotonic() - begin)
                self.wrong += json.loads(body) != self.expected[name]
        return wait

    def report(self) -> None:
        """Print it as Markdown."""
        ordered = sorted(self.seconds)
        print("| | |\n|---|---|")
        print(f"| answers, by status | {', '.join(f'{s}: {n:,} times' for s, n in sorted(self.statuses.items()))} |")
        print(f"| different from `zhanr classify --json` | {self.wrong} |")
        print(f"| songs a second | {len(ordered) / self.wall:.1f} |")
        print(f"| seconds to an answer | median {ordered[len(ordered) // 2]:.1f}, longest {ordered[-1]:.1f} |")
        server, listening = (1000 * spent / len(ordered) for spent in self.processor)
        print(f"| processor time a song | {listening:.0f} ms to listen, {server:.0f} ms in the server |")
        for what, column in (("the server", 0), ("its listening processes", 1)):
            values = [row[column] / 1e6 for row in self.memory]
            third = max(1, len(values) // 3)
            print(
                f"| memory of {what} | {values[0]:.0f} MB at the beginning, "
                f"{max(values[third : 2 * third] or values):.0f} MB at most in the middle third, "
                f"{max(values[-third:]):.0f} MB at most in the last third |"
            )


def memory_of(pid: int) -> tuple[int, int]:
    """Bytes that a process and all of its children hold in memory (Linux)."""
    return _resident(pid), sum(map(_resident, _children(pid)))


def processor_of(pid: int) -> tuple[float, float]:
    """Seconds of processor time that a process and all of its children have had."""
    return _spent(pid), sum(map(_spent, _children(pid)))


def _children(pid: int) -> set[int]:
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(word) for file in files for word in file.read_text().split()}


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # it has just ended
        return 0


if __name__ == "__main__":
    main()
