"""Following a run without the screen: one line per epoch until it ends."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer.record import EventReader, Run, RunReader
from tui.commands.output import say
from tui.commands.place import name_of, reference
from tui.format import duration, number, percent, si, significant

LIVE = frozenset({"created", "starting", "training", "paused", "silent"})
LOOK_EVERY = 0.2
CLEAR = "\r\x1b[K"
TITLES = ("epoch", "step", "loss", "val loss", "accuracy", "lr", "samples/s", "elapsed", "left")
WIDTHS = (9, 15, 9, 9, 9, 9, 10, 9, 9)


def follow(run: Run, runs: Path, *, events: EventReader | None = None, wait: Callable[[float], None] = time.sleep) -> int:
    """Print progress until the run ends; returns the exit code by how it ended. Ctrl+C leaves the run alone.

    `events` is a reader that has read what happened before this following began, where there was something before.
    """
    try:
        return Follower(run, runs, events or EventReader(run)).until_end(wait)
    except KeyboardInterrupt:
        end_line()
        say_goes_on(run, runs)
        return 130


def say_goes_on(run: Run, runs: Path) -> None:
    name = reference(run, runs)
    say(f"{name_of(RunReader(run))} goes on training. Come back: gradtop watch {name} · stop it: gradtop stop {name}")


class Follower:
    def __init__(self, run: Run, runs: Path, events: EventReader) -> None:
        self.run = run
        self.runs = runs
        self.events = events
        self.reader = RunReader(run)
        self.losses = Losses(self.reader)
        self.said = ""
        self.titled = False
        self.live = sys.stdout.isatty() and shows_live()

    def until_end(self, wait: Callable[[float], None]) -> int:
        while True:
            self.reader.refresh()
            # The state is read before the events, so that those of a run that has ended are all here.
            state = self.reader.state
            for event in self.events.refresh():
                self.tell(event)
            if self.reader.gone:
                end_line()
                say(f"{self.run.path} was deleted.", sys.stderr)
                return 1
            if state not in LIVE:
                return self.end(state)
            self.now(state)
            wait(LOOK_EVERY)

    def tell(self, event: dict[str, Any]) -> None:
        kind = event.get("kind")
        if kind == "epoch":
            self.line(self.epoch(event))
        elif kind == "warning":
            end_line()
            say(str(event.get("message", "")), sys.stderr)

    def epoch(self, event: dict[str, Any]) -> str:
        status = self.reader.status
        step = event.get("step")
        loss = self.losses.mean_to(int(step)) if isinstance(step, int | float) else None
        return row(
            count(event.get("epoch"), status.epochs),
            count(step, status.steps),
            figure(loss if loss is not None else status.loss),
            figure(event.get("val_loss")),
            accuracy(event.get("val_accuracy")),
            rate(status.lr),
            si(status.samples_per_s),
            duration(status.seconds),
            duration(left(self.reader)),
        )

    def line(self, text: str) -> None:
        end_line()
        if not self.titled:
            self.titled = True
            say(row(*TITLES))
        say(text)

    def now(self, state: str) -> None:
        """The line that is rewritten in place on a terminal."""
        if not self.live:
            return
        status = self.reader.status
        if state == "training" and status.steps:
            share = percent(status.step / status.steps)
            text = f"{share}  step {count(status.step, status.steps)}  loss {figure(status.loss)}  left {duration(left(self.reader))}"
        else:
            text = {"created": "starting", "silent": "no sign of life from the worker"}.get(state, state)
        if text != self.said:
            self.said = text
            sys.stdout.write(f"{CLEAR}{text}")
            sys.stdout.flush()

    def end(self, state: str) -> int:
        end_line()
        name, status, word = name_of(self.reader), self.reader.status, reference(self.run, self.runs)
        if state == "done":
            say(f"{name} is done after {duration(status.seconds)}{best(self.reader)}.")
            return 0
        if state == "stopped":
            say(f"{name} was stopped after step {number(status.step)}{best(self.reader)}. Go on: gradtop resume {word}")
            return 0
        if state == "failed":
            say(f"{name} failed: {status.error or 'no reason was given'}", sys.stderr)
        else:
            say(f"{name} died after step {number(status.step)}. Go on from its last checkpoint: gradtop resume {word}", sys.stderr)
            for text in [line for line in self.reader.log_tail(60) if line.strip()][-3:]:
                say(f"  {text}", sys.stderr)
        say(f"The worker's log: {self.run.log}", sys.stderr)
        return 1


class Losses:
    """The mean training loss between one epoch's end and the next, from the stream of steps."""

    def __init__(self, reader: RunReader) -> None:
        self._stream = reader.stream("steps")
        self._next = 0
        self._step = -1.0

    def mean_to(self, step: int) -> float | None:
        """The mean of the finite losses after the last call's step, up to this one."""
        self._stream.refresh()
        names = [column.name for column in self._stream.columns]
        if "loss" not in names:
            return None
        place = 2 + names.index("loss")
        if self._next > self._stream.count:
            # A resumed worker began anew before the place where we were.
            self._next = 0
        total, number = 0.0, 0
        for record in self._stream.rows(self._next):
            if record[0] > step:
                break
            self._next += 1
            if record[0] > self._step and math.isfinite(record[place]):
                total, number = total + record[place], number + 1
        self._step = step
        return total / number if number else None


def row(*cells: str) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


def count(value: object, total: int) -> str:
    return f"{value}/{total}" if isinstance(value, int | float) else "–"


def figure(value: object) -> str:
    return significant(value, 4) if isinstance(value, int | float) else "–"


def accuracy(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) and math.isfinite(value) else "–"


def rate(value: float | None) -> str:
    return "–" if value is None else significant(value)


def left(reader: RunReader) -> float:
    """Seconds to the last step at the mean pace so far; nan where it is not known."""
    status = reader.status
    if status.step <= 0 or status.seconds <= 0:
        return math.nan
    return status.seconds / status.step * max(0, status.steps - status.step)


def best(reader: RunReader) -> str:
    """", best validation accuracy 0.9889, loss 0.041", or "" before the first evaluation."""
    status = reader.status
    if status.best_val_accuracy is None:
        return ""
    return f": best validation accuracy {accuracy(status.best_val_accuracy)}, loss {figure(status.best_val_loss)}"


def end_line() -> None:
    """Leave the line that is rewritten in place."""
    if sys.stdout.isatty() and shows_live():
        sys.stdout.write(CLEAR)
        sys.stdout.flush()


def shows_live() -> bool:
    from tui.commands.output import environment
    from tui.terminal import capabilities

    return capabilities(environment(), sys.stdout).screen
