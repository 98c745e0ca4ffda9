"""What measuring costs, and how often it may therefore be done."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

WINDOW = 9
KNOWN = 3  # costs, from which on the first one, of a cold start, matters little
MINUTE = 60.0  # seconds
OFTEN, SELDOM = 12.0, 45.0  # seconds between two measurements that nobody asked for, at most: in the first minute, and later
EARLY = 3  # budgets that these may take in the first minute


def base_period(elapsed: float) -> float:
    """Seconds between two measurements that nobody asked for, at most, so long after training began."""
    return OFTEN if elapsed < MINUTE else SELDOM


class Meter:
    """The seconds that pieces of work take: of the processor or of the device, whichever are more.

    One waits for the other in turn, so the larger of the two is the most that training can be held up by.
    """

    def __init__(self, device: torch.device, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._device = device if device.type == "cuda" else None
        self._began = self._spent = 0.0
        self._events: list[Any] = []  # torch.cuda.Event has no types
        self._closed: deque[tuple[float, list[Any]]] = deque()

    def begin(self) -> None:
        if self._device is not None:
            self._mark()
        self._began = self._clock()

    def end(self) -> None:
        self._spent += self._clock() - self._began
        if self._device is not None:
            self._mark()

    def close(self) -> None:
        """All since the last `close` is one piece of work."""
        self._closed.append((self._spent, self._events))
        self._spent, self._events = 0.0, []

    def costs(self) -> Iterable[float]:
        """Seconds of the pieces of work whose cost is known by now; each is returned once."""
        while self._closed and (not self._closed[0][1] or self._closed[0][1][-1].query()):
            spent, events = self._closed.popleft()
            pairs = zip(events[::2], events[1::2], strict=False)
            yield max(spent, sum(start.elapsed_time(end) for start, end in pairs) / 1e3)

    def _mark(self) -> None:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        self._events.append(event)


class StepTime:
    """The typical seconds of a step; 0 until one was observed. A pause or an evaluation changes nothing."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._last: deque[float] = deque(maxlen=WINDOW)

    def observe(self, seconds: float) -> None:
        self._last.append(seconds)
        self.seconds = statistics.median(self._last)


class Governor:
    """Sets how many steps a measurement must wait after the one before it, to stay within its share of the time.

    Until a few costs and the time of a step are known, it waits twice as long each time.
    """

    def __init__(self, share: float, step_time: StepTime) -> None:
        self._share = share
        self._step_time = step_time
        self._costs: deque[float] = deque(maxlen=WINDOW)
        self._wait = 1
        self.overhead = 0.0  # seconds for which each measurement is paid for once more, when it is handed over

    @property
    def cost(self) -> float:
        """Typical seconds of one measurement; 0 before the first."""
        return statistics.median(self._costs) if self._costs else 0.0

    @property
    def known(self) -> bool:
        return len(self._costs) >= KNOWN

    def observe_cost(self, seconds: float) -> None:
        self._costs.append(seconds)

    def wait(self) -> int:
        """Steps until the next measurement."""
        step = self._step_time.seconds
        if not self.known or step <= 0:
            self._wait *= 2
            return self._wait
        return max(1, math.ceil((self.cost + self.overhead) / (self._share * step)))


class Price:
    """What the measurements of one instrument cost, and how long each must wait for the one after it.

    An instrument whose measurements differ in cost, as those of parameters of different size do, has several `parts`.
    """

    def __init__(
        self,
        budget: float,
        share: float,
        step_time: StepTime,
        device: torch.device,
        clock: Callable[[], float] = time.perf_counter,
        parts: int = 1,
    ) -> None:
        """`share` is that of the budget."""
        self._meter = Meter(device, clock)
        self._budget, self._step_time = budget, step_time
        self._governors = [Governor(budget * share, step_time) for _ in range(parts)]
        self._measured: deque[int] = deque()  # parts whose costs are not known yet
        self.times, self.seconds = 0, 0.0  # measurements so far, and what they have cost
        self.begin, self.end = self._meter.begin, self._meter.end

    def close(self, part: int = 0) -> None:
        """What was metered since the last `close` is one measurement."""
        self._meter.close()
        self._measured.append(part)

    def observe(self) -> None:
        for cost in self._meter.costs():
            governor = self._governors[self._measured.popleft()]
            governor.observe_cost(cost)
            self.times += 1
            self.seconds += cost + governor.overhead

    def add_overhead(self, seconds: float, part: int = 0) -> None:
        """What handing over a measurement costs beside."""
        self._governors[part].overhead = seconds

    def cost(self, parts: Iterable[int]) -> float:
        """Typical seconds of one measurement of each of these parts."""
        return sum(self._governors[part].cost for part in parts)

    def wait(self, part: int = 0) -> int:
        """Steps until the next measurement."""
        return self._governors[part].wait()

    def known(self, part: int) -> bool:
        """Whether enough costs are known for a wait that rests on them."""
        return self._governors[part].known

    def base_wait(self, elapsed: float, part: int = 0) -> int:
        """The same, but not much longer than a minute, and several times in the first, where the whole budget affords that.

        `elapsed` are the seconds since training began.
        """
        wait, step = self._governors[part].wait(), self._step_time.seconds
        if step <= 0:
            return wait
        budgets = EARLY if elapsed < MINUTE else 1
        seconds = max(base_period(elapsed), self._governors[part].cost / (budgets * self._budget))
        return max(1, min(wait, int(seconds / step)))


class Spending:
    """What each instrument has cost lately; read from the heartbeat's thread, while the counters of the prices go on."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._looks: deque[tuple[float, dict[str, tuple[int, float]]]] = deque()

    def read(self, prices: Mapping[str, Price]) -> dict[str, object]:
        """Of each instrument by its stream, over the last minute: `STREAM.share` of the time, and `STREAM.every`, the seconds between two measurements."""
        now, counts = self._clock(), {name: (price.times, price.seconds) for name, price in prices.items()}
        self._looks.append((now, counts))
        while len(self._looks) > 2 and self._looks[1][0] <= now - MINUTE:
            self._looks.popleft()
        then, before = self._looks[0]
        if now - then < 1.0:
            return {}
        found: dict[str, object] = {}
        for name, (times, seconds) in counts.items():
            times_before, seconds_before = before.get(name, (0, 0.0))
            found[f"{name}.share"] = (seconds - seconds_before) / (now - then)
            if times > times_before:
                found[f"{name}.every"] = (now - then) / (times - times_before)
        return found
