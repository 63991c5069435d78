"""Run a command in a network of its own, where a resolver on loopback answers every name with "there is none".

    unshare -rnm python recording_resolver.py NAMES COMMAND...

The names that were asked for are written to the file NAMES, one a line.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

SIOCSIFFLAGS, UP_AND_RUNNING = 0x8914, 0x41  # netdevice(7)
NO_SUCH_NAME = b"\x81\x83"  # RFC 1035, 4.1.1


def main() -> int:
    names, *command = sys.argv[1:]
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    fcntl.ioctl(resolver, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", UP_AND_RUNNING))
    resolver.bind(("127.0.0.1", 53))
    threading.Thread(target=answer, args=(resolver, Path(names)), daemon=True).start()
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        config.write("nameserver 127.0.0.1\n")
        config.flush()
        subprocess.run(["mount", "--bind", config.name, "/etc/resolv.conf"], check=True)
        return subprocess.run(command).returncode


def answer(resolver: socket.socket, names: Path) -> None:
    while True:
        query, client = resolver.recvfrom(4096)
        labels, at = [], 12  # behind the header
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode("ascii", "replace"))
            at += 1 + length
        with names.open("a", encoding="utf-8") as file:
            file.write(".".join(labels) + "\n")
        resolver.sendto(query[:2] + NO_SUCH_NAME + query[4:6] + bytes(6) + query[12 : at + 5], client)


if __name__ == "__main__":
    sys.exit(main())
