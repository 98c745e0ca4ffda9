from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

from gradtop.tui.terminal import HUNG_UP
from tests.tui.runs_fixture import fake_run


def test_the_screen_ends_with_its_terminal_even_where_no_signal_tells_of_it(tmp_path: Path) -> None:
    fake_run(tmp_path, "quiet-heron", state="done", steps=40)
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "HOME": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "gradtop.tui.cli.main", "watch", "last", "--runs", str(tmp_path), "--no-server"]
    # A session of its own without a controlling terminal: nobody sends it a SIGHUP.
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True) as screen:
        os.close(theirs)
        told, shown = select.poll(), b""
        told.register(ours, select.POLLIN)
        while b"quiet-heron" not in shown:
            assert told.poll(60_000), shown
            shown += os.read(ours, 65536)

        os.close(ours)

        assert screen.wait(60) == HUNG_UP
