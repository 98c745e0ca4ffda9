"""The origin of a run: code, installed packages, user."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from gradtop.trainer import __version__
from gradtop.trainer.record.bounds import Unreadable
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.meta import change_meta
from gradtop.trainer.record.writing import write_atomically

PACKAGES = ("torch", "torchvision", "numpy")
# A repository that takes longer than this to compare with its commit is left unnamed.
GIT_TIME = 3.0
# Neither a lock that a git of the user's would trip over, nor a program that the repository names.
GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch", "--untracked-files=no")
DIFF = (*GIT[:4], "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color")
DIFF_TIME = 5.0
LARGEST_DIFF = 1 << 20
VERSION = re.compile(r"^Version:(.*)$", re.MULTILINE)
COMMIT = re.compile(rb"# branch\.oid ([0-9a-f]{40,64})$", re.MULTILINE)


class CodeState:
    """The git commit of a directory, of the current one by default, read in a subprocess."""

    def __init__(self, place: str = "") -> None:
        self._git: subprocess.Popen[bytes] | None = None
        # No git, or no directory: the run is made all the same.
        with contextlib.suppress(OSError):
            self._git = _start_git(GIT, place)

    def read(self) -> tuple[str, bool]:
        """The commit and whether tracked files differ; "" and False if git fails or is slow.

        Both or neither: a commit without its dirty flag would claim that the code is the committed one.
        """
        if self._git is None:
            return "", False
        with self._git as git:
            try:
                output, _ = git.communicate(timeout=GIT_TIME)
            except subprocess.TimeoutExpired:
                git.kill()
                return "", False
        found = COMMIT.search(output)
        if git.returncode or found is None:
            return "", False
        return found[1].decode(), any(line and not line.startswith(b"#") for line in output.splitlines())


def versions() -> dict[str, str]:
    """Versions of installed packages, without importing them; missing ones are left out."""
    import importlib.metadata  # takes longer than all else of the client of the torch server, which each screen has

    found = {"python": ".".join(map(str, sys.version_info[:3])), "gradtop": __version__}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            # The one line: all of torch's metadata take 3 ms to parse, and somebody waits for the run.
            line = VERSION.search(importlib.metadata.distribution(package).read_text("METADATA") or "")
            found[package] = line[1].strip() if line else importlib.metadata.version(package)
    return found


def packages() -> dict[str, str]:
    """All installed packages on the module path, by the names of their metadata folders."""
    found: dict[str, str] = {}
    for place in sys.path:
        with contextlib.suppress(OSError), os.scandir(place or ".") as entries:
            for entry in entries:
                if entry.name.endswith(".dist-info"):
                    name, _, version = entry.name.removesuffix(".dist-info").rpartition("-")
                    # What is found first is what is imported.
                    found.setdefault(name.replace("_", "-").lower(), version)
    return dict(sorted(found.items()))


def keep_surroundings(run: Run, installed: Mapping[str, str]) -> None:
    """Write into the run what is installed, the commit, and what the code differs in from it, while the worker starts."""
    threading.Thread(target=_write_surroundings, args=(run, installed, current_directory()), name="surroundings").start()


def _write_surroundings(run: Run, installed: Mapping[str, str], place: str) -> None:
    commit, dirty = CodeState(place).read()
    # No git, no room, or a run that is deleted or damaged: nothing else depends on it.
    with contextlib.suppress(OSError, Unreadable):
        if commit:
            change_meta(run, git_commit=commit, git_dirty=dirty)
        write_atomically(run.path, run.packages, "".join(f"{name}=={version}\n" for name, version in installed.items()))
        if dirty:
            write_atomically(run.path, run.diff, _read_diff(place))


def _read_diff(place: str) -> str:
    """Raises OSError."""
    with _start_git(DIFF, place) as git:
        timer = threading.Timer(DIFF_TIME, git.kill)
        timer.start()
        output = git.stdout.read(LARGEST_DIFF + 1) if git.stdout else b""
        timer.cancel()
        git.kill()
    cut = "\n… cut off here\n" if len(output) > LARGEST_DIFF else ""
    return output[:LARGEST_DIFF].decode("utf-8", "replace") + cut


def _start_git(command: Sequence[str], place: str) -> subprocess.Popen[bytes]:
    """Raises OSError."""
    git = subprocess.Popen(command, cwd=place or None, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0)
    # The worker starts at this moment, and a person waits for it. In a session of its own it would have a share of its own.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, git.pid, 19)
    return git


def user_name() -> str:
    """The user's name; in a container that knows none, the number."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return os.environ.get("USER") or str(os.geteuid())


def current_directory() -> str:
    """The current directory; "" if it was deleted."""
    try:
        return os.fspath(Path.cwd())
    except OSError:
        return ""
