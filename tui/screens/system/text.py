"""The system mode's panes in words: the run, its host, its GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradtop.trainer.analysis.formatting import percent, significant, size
from gradtop.trainer.analysis.text import pace_text
from gradtop.trainer.record import clean
from gradtop.trainer.record.streams.registry import (
    CPU,
    DISK_READ,
    DISK_WRITTEN,
    GPU_CLOCK,
    GPU_CLOCK_MAX,
    GPU_MEMORY,
    GPU_MEMORY_TOTAL,
    GPU_POWER,
    GPU_POWER_LIMIT,
    GPU_TEMPERATURE,
    GPU_THROTTLE,
    GPU_USE,
    HOST_CPU,
    HOST_MEMORY,
    MEMORY,
    NET_RECEIVED,
    NET_SENT,
    TORCH_ALLOCATED,
    TORCH_RESERVED,
)
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.reading.snapshot import Facts
from gradtop.tui.screens.system.data import SystemPart
from gradtop.tui.screens.system.host import throttled
from gradtop.tui.widgets.columns import Piece

LABEL = 10  # cells
STREAM = 12
SHARE = 8  # cells of "< 0.01 %"
BAR = 16
MOST_CORES = 40  # that are drawn one by one; of more, means of neighbours
BARS = "▁▂▃▄▅▆▇█"
PROCESSES = 4


def run_lines(part: SystemPart, facts: Facts) -> list[TextLine]:
    """What the run itself takes."""
    status = facts.status
    where = " · ".join(filter(None, [f"pid {status.pid}" if facts.alive and status.pid else "", clean(status.host, 40), status.device]))
    threads = f" · {status.threads} CPU thread{'s' * (status.threads != 1)}" if status.threads else ""
    lines: list[TextLine] = [[(f" {where}{threads}", "muted")]]
    if math.isfinite(part.seconds):
        pace = f" · {pace_text(status)}" if facts.alive and status.samples_per_s else ""
        lines.append(row("step", [(milliseconds(part.seconds), "strong"), (pace, "text")]))
    if math.isfinite(part.loading):
        busy = "warning" if part.loading > 0.5 else "text"
        lines.append(row("loading", [*bar(part.loading, busy), (f" {percent(part.loading)} of a step", busy)]))
    if math.isfinite(cpu := part.now.get(CPU, math.nan)):
        whole = f" of {100 * part.cores} %" if part.cores else ""
        lines.append(row("processor", [*(bar(cpu / 100 / part.cores) if part.cores else []), (f" {cpu:.0f} %", "strong"), (whole, "muted")]))
    if math.isfinite(memory := part.now.get(MEMORY, math.nan)):
        lines.append(row("memory", of(memory, part.memory_total)))
    return lines


def host_lines(part: SystemPart, facts: Facts) -> list[TextLine]:
    """What goes on there beside it."""
    now = part.now
    cores = f"{part.cores} core{'s' * (part.cores != 1)}" if part.cores else ""
    lines: list[TextLine] = [[(f" {' · '.join(filter(None, [clean(facts.status.host, 40), cores]))}", "muted")]]
    if part.core_use:
        shares = part.core_use if len(part.core_use) <= MOST_CORES else merged(part.core_use, MOST_CORES)
        lines.append(row("each core", [("".join(BARS[min(7, int(8 * share))] for share in shares), "primary")]))
    if math.isfinite(cpu := now.get(HOST_CPU, math.nan)):
        whole = f" of {100 * part.cores} %" if part.cores else ""
        lines.append(row("processor", [*(bar(cpu / 100 / part.cores) if part.cores else []), (f" {cpu:.0f} %", "strong"), (whole, "muted")]))
    if math.isfinite(memory := now.get(HOST_MEMORY, math.nan)):
        lines.append(row("memory", of(memory, part.memory_total)))
    for label, first, second, words in (("disk", DISK_READ, DISK_WRITTEN, ("read", "written")), ("network", NET_RECEIVED, NET_SENT, ("received", "sent"))):
        rates = [(word, now.get(column, math.nan)) for word, column in zip(words, (first, second), strict=True)]
        known = [f"{rate(value)} {word}" for word, value in rates if math.isfinite(value)]
        if known:
            lines.append(row(label, [(" · ".join(known), "text")]))
        elif why := part.unavailable.get(first):
            lines.append(row(label, [(why, "muted")]))
    if part.free is not None:
        lines.append(row("free", [(size(part.free), "text"), (" for this user on the disk of the run", "muted")]))
    return lines


def gpu_lines(part: SystemPart) -> list[TextLine]:
    """The GPU that trains; what it does not report is named with the reason."""
    now = part.now

    def known(column: str) -> float:
        return now.get(column, math.nan)

    lines: list[TextLine] = [[(f" {part.gpu}", "muted")]] if part.gpu else []
    if math.isfinite(use := known(GPU_USE)):
        lines.append(row("use", [*bar(use / 100), (f" {use:.0f} %", "strong")]))
    if math.isfinite(memory := known(GPU_MEMORY)):
        lines.append(row("memory", of(memory, known(GPU_MEMORY_TOTAL))))
    if math.isfinite(allocated := known(TORCH_ALLOCATED)):
        lines.append(row("PyTorch", [(f"{size(allocated)} allocated · {size(known(TORCH_RESERVED))} reserved", "text")]))
    if math.isfinite(power := known(GPU_POWER)):
        limit = known(GPU_POWER_LIMIT)
        heat = f" · {known(GPU_TEMPERATURE):.0f} °C" if math.isfinite(known(GPU_TEMPERATURE)) else ""
        lines.append(row("power", [(f"{power:.0f} W", "strong"), (f"{f' of {limit:.0f} W' if math.isfinite(limit) else ''}{heat}", "text")]))
    if math.isfinite(clock := known(GPU_CLOCK)):
        most = known(GPU_CLOCK_MAX)
        lines.append(row("clock", [(f"{clock:.0f} MHz{f' of {most:.0f}' if math.isfinite(most) else ''}", "text")]))
    if reasons := throttled(known(GPU_THROTTLE)):
        lines.append(row("throttled", [(", ".join(reasons), "warning")]))
    for index, each in enumerate(part.processes[:PROCESSES]):
        held = "" if each.memory is None else f" {size(each.memory)}"
        lines.append(row("processes" if not index else "", [(f"{each.pid} {clean(each.name, 20)}{held}", "text")]))
    if len(part.processes) > PROCESSES:
        lines.append(row("", [(f"and {len(part.processes) - PROCESSES} more", "muted")]))
    missing = list(dict.fromkeys(why for column, why in part.unavailable.items() if column.startswith(("gpu_", "torch_"))))
    return lines + [[(f" {why}", "muted")] for why in [*missing, *filter(None, [part.no_processes])]]


def monitoring_lines(part: SystemPart, *, alive: bool = True) -> list[TextLine]:
    """What looking inside costs, against the budget."""
    if not part.costs:
        return [[(" nothing measured within the budget in the last minute" if alive else " its cost was not recorded", "muted")]]
    whole = sum(cost.share for cost in part.costs)
    of_budget = f" of {percent(part.budget)}" if math.isfinite(part.budget) else ""
    over = "warning" if whole > 1.5 * part.budget else "strong"
    lines: list[TextLine] = [[(f" {'all':<{STREAM}}", "muted"), (f"{percent(whole, 2):>{SHARE}}", over), (f"{of_budget} of the time", "muted")]]
    for cost in part.costs:
        every = f"every {interval(cost.every)}" if math.isfinite(cost.every) else "not in the last minute"
        lines.append([(f" {cost.stream:<{STREAM}}", "muted"), (f"{percent(cost.share, 2):>{SHARE}}", "text"), (f"  {every}", "text")])
    return [*lines, [(f" {'system':<{STREAM}}", "muted"), (" " * SHARE, "text"), ("  every 1.0 s, in a thread of its own", "muted")]]


def interval(seconds: float) -> str:
    return milliseconds(seconds) if seconds < 1 else f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def row(label: str, pieces: Sequence[Piece]) -> TextLine:
    return [(f" {label:<{LABEL}}", "muted"), *pieces]


def bar(share: float, tone: str = "primary") -> list[Piece]:
    full = round(max(0.0, min(1.0, share)) * BAR)
    return [("━" * full, tone), ("─" * (BAR - full), "faint")]


def of(used: float, whole: float) -> list[Piece]:
    """An amount of memory, of all that there is where that is known."""
    if not (math.isfinite(whole) and whole > 0):
        return [(size(used), "strong")]
    return [*bar(used / whole, "warning" if used > 0.9 * whole else "primary"), (f" {size(used)}", "strong"), (f" of {size(whole)}", "muted")]


def rate(value: float) -> str:
    return f"{size(max(0.0, value))}/s"


def milliseconds(seconds: float) -> str:
    return f"{significant(1000 * seconds)} ms" if seconds < 1 else f"{significant(seconds)} s"


def merged(shares: Sequence[float], most: int) -> list[float]:
    """As many means of neighbours as there is room for."""
    each = -(-len(shares) // most)
    return [sum(part) / len(part) for start in range(0, len(shares), each) if (part := shares[start : start + each])]
