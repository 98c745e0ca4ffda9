"""Following a run without the screen: one line per epoch until it ends."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from gradtop.trainer.analysis.death import how_it_died
from gradtop.trainer.analysis.event_text import event_line
from gradtop.trainer.analysis.formatting import duration, number, progress, si
from gradtop.trainer.analysis.pace import pace_of
from gradtop.trainer.analysis.preparation import preparation_of
from gradtop.trainer.analysis.text import loss_terms, metric_figure
from gradtop.trainer.metrics import ACCURACY, LOSS, Monitored, headline_of, monitored
from gradtop.trainer.record import EventKind, EventReader, Run, RunReader, RunState, clean
from gradtop.trainer.record.streams.registry import STEPS
from gradtop.tui.cli.ending import background_text, outcome, print_outcome
from gradtop.tui.cli.locate import name_of, reference, shown
from gradtop.tui.cli.output import environment, figure, metric_cell, print_in_place, print_line
from gradtop.tui.cli.signals import PassOn
from gradtop.tui.terminal import capabilities

LOOK_EVERY = 0.2
BEGINS_WITHIN = 60.0
LOOKS_AGAIN = 3  # at a run that died: the torch server notes the signal or exit code a moment later
SILENT = "no heartbeat from the worker; the worker or its disk may hang"
HEADLINE = "accuracy"  # the column of the metric that stands beside the loss
TITLES = ("epoch", "step", "loss", "val loss", HEADLINE, "lr", "samples/s", "left")
WIDTHS = (7, 10, 9, 10, 10, 10, 11, 9, 9)
BEST = "◆"
SAMPLE_INDENT, SAMPLE_WIDTH = " " * 7 + "   ", sum(WIDTHS) - 10
# What is printed beside the epochs; a checkpoint comes with each epoch and an ending in better words.
SHOWN = frozenset({EventKind.DATA, EventKind.INIT, EventKind.COMMAND, EventKind.WARNING, EventKind.RESUMED, EventKind.BLACK_BOX, EventKind.THREADS, EventKind.TEST})


def follow(
    run: Run,
    runs: Path,
    *,
    events: EventReader | None = None,
    signals: PassOn | None = None,
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Print progress until the run ends; returns the exit code by how it ended. Ctrl+C leaves the run alone.

    `events` is a reader that has read what happened before this following began, where there was something before. `signals`
    that this process gets are handed on to the worker; where they ended the run, the code is that of a process which they end.
    """
    follower = Follower(run, runs, events or EventReader(run))

    def wait_and_pass_on(seconds: float) -> None:
        wait(seconds)
        if signals is not None and signals.last:
            signals.deliver()

    try:
        code = follower.until_end(wait_and_pass_on, clock)
        return 128 + signals.last if signals is not None and signals.last and follower.reader.state is RunState.STOPPED else code
    except KeyboardInterrupt:
        follower.end_line()
        print_line(background_text(name_of(follower.reader), reference(run, runs)))
        return 130


