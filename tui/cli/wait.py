"""`gradtop wait RUN …`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from gradtop.tui.cli.ending import outcome
from gradtop.tui.cli.locate import add_runs, chosen_runs, name_of, opened, reference, runs_directory
from gradtop.tui.cli.output import print_json, print_line

if TYPE_CHECKING:
    from pathlib import Path

    from gradtop.trainer.record import RunReader
    from gradtop.tui.cli.conditions import RunCondition

EPILOG = """\
Without --until, waits until each RUN has ended. CONDITION is one of

  epoch=5          the epoch has ended; step=1000 likewise
  val_loss<0.1     a recorded value of any metric of gradtop plot (< <= > >=),
                   also one that was recorded before; 'accuracy>95%'
  finding:error    a finding of this severity or name (gradtop help findings)
  state:paused     the run is in this state; state:ended: done, stopped, failed
                   or died

Repeated, one of them is enough. Several runs are all waited for.

Exit code, of several runs that of the first whose code is not 0:
  0    the condition holds; without --until: the run is done or was stopped
  1    the run failed
  2    usage error
  3    the run died
  4    the condition can no longer come true: the run is done, was stopped,
       deleted, or not started within a minute
  124  --timeout has passed
  130  interrupted

  gradtop wait last && gradtop eval last
  gradtop wait quiet-heron --until 'val_loss<0.1' --until finding:error
  gradtop wait last --until epoch=5 --timeout 30m --json
"""
MET, FAILED, DIED, CANNOT, TIMED_OUT = 0, 1, 3, 4, 124
LOOK_EVERY = 0.5
BEGINS_WITHIN = 60.0  # a run that nobody has started by then waits for somebody
LONGEST = 100 * 86400.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a run is not waited for any more: `condition` is the one that holds, "" for its end; `found` what makes it hold."""

    code: int
    condition: str = ""
    found: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Wait until runs have ended, or a condition holds."
    parser.epilog = EPILOG
    add_runs(parser)
    parser.add_argument("--until", action="append", default=[], metavar="CONDITION", help="such as epoch=5, 'val_loss<0.1', finding:error; may be repeated")
    parser.add_argument("--timeout", type=time_span, default=None, metavar="TIME", help="give up after 90s, 10m, 2h or so many seconds (default: never)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def time_span(text: str) -> float:
    """Seconds. Raises ArgumentTypeError, which argparse words."""
    from gradtop.trainer.analysis.run_filter import number_of

    found = number_of(text, "s")
    if found is None or not 0 <= found <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90s, 10m or 2h")
    return found


def run(options: argparse.Namespace) -> int:
    from gradtop.tui.cli.conditions import parse_condition

    readers = [opened(each) for each in chosen_runs(options)]
    conditions = [parse_condition(text, readers) for text in options.until]
    runs = runs_directory(options)

    def tell(reader: RunReader, verdict: Verdict) -> None:
        if not options.json:
            print_line(*sentence(reader, verdict, runs, conditions, options.timeout))

    verdicts = wait_for(readers, conditions, options.timeout, tell)
    code = next((each.code for each in verdicts if each.code != MET), MET)
    if options.json:
        print_json({"code": code, "runs": [record(*each) for each in zip(readers, verdicts, strict=True)]})
    return code


def wait_for(
    readers: Sequence[RunReader],
    conditions: Sequence[RunCondition],
    timeout: float | None,
    tell: Callable[[RunReader, Verdict], object],
    *,
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[Verdict]:
    """Why each run is not waited for any more; `tell` is called for each as soon as that is known."""
    from gradtop.trainer.record import RunState

    began = clock()
    found: dict[int, Verdict] = {}
    unclear: dict[int, float] = {}  # since when a run has not begun, or nobody can tell how it stands
    while True:
        waited = clock() - began
        for number, reader in enumerate(readers):
            if number in found:
                continue
            reader.refresh()
            since = unclear.setdefault(number, waited) if reader.state in {RunState.CREATED, RunState.UNKNOWN} else unclear.pop(number, waited)
            verdict = judged(reader, conditions, waited - since)
            if verdict is None and timeout is not None and waited >= timeout:
                verdict = Verdict(TIMED_OUT)
            if verdict is not None:
                found[number] = verdict
                tell(reader, verdict)
        if len(found) == len(readers):
            return [found[number] for number in range(len(readers))]
        wait(LOOK_EVERY if timeout is None else max(0.0, min(LOOK_EVERY, timeout - waited)))


def judged(reader: RunReader, conditions: Sequence[RunCondition], unclear: float) -> Verdict | None:
    """None as long as there is something to wait for; `unclear` seconds it has been so that it has not begun, or that nobody can tell."""
    from gradtop.trainer.record import RunState

    if reader.gone:
        return Verdict(CANNOT)
    # The state is read before the records, so that those of a run that has ended are all here.
    for condition in conditions:
        if found := condition.met(reader):
            return Verdict(MET, condition.text, found)
    if reader.state.has_ended:
        wrong = {RunState.FAILED: FAILED, RunState.DIED: DIED}
        return Verdict(wrong.get(reader.state, CANNOT if conditions else MET))
    if reader.state in {RunState.CREATED, RunState.UNKNOWN} and unclear >= BEGINS_WITHIN:
        return Verdict(CANNOT)
    return None


def sentence(
    reader: RunReader, verdict: Verdict, runs: Path, conditions: Sequence[RunCondition], timeout: float | None
) -> tuple[str, TextIO]:
    """What is printed, and where."""
    from gradtop.trainer.analysis.formatting import duration
    from gradtop.trainer.record import RunState, clean

    name = name_of(reader)
    wanted = clean(" or ".join(each.text for each in conditions), 200)
    if verdict.code == MET:
        return (f"{name}: {clean(verdict.condition, 60)} ({verdict.found})" if verdict.condition else f"{name} {outcome(reader.state)}."), sys.stdout
    if verdict.code == TIMED_OUT:
        return f"gradtop: {name} is still {reader.state} after {duration(timeout or 0.0)}{f'; no {wanted}' if wanted else ''}.", sys.stderr
    if reader.gone:
        return f"gradtop: {name} was deleted.", sys.stderr
    if reader.state is RunState.CREATED:
        return f"gradtop: {name} has not been started. Start it: gradtop resume {reference(reader.run, runs)}", sys.stderr
    if reader.state is RunState.UNKNOWN:
        return f"gradtop: nobody can tell how {name} stands: {clean(reader.problems.get(reader.run.status.name, outcome(reader.state)))}.", sys.stderr
    why = f": {clean(reader.status.error)}" if reader.state is RunState.FAILED and reader.status.error else ""
    return f"gradtop: {name} {outcome(reader.state)}{why}{f'; {wanted} did not come true' if wanted else ''}.", sys.stderr


def record(reader: RunReader, verdict: Verdict) -> dict[str, object]:
    return {
        "id": reader.run.id,
        "name": name_of(reader),
        "path": str(reader.run.path),
        "state": "deleted" if reader.gone else reader.state,
        "code": verdict.code,
        "condition": verdict.condition or None,
        "found": verdict.found or None,
        "step": reader.status.step,
        "error": reader.status.error,
    }
