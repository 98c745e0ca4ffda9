"""Axes: round ranges, ticks in steps of 1, 2 and 5, and ranges that stay where they are while the data fits."""

from __future__ import annotations

import math

from gradtop.trainer.analysis import formatting
from gradtop.trainer.named_tuple import NamedTuple

STEPS = (1.0, 2.0, 5.0, 10.0)
LOG_PARTS = 4  # a logarithmic range ends at quarters of a decade
TINY_DECADE = 300
LARGEST, TINIEST = 1e300, 1e-290  # what lies outside is drawn at the edge, as arithmetic ends there
DISTINCT = 1e-9  # the share of a large number that must be added to it for another one, and not only the next one
SLACK = 0.5  # a range is given up when less than this share of it is wanted
LOG_STEPS = (1 / 3, 1 / 2, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)  # decades between ticks: 1 2 5, 1 3, each decade, every second …
GROWTH = 0.3  # of its range, where data that grows would have it drawn anew each moment
FEW = 0.4  # how much few ticks weigh against a range that is larger than the data
UNEVEN = 3  # rows between the ticks 1 2 5 at most
PARTS = {1 / 3: (1, 2, 5), 1 / 2: (1, 3)}  # what is labelled in a decade; log10(2), log10(3) and log10(5) lie near thirds and the half


class Axis(NamedTuple):
    """A range and its labelled ticks; `low` and `high` are decades (log10) on a logarithmic axis."""

    low: float
    high: float
    log: bool = False
    ticks: tuple[tuple[float, str], ...] = ()

    def at(self, value: float) -> float:
        """Where a finite value lies: 0 at the low end, 1 at the high one. On a logarithmic axis nothing lies under 0."""
        if self.log:
            if value <= 0:
                return 0.0
            value = math.log10(value)
        return (max(-LARGEST, min(LARGEST, value)) - self.low) / (self.high - self.low)

    def value(self, share: float) -> float:
        """What lies at a share of the range, 0 at the low end and 1 at the high one."""
        found = self.low + share * (self.high - self.low)
        return 10.0**found if self.log else found

    @property
    def label_width(self) -> int:
        return max((len(label) for _value, label in self.ticks), default=0)


def step_for(span: float, most: int) -> float:
    """The smallest step of 1, 2 or 5 × 10ⁿ that needs no more than `most` intervals; at least a normal double."""
    raw = max(span / max(1, most), 1e-300)
    power = 10.0 ** math.floor(math.log10(raw))
    return next((power * s for s in STEPS if power * s >= raw * (1 - 1e-9)), power * 10)


def multiples(low: float, high: float, step: float) -> list[float]:
    """The multiples of a step within a range, without the dust of floating point."""
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [] if last - first > 1000 else [k * step for k in range(first, last + 1)]


def tick_label(value: float, step: float, largest: float) -> str:
    """As many decimals as the step needs; letters for large numbers, exponents for tiny ones."""
    if abs(value) < step * 1e-6:
        return "0" if step >= 1 or largest < 0.01 else f"{0:.{_decimals(step)}f}"
    if largest >= 1e15 or largest < 0.01 or step < 1e-6:
        return formatting.scientific(value, min(9, max(2, math.ceil(math.log10(abs(value) / step) + 1))))
    if largest >= 1e5 and step >= 1:
        for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
            if largest >= size * 0.999:
                return f"{value / size:.{_decimals(step / size)}f}{letter}"
    return f"{value:,.{_decimals(step)}f}".replace(",", formatting.THIN)


def _decimals(step: float) -> int:
    return max(0, min(9, -math.floor(math.log10(step) + 1e-9)))


def linear(low: float, high: float, most: int) -> Axis:
    """A range around finite data, with at most `most` + 1 ticks. Zero is taken in where it is near."""
    low, high = _with_zero(low, high)
    step = step_for(high - low, most)
    quantum = step / 2
    low, high = math.floor(low / quantum + 1e-9) * quantum, math.ceil(high / quantum - 1e-9) * quantum
    largest = max(abs(low), abs(high))
    return Axis(low, high, False, tuple((v, tick_label(v, step, largest)) for v in multiples(low, high, step)))