class Follower:
    def __init__(self, run: Run, runs: Path, events: EventReader) -> None:
        self.run = run
        self.runs = runs
        self.events = events
        self.reader = RunReader(run)
        self.last_line = ""
        self.titled = False
        self.headline = ACCURACY
        self.extra: tuple[str, ...] = ()  # title of the column of a monitored metric that has none of its own
        self.sampled = 0  # the step of the sample that was printed last
        self.live = capabilities(environment(), sys.stdout).screen

    def until_end(self, wait: Callable[[float], None], clock: Callable[[], float]) -> int:
        began = clock()
        old = not self.events.events
        looks_again = LOOKS_AGAIN
        while True:
            self.reader.refresh()
            # The state is read before the events, so that those of a run that has ended are all here.
            state = self.reader.state
            for event in self.events.refresh():
                self.print_event(event, old=old)
            self.print_samples(math.inf)
            old = False
            if self.reader.gone:
                self.end_line()
                print_line(f"gradtop: {shown(self.run.path)} was deleted.", sys.stderr)
                return 1
            if state is RunState.DIED and looks_again and not how_it_died(self.run, state, self.reader.status):
                looks_again -= 1
            elif state.has_ended:
                self.end_line()
                return print_outcome(self.reader, self.runs)
            if state not in {RunState.CREATED, RunState.UNKNOWN}:
                began = clock()
            elif clock() - began > BEGINS_WITHIN:
                self.end_line()
                word = reference(self.run, self.runs)
                if state is RunState.UNKNOWN:
                    why = clean(self.reader.problems.get(self.run.status.name, outcome(state)))
                    print_line(f"gradtop: nobody can tell how {name_of(self.reader)} stands: {why}.", sys.stderr)
                    return 1
                print_line(f"gradtop: {name_of(self.reader)} has not been started. Start it: gradtop resume {word}", sys.stderr)
                return 1
            self.now(state)
            wait(LOOK_EVERY)

    def print_event(self, event: Mapping[str, object], *, old: bool) -> None:
        if event["kind"] == EventKind.EPOCH:
            self.epoch(event, old=old)
        elif event["kind"] in SHOWN or (event["kind"] == EventKind.FORKED and event.get("all_weights") is False):
            self.end_line()
            print_line(event_line(event).text, sys.stderr if event["kind"] in {EventKind.WARNING, EventKind.BLACK_BOX} else sys.stdout)

    def epoch(self, event: Mapping[str, object], *, old: bool) -> None:
        """One line, all of it from the event; how long it will take from there is not said of an epoch that lies back."""
        self.print_samples(at if isinstance(at := event.get("step"), int) else -1)
        rate = event.get("samples_per_s")
        left = None if old else self.seconds_left()
        self.end_line()
        if not self.titled:
            self.titled = True
            if terms := loss_terms(self.reader):
                print_line(f"loss is with {' and '.join(terms)}")
            best, self.headline = monitor_of(event), self.reader.status.headline or headline_of(metrics_of(event))
            self.extra = (best.short,) if best.name not in {LOSS, self.headline} else ()
            names = {HEADLINE: Monitored(self.headline).short} if self.headline != ACCURACY else {}
            names |= {"samples/s": "tokens/s"} if self.reader.status.tokens_per_sample else {}
            beside = self.headline != LOSS  # else nothing stands beside it
            titles = [names.get(title, title) for title in (*TITLES, *self.extra) if beside or title != HEADLINE]
            marked = best.title if best.name in {LOSS, ACCURACY} else best.short
            print_line(row(*(f"{BEST}{title}" if title == marked else title for title in titles)))
        print_line(
            row(
                f"{whole(event.get('epoch'))}/{whole(event.get('epochs'))}" if event.get("epochs") != 0 else "–",
                whole(event.get("step")),
                figure(event.get("loss")),
                best_mark(event, LOSS) + figure(event.get("val_loss")),
                *([best_mark(event, self.headline) + metric_cell(self.headline, metric(event, self.headline))] if self.headline != LOSS else []),
                figure(event.get("lr")),
                si(rate * (self.reader.status.tokens_per_sample or 1)) if isinstance(rate, int | float) else "–",
                "–" if left is None else duration(left),
                *([best_mark(event, monitor_of(event).name) + monitored_figure(event)] if self.extra else []),
            )
        )

    def print_samples(self, before: float) -> None:
        """The texts of a language model that were written before a step and are not printed yet, each in one line."""
        new = [sample for sample in self.reader.samples() if self.sampled < sample.step < before]
        if not new:
            return
        from gradtop.trainer.analysis.sample_text import sample_line

        self.end_line()
        for sample in new:
            self.sampled = sample.step
            print_line(f"{SAMPLE_INDENT}{sample_line(sample, SAMPLE_WIDTH)}")

    def now(self, state: RunState) -> None:
        """The line that is rewritten in place; where none can be, only that the worker is silent is said."""
        if not self.live:
            if state is RunState.SILENT and self.last_line != state:
                print_line(f"gradtop: {SILENT}", sys.stderr)
            self.last_line = state
            return
        status = self.reader.status
        text = {RunState.CREATED: "starting", RunState.SILENT: SILENT}.get(state, state)
        if (preparing := preparation_of(status)) is not None:
            text = f"{progress(preparing.done, preparing.of)}  {preparing.text}" if preparing.of else preparing.text
        if state is RunState.TRAINING and status.steps:
            left = self.seconds_left()
            text = f"{progress(status.step, status.steps)}  step {number(status.step)}/{number(status.steps)}"
            text += f"  loss {figure(status.loss)}" + (f"  left {duration(left)}" if left is not None else "")
        if text != self.last_line:
            self.last_line = text
            print_in_place(text)

    def seconds_left(self) -> float | None:
        self.reader.stream(STEPS).refresh()
        return pace_of(self.reader).left

    def end_line(self) -> None:
        """Leave the line that is rewritten in place."""
        if self.live and self.last_line:
            self.last_line = ""
            print_in_place("")


def row(*cells: str) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=False))


def monitor_of(event: Mapping[str, object]) -> Monitored:
    """The metric that decides which epoch is the best."""
    return monitored(str(event.get("monitor") or LOSS))


def best_mark(event: Mapping[str, object], name: str) -> str:
    """Before the value of the metric that makes this epoch the best so far."""
    return BEST if event.get("best") and monitor_of(event).name == name else ""


def metric(event: Mapping[str, object], name: str) -> object:
    """The value of a metric of an epoch's evaluation."""
    return {LOSS: event.get("val_loss"), ACCURACY: event.get("val_accuracy"), **metrics_of(event)}.get(name)


def metrics_of(event: Mapping[str, object]) -> Mapping[str, object]:
    """Those of an epoch's evaluation beside loss and accuracy."""
    metrics = event.get("metrics")
    return metrics if isinstance(metrics, Mapping) else {}


def monitored_figure(event: Mapping[str, object]) -> str:
    """The value of the monitored metric, with all the digits by which two runs may differ."""
    name = monitor_of(event).name
    value = metric(event, name)
    return metric_figure(name, value) if isinstance(value, int | float) else "–"


def whole(value: object) -> str:
    return str(value) if isinstance(value, int) else "–"
