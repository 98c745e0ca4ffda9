"""Makes the picture in the README: `python -m tests.screenshot` trains configs/digits.toml for a while and photographs it.

With `--run RUN` it photographs a run that is there already, with `--keys v,f` after these keys.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from gradtop.trainer.config import load_config
from gradtop.trainer.launch import create_run, start_worker
from gradtop.trainer.record import Run, RunReader, is_alive, read_status, send
from gradtop.tui.app import GradtopApp
from gradtop.tui.ui_state import UiState
from tests.support import wait_until

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "tests" / "screenshot.svg"
SIZE = (120, 40)
SHARE = 0.3  # of the training that is done when the picture is taken


def trained(runs: Path) -> Run:
    """A run of the digits that is under way."""
    run = create_run(runs, load_config(ROOT / "configs" / "digits.toml"), name="quiet-heron")
    start_worker(run)
    reader = RunReader(run)

    def far_enough() -> bool:
        reader.refresh()
        status = reader.status
        assert reader.state in {"created", "starting", "training"}, f"{reader.state}: {status.error}"
        return status.steps > 0 and status.step >= SHARE * status.steps

    wait_until(far_enough, timeout=300, why="enough steps", interval=0.1)
    return run


async def photograph(run: Run, folder: Path, mode: str, keys: Sequence[str] = ()) -> str:
    app = GradtopApp(run, run.path.parent, mode=mode, memory=UiState(folder / "memory.json"))
    async with app.run_test(size=SIZE) as pilot:
        until = time.monotonic() + 10
        while app.snapshot.part is None and time.monotonic() < until:
            await pilot.pause(0.05)
        await pilot.pause(0.5)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.5)
        return app.export_screenshot(title="gradtop")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="the directory of a run to photograph instead")
    parser.add_argument("--mode", default="overview")
    parser.add_argument("--keys", default="", help="pressed one after another, separated by commas")
    parser.add_argument("--to", type=Path, default=PICTURE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gradtop-") as folder:
        run = Run(options.run) if options.run else trained(Path(folder) / "runs")
        picture = asyncio.run(photograph(run, Path(folder), options.mode, options.keys.split(",") if options.keys else ()))
        options.to.write_text(picture, encoding="utf-8")
        if not options.run:
            send(run, "kill")
            wait_until(lambda: not is_alive(read_status(run)), why="the end of the worker")
    print(options.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
