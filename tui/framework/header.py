"""The two lines at the top of every mode: which run, how it is, how far; what it trains, and how old the figures are."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from gradtop.trainer.analysis import formatting
from gradtop.trainer.analysis.preparation import preparation_of
from gradtop.trainer.analysis.text import in_epoch, metric_text, pace_text, stopped_early_text
from gradtop.trainer.job import DEFAULT_JOB
from gradtop.trainer.record import Status, clean
from gradtop.tui.format import ellipsis
from gradtop.tui.framework import states
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.reading.snapshot import NO_RUN, Facts
from gradtop.tui.widgets.columns import Piece

BAR = 34
GAP = 2
UNKNOWN = " " * 15  # the place of "✓ nothing wrong", so that nothing moves when it is known
SENTENCE = 200  # characters


class Header(Lines):
    """Draws facts into two lines."""

    DEFAULT_CSS = "Header { height: 2; }"

    def __init__(self) -> None:
        super().__init__()
        self._facts = NO_RUN

    def show_facts(self, facts: Facts) -> None:
        if facts is not self._facts:
            self._facts = facts
            self.show(())

    def lines(self, width: int, height: int) -> Sequence[TextLine]:  # noqa: ARG002 - as Lines calls it
        return first_line(self._facts, width), second_line(self._facts, width)


def first_line(facts: Facts, width: int) -> list[Piece]:
    """Name, state, epoch, step, bar, percent, time left; what matters least goes first where there is little room."""
    if facts.run is None:
        return [(" gradtop", "muted")]
    status = facts.status
    share = min(1.0, status.step / status.steps) if status.steps else 0.0
    state: list[Piece] = [(f"{states.symbol(facts.state)} {facts.state}", states.tone(facts.state))]
    epoch = [("epoch ", "muted"), (f"{status.epoch}/{status.epochs}", "text")] if status.epochs else []
    step = [("step ", "muted"), (f"{formatting.number(status.step)}/{formatting.number(status.steps)}", "text")] if status.steps else []
    early = stopped_early_text(status._replace(state=facts.state))
    percent = [(early, "warning")] if early else [(formatting.progress(status.step, status.steps), "text")] if status.steps else []
    left = [(f"{formatting.duration(facts.left)} ", "text"), ("left", "muted")] if facts.left is not None else []
    if (preparing := preparation_of(status._replace(state=facts.state))) is not None:
        share = preparing.done / preparing.of if preparing.of else 0.0
        epoch, step = [], [(f"{preparing.doing} ", "muted"), (preparing.counted, "text")]
        percent = [(formatting.progress(preparing.done, preparing.of), "text")] if preparing.of else []
        left = [(f"{formatting.duration(preparing.left)} ", "text"), ("left", "muted")] if preparing.left is not None else []
    brand: list[Piece] = [("gradtop", "muted")]
    name: list[Piece] = [(facts.name, "strong")]
    kept = [brand, name, state, epoch, step, percent, left]
    for dropped in (brand, epoch, *((step, percent) if early or preparing is not None else (percent, left, step))):
        if length(kept, 2) + 1 <= width:
            break
        kept = [part for part in kept if part is not dropped]
    if early and percent not in kept:
        kept.append([("stopped early", "warning")])
    room = width - length(kept, 2) - 4
    if percent in kept and room >= 6 and not early:
        kept.insert(kept.index(percent), bar(share, min(BAR, room)))
    return [(" ", "text"), *joined(kept, "  ")]


def second_line(facts: Facts, width: int) -> list[Piece]:
    """What is trained, how, on what, and its pace; once it has ended first what has come of it. On the right the age of the figures, and
    at the end the worst that is wrong.
    """
    if facts.run is None:
        return []
    status, ended = facts.status, facts.state.has_ended
    masked = f", {formatting.percent(status.masked / status.parameters)} masked" if status.masked and status.parameters else ""
    model = f"{status.model or facts.setting('model.kind', '')} {formatting.number(status.parameters) + ' parameters' if status.parameters else ''}{masked}"
    optimizer = f"{facts.setting('optimizer.kind', '')}{lr_text(facts, ended=ended)}"
    batch = facts.setting("training.batch_size")
    data = f"{facts.setting('data.kind', '')}{f', batch {batch}' if batch else ''}"
    parts = [results(status) if ended else "", model.strip(), optimizer.strip(), data, status.device, live_pace(facts)]
    kept = [part for part in parts if part]
    age: list[Piece] = [(facts.age, "success" if facts.age == "live" else "muted")] if facts.age else []
    found = worst_finding(facts, width - length([age], 0) - 2 * GAP)
    if facts.report is None and kept and cell_len(kept[0]) + len(UNKNOWN) + length([age], 0) + 2 * GAP + 1 > width:
        found = []  # little room: rather something than the place of something
    room = width - length([age, found], GAP) - GAP - 1
    while kept and cell_len(" · ".join(kept)) + 1 > room:
        kept.pop()
    text = " " + " · ".join(kept)
    return [(text + " " * max(1, room + GAP - cell_len(text)), "muted"), *joined([age, found], " " * GAP)]


def lr_text(facts: Facts, *, ended: bool) -> str:
    """The learning rate of now; of a training that has ended the one that it was configured with, as the last one is that of its schedule's end.

    Of another job that has ended there is none: a range test ends where it diverges.
    """
    rate = facts.status.lr
    if ended and facts.meta.job != DEFAULT_JOB:
        return ""
    if ended and isinstance(configured := facts.setting("optimizer.lr"), int | float):
        rate = configured
    return f" lr {formatting.significant(rate)}" if rate is not None else ""


def results(status: Status) -> str:
    """best val loss 0.041 (epoch 9) in 12:03"""
    best = "" if status.best is None else f"best {metric_text(status.monitor, status.best)}{in_epoch(status.best_epoch)}"
    took = formatting.duration(status.seconds) if status.seconds else ""
    return clean(f"{best} in {took}" if best and took else best or (f"took {took}" if took else ""), SENTENCE)


def worst_finding(facts: Facts, width: int) -> list[Piece]:
    """▲ loss spike at 812 · 2 more, cut to a width; a blank while it is not known what is wrong."""
    report = facts.report
    if report is None:
        return [(UNKNOWN[: max(0, width)], "muted")]
    if not (text := report.text()):
        return []
    words = clean(text, SENTENCE)
    worst = report.worst
    return [(words if cell_len(words) <= width else ellipsis(words, max(0, width)), "success" if worst is None else worst.tone)]


def live_pace(facts: Facts) -> str:
    if not facts.status.samples_per_s or not facts.alive:
        return ""
    slower = f", {facts.slowdown:.0f}× slower than at its best" if facts.slowdown else ""
    return f"{pace_text(facts.status)}{slower}"


def bar(share: float, width: int) -> list[Piece]:
    """A progress bar: thick what is done, thin what is left, so that it needs no colour."""
    halves = int(share * width * 2)
    full, half = divmod(halves, 2)
    return [("━" * full + ("╸" if half else ""), "primary"), ("─" * (width - full - half), "faint")]


def joined(parts: list[list[Piece]], gap: str) -> list[Piece]:
    line: list[Piece] = []
    for part in parts:
        if part:
            line += [(gap, "text"), *part] if line else part
    return line


def length(parts: list[list[Piece]], gap: int) -> int:
    """How many cells parts take side by side."""
    shown = [part for part in parts if part]
    return sum(cell_len(text) for part in shown for text, _tone in part) + gap * (len(shown) - 1)
