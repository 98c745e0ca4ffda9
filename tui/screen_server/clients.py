"""What a client is, told from /proc: a forked process can take on much of it, and must be given none that the server has more rights than."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gradtop.trainer.launch.server_address import BATCH_JOBS, LIMITS, NAMESPACES, PRIVILEGES, READ_AT_START

# Read as the interpreter starts or as Textual and Rich are imported: a forked process is too late for another value.
READ_BEFORE = (*READ_AT_START, "TEXTUAL", "ESCDELAY", "RICH_", "UNICODE_VERSION")
OWNER = ("Uid", "Gid", "Groups")


@dataclass(frozen=True)
class Identity:
    """What of a process no fork can change: a client's must be the server's."""

    executable: str
    namespaces: tuple[str, ...]
    root: str
    rights: tuple[str, ...]
    limits: tuple[int, ...]
    nice: int
    cores: frozenset[int]

    @classmethod
    def of(cls, pid: int) -> Self:
        """Raises OSError."""
        home = Path(f"/proc/{pid}")
        status = fields(pid)
        return cls(
            str((home / "exe").readlink()),
            tuple(str((home / "ns" / name).readlink()) for name in NAMESPACES),
            str((home / "root").readlink()),
            tuple(status.get(name, "") for name in (*OWNER, *PRIVILEGES)),
            tuple(resource.prlimit(pid, number)[1] for number in LIMITS),
            os.getpriority(os.PRIO_PROCESS, pid),
            frozenset(os.sched_getaffinity(pid)),
        )

    @classmethod
    def of_this_process(cls) -> Self:
        return cls.of(os.getpid())


@dataclass(frozen=True)
class Surroundings:
    """What a forked process takes on of its client."""

    umask: int
    limits: Mapping[int, int]
    ignored: frozenset[int]  # signals
    coerced: bool  # whether Python itself has set LC_CTYPE (PEP 538)

    @classmethod
    def of(cls, pid: int, environment: Mapping[str, str]) -> Self:
        """Raises OSError or ValueError."""
        status = fields(pid)
        started = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return cls(
            int(status["Umask"], 8),
            {number: resource.prlimit(pid, number)[0] for number in LIMITS},
            frozenset(number for number in signal.valid_signals() if int(status["SigIgn"], 16) & 1 << number - 1),
            "LC_CTYPE" in environment and not any(entry.startswith(b"LC_CTYPE=") for entry in started),
        )


def fields(pid: int) -> dict[str, str]:
    """Raises OSError."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: value.strip() for name, _colon, value in (line.partition(":") for line in lines)}


def read_before(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a forked process is too late for."""
    return {name: value for name, value in environment.items() if name.startswith(READ_BEFORE) or name in BATCH_JOBS}