def logarithmic(low: float, high: float, most: int) -> Axis:
    """A range around positive data in decades; 1, 2 and 5 are marked where there are few decades."""
    bottom, top = _decades(low, high)
    bottom = math.floor(bottom * LOG_PARTS + 1e-9) / LOG_PARTS
    top = math.ceil(top * LOG_PARTS - 1e-9) / LOG_PARTS
    decades = range(math.floor(bottom), math.ceil(top) + 1)
    ticks: list[float] = []
    for parts in ((1, 2, 5), (1, 3), (1,)):
        ticks = [part * 10.0**d for d in decades for part in parts if bottom - 1e-9 <= d + math.log10(part) <= top + 1e-9]
        if len(ticks) <= most + 1:
            break
    every = 1
    while len(ticks) > most + 1 and every < 400:
        every += 1
        ticks = [10.0**d for d in decades if d % every == 0 and bottom - 1e-9 <= d <= top + 1e-9]
    return Axis(bottom, top, True, tuple((tick, log_label(tick)) for tick in ticks))


def log_label(value: float) -> str:
    """0.01, 0.1, 1, 10, 100, 1 000; exponents outside."""
    if 0.01 * (1 - 1e-9) <= value < 1e4:
        return formatting.significant(float(f"{value:.1g}"), 1)
    return formatting.scientific(value, 1)


def fitted(low: float, high: float, *, log: bool, most: int, old: Axis | None = None) -> Axis:
    """A scale for the data; the old one as long as the data fits into it and fills half of it."""
    wanted = logarithmic(low, high, most) if log else linear(low, high, most)
    if old is None or old.log != log or wanted.low < old.low or wanted.high > old.high:
        return wanted
    enough = SLACK * (old.high - old.low)
    return old if wanted.high - wanted.low >= enough and old.ticks else wanted


