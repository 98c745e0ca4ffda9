"""`python -P -m gradtop.trainer RUN_DIR [--resume] [--detach]`: a worker that imports PyTorch itself, without the torch server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

from gradtop.trainer.record import Run
from gradtop.trainer.runtime.children import end_all_children
from gradtop.trainer.runtime.death import watch_over
from gradtop.trainer.runtime.detach import detach
from gradtop.trainer.runtime.leaving import leave
from gradtop.trainer.runtime.signals import Signals
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.runtime.worker_log import log_plainly


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when the run is done or was stopped, 1 when it failed or cannot be trained, 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -P -m gradtop.trainer", description="Train what a run directory says.")
    parser.add_argument("run", help="the run directory")
    parser.add_argument("--resume", action="store_true", help="continue from the newest checkpoint")
    parser.add_argument("--detach", action="store_true", help="go on in the background as soon as the run shows as starting")
    options = parser.parse_args(arguments)
    log_plainly()
    run = Run(options.run)
    begun = detach(partial(watch_over, run)) if options.detach else lambda: None
    signals = Signals()
    signals.install()
    try:
        return work(run, resume=options.resume, signals=signals, begun=begun)
    finally:
        end_all_children()


if __name__ == "__main__":
    leave(main())
