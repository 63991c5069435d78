"""What the application may do, decided once when it starts."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from zhanr.audio import Bounds


@dataclass(frozen=True)
class Settings:
    """All settings of the application; the defaults are those of a laptop that serves its owner.

    `library` and `model` are None for the default ones. `server_paths` are the folders whose files programs may name
    by path; none by default. `allowed_hosts` are names, beyond the obvious ones, under which the server is reached.
    `queue` counts the songs that wait or are on their way in; `kept_bytes` limits what the pages' uploads may take.
    """

    host: str = "127.0.0.1"
    port: int = 8080  # 0 takes any free one
    token: str | None = None  # what clients must show; needed on other interfaces
    model: str | None = None
    precision: float | None = None  # the share of answers that shall be right; None: as the model was made
    library: Path | None = None
    jobs: int = 1  # processes that classify
    queue: int = 64  # songs that wait or are on their way in; then "busy"
    server_paths: tuple[Path, ...] = ()
    allowed_hosts: frozenset[str] = frozenset()
    max_bytes: int = 200_000_000  # of one upload
    max_seconds: float = 7200.0
    max_channels: int = 16  # 9.1.6 surround
    max_sample_rate: int = 768_000  # Hz: 16 times 48 kHz
    parse_seconds: float = 60.0  # for one file of no size in a worker; see `scan.worker.Limits`
    memory: int = 1 << 30  # bytes that one file may take in a worker
    head_seconds: float = 20.0  # for the headers of a request, which a browser sends at once
    stall_seconds: float = 30.0  # without a byte of an upload, which is then dropped
    kept_bytes: int = 4_000_000_000  # of all uploads of the pages together; the oldest go first
    keep_seconds: float = 12 * 3600.0  # since an upload was last asked for

    @property
    def bounds(self) -> Bounds:
        """What a file may hold."""
        return Bounds(self.max_seconds, self.max_channels, self.max_sample_rate)

    @property
    def is_local(self) -> bool:
        """Whether only this computer can reach the server."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this computer's own and nobody else's."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
