"""`python -P -m gradtop.trainer RUN_DIR [--resume]` or `python -P -m gradtop.trainer --standby`, either with `--detach`."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

from gradtop.trainer.record import Run
from gradtop.trainer.runtime.detach import detach
from gradtop.trainer.runtime.signals import Signals
from gradtop.trainer.runtime.worker import work


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when the run is done or was stopped, 1 when it failed or cannot be trained, 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -P -m gradtop.trainer", description="Train what a run directory says.")
    parser.add_argument("run", nargs="?", help="the run directory")
    parser.add_argument("--resume", action="store_true", help="continue from the newest checkpoint")
    parser.add_argument("--standby", action="store_true", help="get ready, then read the run from standard input")
    parser.add_argument("--detach", action="store_true", help="go on in the background as soon as the run shows as starting")
    options = parser.parse_args(arguments)
    if options.standby == bool(options.run):
        parser.error("give a run directory, or --standby")
    log_plainly()
    begun = detach() if options.detach else lambda: None
    path, resume = options.run, options.resume
    if options.standby:
        from gradtop.trainer.runtime import standby

        begun()
        screen = standby.Screen()
        standby.get_ready(screen)
        order = screen.order()
        standby.take(order)
        path, resume, begun = order.run, order.resume, screen.begun
    signals = Signals()
    signals.install()
    return work(Run(path), resume=resume, signals=signals, begun=begun)


def log_plainly() -> None:
    """What is printed stands in the log line by line, in UTF-8, and no character ends a run, whatever the locale."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


if __name__ == "__main__":
    sys.exit(main())
