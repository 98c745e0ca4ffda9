"""Runs for looking by hand::

    python -m tests.tui.gallery RUNS            # a run of each state, and one that keeps growing until ctrl+c
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from gradtop.trainer.record import new_run
from tests.tui.runs_fixture import CONFIG, EPOCHS, STEPS_PER_EPOCH, Grower, fake_run


def gallery(runs: Path, now: float) -> None:
    """One run of each state."""
    whole = EPOCHS * STEPS_PER_EPOCH
    old, _ = fake_run(runs, "amber-finch", state="done", steps=whole, created=now - 4000)
    fake_run(runs, "tidy-wren", state="stopped", steps=900, created=now - 3600, parent=old, changes=[("optimizer.lr", 1e-3, 3e-4)], lr=3e-4)
    sentence = "out of memory on cuda:0 with batch_size 512: try training.batch_size=256"
    fake_run(runs, "brave-otter", state="failed", steps=40, created=now - 3000, error=sentence, batch_size=512)
    fake_run(runs, "grey-lynx", state="died", steps=700, created=now - 2400, log="epoch 3: loss 0.402\nKilled\n")
    fake_run(runs, "calm-ibex", state="silent", steps=300, created=now - 1200)
    fake_run(runs, "new-moth", state="starting", steps=0, created=now - 2)
    fake_run(runs, "slow-toad", state="paused", steps=500, created=now - 500)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--rate", type=float, default=20, help="steps per second")
    parser.add_argument("--steps", type=int, default=1000, help="steps that are there at once")
    parser.add_argument("--alone", action="store_true", help="only the run that grows")
    options = parser.parse_args()
    now = time.time()
    if not options.alone:
        gallery(options.runs, now)
    pace = 1 / options.rate
    run = new_run(options.runs, CONFIG.format(lr=1e-3, epochs=EPOCHS, batch_size=64), {"name": "quiet-heron", "created": now}, name="quiet-heron", now=now)
    run.log.write_text("gradtop worker on cpu\n")
    grower = Grower(run, start=now - options.steps * pace, pace=pace)
    grower.grow(options.steps)
    print(run.path, flush=True)
    try:
        while grower.step < grower.steps:
            time.sleep(max(0.0, grower.now - time.time()))
            grower.grow()
            grower.status("training", updated=time.time())
    except KeyboardInterrupt:
        grower.status("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
