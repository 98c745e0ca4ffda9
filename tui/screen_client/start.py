"""Starting the screen server, for the screens that will be opened later."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

MODULE = "gradtop.tui.screen_server"


def start_screen_server() -> None:
    """Start it unless there is one; it is not waited for, and where it cannot be had, each screen imports Textual itself."""
    from gradtop.tui.screen_client.client import connect_to_screens

    if (link := connect_to_screens()) is not None:
        link.close()
        return
    # Of the shell, which ends at once, nobody is left who would have to wait for it.
    command = ["/bin/sh", "-c", '"$@" &', "sh", sys.executable, "-P", "-m", MODULE]
    with contextlib.suppress(OSError):
        subprocess.run(
            command, cwd="/", env=dict(os.environ), start_new_session=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