class RowScale(NamedTuple):
    """A vertical axis in rows of cells: so many rows, and of how many dots each is made."""

    rows: int
    dots: int

    @property
    def steps(self) -> int:
        """From the lowest dot to the highest."""
        return max(1, self.rows * self.dots - 1)

    @property
    def middle(self) -> float:
        """The dot in the middle of the lowest row, where its label stands."""
        return (self.dots - 1) / 2

    @property
    def apart(self) -> range:
        """How many rows may lie between two ticks."""
        least = 1 if self.rows < 4 else max(2, -(-self.rows // 10))
        return range(least, max(least + 1, min(3 * least, self.rows)))


def in_rows(low: float, high: float, rows: RowScale, *, log: bool = False) -> Axis:
    """A range around finite data whose ticks lie in the middle of rows, all of them equally far apart; `log` takes positive data."""
    bottom, top = _decades(low, high) if log else _with_zero(low, high)
    best: tuple[float, float, int, float, int] | None = None  # how coarse, per dot, rows between ticks, step, the row of zero below the lowest one
    for apart in rows.apart:
        per_step = apart * rows.dots
        least = (top - bottom) / rows.steps * per_step
        # Far apart, 1 2 5 would be seen not to lie evenly.
        for step in [each for each in LOG_STEPS[apart > UNEVEN :] if each >= least][:2] if log else _round_steps(least):
            per_dot = step / per_step
            lowest = math.floor((bottom / per_dot + rows.middle) / rows.dots + 1e-9)
            if (lowest * rows.dots - rows.middle + rows.steps) * per_dot >= top - per_dot * 1e-6:
                coarse = per_dot * (apart / rows.apart[0]) ** FEW
                if best is None or coarse < best[0] * (1 - 1e-9):
                    best = (coarse, per_dot, apart, step, lowest)
                break
    if best is None:
        return (logarithmic if log else linear)(low, high, max(1, rows.rows // 2))
    _coarse, per_dot, apart, step, lowest = best
    start = (lowest * rows.dots - rows.middle) * per_dot
    end = start + rows.steps * per_dot
    numbers = range(-(-lowest // apart), (lowest + rows.rows - 1) // apart + 1)
    if log:
        ticks = tuple((value, log_label(value)) for number in numbers if 0 < (value := _of_decade(number, step)) < math.inf)
    else:
        largest = max(abs(bottom), abs(top))
        ticks = tuple((number * step, tick_label(number * step, step, largest)) for number in numbers)
    return Axis(start, end, log, ticks)


def in_bars(most: float, rows: int, old: Axis | None = None) -> Axis:
    """A range from zero to at least a positive number for bars in so many rows: each tick is the top of a row, all equally far apart.

    The old one stays as long as the bars fit into it and fill half of it.
    """
    wanted: list[tuple[float, float, int]] = []
    for apart in range(2 if rows > 5 else 1, max(3, rows // 2 + 1)):
        step = step_for(most * apart / rows, 1)
        wanted.append((rows / apart * step * (apart / 2) ** FEW, step, apart))
    _size, step, apart = min(wanted)
    high = rows / apart * step
    if old is not None and old.high >= most and SLACK * old.high <= high and old.low == 0:
        return old
    return Axis(0.0, high, False, tuple((number * step, tick_label(number * step, step, high)) for number in range(rows // apart + 1)))


def _with_zero(low: float, high: float) -> tuple[float, float]:
    """The range of finite data with some height; zero is taken in where it is near."""
    low, high = sorted(max(-LARGEST, min(LARGEST, 0.0 if abs(v) < TINIEST else v)) for v in (low, high))
    if high - low <= max(abs(low), abs(high)) * 1e-9:
        room = abs(high) * 0.2 or 1.0
        return low - room, high + room
    if 0 < low < 0.4 * high:
        return 0.0, high
    return (low, 0.0) if 0 > high > 0.4 * low else (low, high)


def _decades(low: float, high: float) -> tuple[float, float]:
    bottom, top = math.log10(max(low, TINIEST)), math.log10(max(high, TINIEST))
    middle = (top + bottom) / 2
    return (middle - 0.25, middle + 0.25) if top - bottom < 0.5 else (bottom, top)


def _round_steps(least: float) -> tuple[float, float]:
    """The two smallest round steps of at least so much: data may lie so that the smaller one does not do."""
    first = step_for(least, 1)
    return first, step_for(first * 1.5, 1)


def _of_decade(number: int, step: float) -> float:
    """The value of a tick so many steps of decades from 1."""
    parts = PARTS.get(step)
    decade, part = divmod(number, len(parts)) if parts else (round(number * step), 0)
    return (parts[part] if parts else 1) * 10.0**decade if -TINY_DECADE < decade < TINY_DECADE else math.inf


def kept_in_rows(low: float, high: float, rows: RowScale, *, log: bool = False, old: Axis | None = None) -> Axis:
    """The same; the old one as long as the data lies in it and fills half of it. One that data grew out of gets room to grow on."""
    wanted = in_rows(low, high, rows, log=log)
    if old is None or old.log != log or not old.ticks:
        return wanted
    bottom, top = (math.log10(max(v, TINIEST)) for v in (low, high)) if log else (low, high)
    dust = (old.high - old.low) * 1e-6
    falls, rises = bottom < old.low - dust, top > old.high + dust
    if falls or rises:
        room = GROWTH * (top - bottom)
        floor = 0.0 if low >= 0 and not log else -math.inf
        bottom, top = max(floor, bottom - room) if falls else bottom, top + room if rises else top
        if log:
            bottom, top = (10.0 ** max(-TINY_DECADE, min(TINY_DECADE, v)) for v in (bottom, top))
        return in_rows(bottom, top, rows, log=log)
    return old if wanted.high - wanted.low >= SLACK * (old.high - old.low) else wanted


def along(low: float, high: float, width: int) -> Axis:
    """A scale for the horizontal axis: exactly the range given, its labels at least three cells apart in `width` cells."""
    low = max(-LARGEST, min(LARGEST, low)) if math.isfinite(low) else 0.0
    high = max(-LARGEST, min(LARGEST, high)) if math.isfinite(high) else low
    if high <= low:
        high = low + max(1.0, abs(low) * DISTINCT)
    largest = max(abs(low), abs(high))
    for most in range(max(1, width // 6), 0, -1):
        step = step_for(high - low, most)
        if high - low >= 1 and abs(low) + abs(high) < 1e15:
            step = max(1.0, step)
        ticks = [(v, tick_label(v, step, largest)) for v in multiples(low, high, step)]
        longest = max((len(label) for _v, label in ticks), default=0)
        if (longest + 3) * (high - low) <= width * step * (1 + 1e-9):
            return Axis(low, high, False, tuple(ticks))
    return Axis(low, high, False, tuple(ticks[:1]))


def along_decades(low: float, high: float, width: int) -> Axis:
    """A logarithmic scale for the horizontal axis: exactly the range given, its labels some cells apart in `width` cells."""
    if not 0 < low < high < math.inf or math.log10(high) - math.log10(low) < DISTINCT:
        return along(low, high, width)
    rough = logarithmic(low, high, max(1, width // 9))
    return Axis(math.log10(low), math.log10(high), True, tuple(tick for tick in rough.ticks if low * (1 - 1e-9) <= tick[0] <= high * (1 + 1e-9)))
