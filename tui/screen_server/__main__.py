"""`python -P -m gradtop.tui.screen_server` becomes the screen server of this installation, unless there is one."""

from __future__ import annotations

import argparse
import os
import sys

from gradtop.trainer.launch.listener import Listener
from gradtop.trainer.socket_directory import open_directory
from gradtop.tui.cli import installation
from gradtop.tui.screen_client.address import screen_server_name
from gradtop.tui.screen_server.clients import Identity
from gradtop.tui.screen_server.preload import preload_screen, weighing_little
from gradtop.tui.screen_server.server import ScreenServer

IDLE = 600.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -P -m gradtop.tui.screen_server", description="Fork screens that need not import Textual.")
    parser.add_argument("--idle", type=float, default=IDLE, metavar="S", help="end so many seconds after the last screen and the torch server")
    options = parser.parse_args()
    identity = Identity.of_this_process()
    installation.begin()
    os.umask(0o077)
    directory = open_directory(create=True)
    listener = Listener(directory, screen_server_name(), messages=True)
    if not listener.claim():
        return 0
    listener.release_when_terminated()
    log = os.open(f"{listener.name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
    os.dup2(log, 2)
    os.close(log)
    os.chdir("/")
    try:
        with weighing_little():
            preload_screen()
    except BaseException:
        listener.release()
        raise
    listener.listen()  # who asks before that has a screen of its own sooner
    listener.record("ready")
    screen = ScreenServer(listener, identity, idle=options.idle).serve()
    return 0 if screen is None else screen.run()  # in a forked process: the server itself has ended inside


if __name__ == "__main__":
    sys.exit(main())
