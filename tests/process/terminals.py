"""Real terminals: tmux on a pseudo-terminal of its own, and what it shows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import wait_until

CONF = """
set -g default-terminal "screen-256color"
set -g remain-on-exit on
set -g status off
set -g escape-time 0
"""


def require(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None and not Path(program).exists():
            pytest.skip(f"{program} is not installed")


class Tmux:
    """One pane in a tmux server of its own; `folder` holds its socket and all that was ever written to the terminal."""

    def __init__(self, folder: Path, *command: str, columns: int = 120, rows: int = 40, cwd: Path | None = None) -> None:
        require("tmux")
        folder.mkdir(parents=True)
        self._socket, self._raw = folder / "socket", folder / "raw"
        conf = folder / "conf"
        conf.write_text(CONF)
        self._env = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        self._env.pop("TMUX", None)
        self._cwd = cwd or folder
        size = ("-x", str(columns), "-y", str(rows))
        # The raw bytes are caught from the first one on: the command waits until somebody listens.
        go = folder / "go"
        waiting = f"while [ ! -e {shlex.quote(str(go))} ]; do sleep 0.02; done; exec {shlex.join(command)}"
        self._tmux("-f", str(conf), "new-session", "-d", *size, "-c", str(self._cwd), "sh", "-c", waiting)
        self._tmux("pipe-pane", "-o", f"cat >> {shlex.quote(str(self._raw))}")
        go.touch()

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-u", "-S", str(self._socket), *arguments]
        done = subprocess.run(command, env=self._env, cwd=self._cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"tmux {arguments}: {done.stderr}"
        return done.stdout

    def again(self, *command: str) -> None:
        """Run another command in the pane, as a shell would."""
        self._tmux("respawn-pane", "-k", "-c", str(self._cwd), shlex.join(command))

    def keys(self, *names: str) -> None:
        self._tmux("send-keys", *names)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-S", "-50")

    @property
    def raw(self) -> bytes:
        return self._raw.read_bytes() if self._raw.exists() else b""

    @property
    def title(self) -> str:
        return self._tmux("display-message", "-p", "#{pane_title}").strip()

    @property
    def pid(self) -> int:
        """Of the command in the pane."""
        return int(self._tmux("display-message", "-p", "#{pane_pid}"))

    @property
    def ended(self) -> bool:
        return self._tmux("display-message", "-p", "#{pane_dead}").strip() == "1"

    def wait_for(self, *patterns: str, timeout: float = 60.0) -> str:
        """Wait until the screen shows all of these regular expressions; returns it."""
        found = ""

        def shown() -> bool:
            nonlocal found
            found = self.screen
            return all(re.search(pattern, found) for pattern in patterns)

        try:
            wait_until(shown, timeout)
        except AssertionError:
            raise AssertionError(f"{patterns} not shown within {timeout:g} s:\n{found}") from None
        return found

    def wait_without(self, text: str, timeout: float = 60.0) -> None:
        wait_until(lambda: text not in self.screen, timeout, f"{text!r} to go")

    def press_until(self, key: str, reached: Callable[[str], bool], most: int = 100) -> None:
        """Press a key, each time when the screen has followed, until it shows what is wanted."""
        for _ in range(most):
            before = self.screen
            if reached(before):
                return
            self.keys(key)
            wait_until(lambda shown=before: self.screen != shown, 60, f"{key} to move something:\n{before}")  # type: ignore[misc]
        raise AssertionError(f"not reached by {most} times {key}:\n{self.screen}")

    def kill(self) -> None:
        """End the server: the command's terminal is closed under it."""
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], env=self._env, capture_output=True, check=False)
