"""`python -P -m gradtop.trainer.server NAME [--idle S]` becomes the torch server of that name; `--once` answers one request.

Exit code: 0 when it listens or another server of the name does, else 1.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from gradtop.trainer.launch.listener import Listener
from gradtop.trainer.runtime.detach import detach
from gradtop.trainer.runtime.leaving import leave
from gradtop.trainer.server.process import print_anything, redirect
from gradtop.trainer.server.requests import answer_to
from gradtop.trainer.server.server import Server
from gradtop.trainer.socket_directory import open_directory

IDLE = 600.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -P -m gradtop.trainer.server", description="Fork processes that have imported PyTorch.")
    parser.add_argument("name", nargs="?", help="where to listen, in the server directory")
    parser.add_argument("--idle", type=float, default=IDLE, metavar="S", help="end so many seconds after the last child and client")
    parser.add_argument("--once", action="store_true", help="answer the request on standard input, as one line of JSON")
    options = parser.parse_args()
    if options.once == bool(options.name):
        parser.error("give a name, or --once")
    return once() if options.once else serve(options.name, options.idle)


def once() -> int:
    request = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what else is printed is no answer
    # What keeps torch from being imported is said; what a model prints, however much and in whatever characters, is read by nobody.
    importlib.import_module("torch")
    redirect()
    print_anything()

    def say(words: Mapping[str, Any]) -> None:
        print(json.dumps(words), file=answers, flush=True)

    say(answer_to(request["kind"], request["arguments"], say))
    return 0


def serve(name: str, idle: float) -> int:
    os.umask(0o077)
    listening = detach()
    directory = open_directory(create=True)
    log = os.open(f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
    listener = Listener(directory, name)
    if not listener.listen():
        listening()
        return 0
    listener.release_when_terminated()
    os.dup2(log, 2)
    os.close(log)
    os.chdir("/")
    listening()

    from gradtop.trainer.server.preload import preload

    try:
        preload()
    except BaseException:
        listener.close()
        listener.release()
        raise
    listener.record("ready")
    job = Server(listener, idle=idle).serve()
    if job is not None:
        leave(job())  # in a forked process: the server itself has ended inside
    return 0


if __name__ == "__main__":
    sys.exit(main())
