"""Pictures of weights, taken only while a screen shows them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from gradtop.trainer.monitor.instruments.instrument import Instrument, Setup
from gradtop.trainer.monitor.pictures import picture_of
from gradtop.trainer.monitor.transfer import Transfer
from gradtop.trainer.record import Column
from gradtop.trainer.record.pictures import Wanted
from gradtop.trainer.record.streams.open_streams import Row
from gradtop.trainer.record.streams.registry import CELLS, PICTURES, columns_of, picture_columns

SHARE = 0.1  # of the budget
EVERY = 1.0  # seconds between two pictures of what somebody looks at
AT_ONCE = 4  # pictures that are taken, of all that open screens show


class Pictures(Instrument):
    """Takes what somebody begins to look at in the next step, and then once a second. The stream begins with the first picture."""

    stream = PICTURES

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._weights = {name: (number, parameter) for number, (name, parameter) in enumerate(setup.model.named_parameters())}
        self._taken: deque[tuple[int, float, int, Sequence[float], Transfer]] = deque()
        self._price = setup.price(SHARE)
        self.prices = (self._price,)
        self._looked_at: frozenset[Wanted] = frozenset()
        self._again_at = 0.0
        self._opened = False

    @property
    def columns(self) -> Sequence[Column]:
        return (*columns_of(PICTURES), *map(Column, picture_columns()))

    @property
    def extra(self) -> Mapping[str, object]:
        return {"parameters": list(self._weights)}

    def begin(self) -> None:
        """Most trainings are looked at by nobody: the stream waits for the first picture."""

    def look(self, step: int, now: float) -> None:
        wanted = self.setup.lease().pictures
        if not wanted:
            self._looked_at = wanted
            return
        fresh = wanted - self._looked_at
        due = now >= self._again_at
        self._looked_at = wanted
        taken = 0
        for each in sorted(wanted if due else fresh, key=Wanted.to_json):
            taken += self._take(each, step)
            if taken == AT_ONCE:
                break
        if due:
            wait = EVERY * self.setup.size_limit.stretch
            self._again_at = now + max(wait, self._price.cost((0,)) * len(wanted) / self.setup.config.budget)

    def _take(self, wanted: Wanted, step: int) -> bool:
        """Whether there is such a picture."""
        number, weight = self._weights.get(wanted.parameter, (0, None))
        if weight is None:
            return False
        self._price.begin()
        found = picture_of(weight, wanted)
        if found is not None:
            self._taken.append((step, self.setup.clock(), number, found[0], Transfer(found[1])))
        self._price.end()
        self._price.close()
        return found is not None

    def rows(self, *, wait: bool) -> Iterator[Row]:
        while self._taken and (wait or self._taken[0][-1].ready):
            step, time, number, head, values = self._taken.popleft()
            if not self._opened:
                self._opened = True
                self.open(step)
            found = values.values()
            yield (step, time + self.setup.offset(), number, *head, *found, *[math.nan] * (CELLS + 1 - len(found)))
