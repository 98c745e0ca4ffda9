"""What live changes cost a training of ten million steps."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from gradtop.trainer.record import EventKind, EventReader, Run, list_runs, send
from tests.bench.figure import Figure
from tests.bench.restart import end, first_step
from tests.bench.sandbox import Sandbox, sandboxed
from tests.bench.server import steps_of
from tests.support import wait_until

CONFIG = Path(__file__).parents[2] / "configs" / "digits_mlp.toml"
STEPS = 10_000_000
CHANGES = 100
MINUTE = 60.0
TURNS = 3
# A new curve, the same curve, and what no curve knows of.
KINDS = (("optimizer.lr", (0.04, 0.05)), ("training.clip", (1e3, 1e4)), ("optimizer.weight_decay", (1e-4, 2e-4)), ("training.steps", (STEPS, STEPS - 1)))


def measure() -> Iterator[Figure]:
    """Steps in a minute with a hundred changes against those of the minutes before and after it."""
    with sandboxed() as sandbox:
        run = train(sandbox)
        alone, changed = [steps_in_a_minute(run, 0)], []
        for _ in range(TURNS):
            changed.append(steps_in_a_minute(run, CHANGES))
            alone.append(steps_in_a_minute(run, 0))
        answers = [event for event in EventReader(run).refresh() if event["kind"] == EventKind.COMMAND]
        end(run)
    refused = sum(not event["ok"] for event in answers)
    ratios = [each / ((before + after) / 2) for each, before, after in zip(changed, alone, alone[1:], strict=False)]
    reference = f"without, {statistics.median(alone) / MINUTE:.0f} steps/s"
    median = statistics.median(ratios)
    details = {"lowest, ×": min(ratios), "changes": len(answers), "refused": refused}
    yield Figure("100 live changes in a minute of 10,000,000 steps", median, "×", 0.99, at_least=True, reference=reference, ratio=median, details=details)


def train(sandbox: Sandbox) -> Run:
    sandbox.gradtop("train", str(CONFIG), f"training.steps={STEPS}", "training.threads=1", "--detach", "--no-server")
    (run,) = list_runs(sandbox.runs)
    first_step(run)
    wait_until(lambda: steps_of(run) > 1000, 120, "a thousand steps")
    return run


def steps_in_a_minute(run: Run, changes: int) -> int:
    before, begin = steps_of(run), time.monotonic()
    for number in range(changes):
        time.sleep(max(begin + number * MINUTE / changes - time.monotonic(), 0.0))
        key, values = KINDS[number % len(KINDS)]
        send(run, "set", changes={key: values[number // len(KINDS) % len(values)]})
    time.sleep(max(begin + MINUTE - time.monotonic(), 0.0))
    return steps_of(run) - before
