"""What a run records of where it came from: code, versions, user."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

from gradtop.trainer import __version__

PACKAGES = ("torch", "torchvision", "numpy")
# A person waits; a repository that takes longer than this to compare with its commit is left unnamed.
GIT_TIME = 0.5
# Neither a lock that a git of the user's would trip over, nor a program that the repository names.
GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch", "--untracked-files=no")
VERSION = re.compile(r"^Version:(.*)$", re.MULTILINE)
COMMIT = re.compile(rb"# branch\.oid ([0-9a-f]{40,64})$", re.MULTILINE)


class CodeState:
    """The commit of the current directory, asked of git in a process of its own."""

    def __init__(self) -> None:
        self._git: subprocess.Popen[bytes] | None = None
        # No git, or no directory: the run is made all the same.
        with contextlib.suppress(OSError):
            self._git = subprocess.Popen(
                GIT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
            )

    def read(self) -> tuple[str, bool]:
        """The commit, and whether tracked files differ from it; "" and False where git does not say it soon.

        Both or neither: a commit without its dirty flag would claim that the code is the committed one.
        """
        if self._git is None:
            return "", False
        with self._git as git:
            try:
                said, _ = git.communicate(timeout=GIT_TIME)
            except subprocess.TimeoutExpired:
                git.kill()
                return "", False
        found = COMMIT.search(said)
        if git.returncode or found is None:
            return "", False
        return found[1].decode(), any(line and not line.startswith(b"#") for line in said.splitlines())


def versions() -> dict[str, str]:
    """What is installed, found without importing it; what is not is left out."""
    found = {"python": ".".join(map(str, sys.version_info[:3])), "gradtop": __version__}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            # The one line: all of torch's metadata take 3 ms to parse, and somebody waits for the run.
            line = VERSION.search(importlib.metadata.distribution(package).read_text("METADATA") or "")
            found[package] = line[1].strip() if line else importlib.metadata.version(package)
    return found


def user_name() -> str:
    """The user's name; in a container that knows none, the number."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return os.environ.get("USER") or str(os.geteuid())


def current_directory() -> str:
    """Where the command was given; "" for a directory that was deleted since."""
    try:
        return os.fspath(Path.cwd())
    except OSError:
        return ""
