"""What the poll thread hands to the screen: one immutable value per change, for the mode that is visible."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import Meta, Run, RunState, Status
from gradtop.trainer.record.config_values import value_of

if TYPE_CHECKING:
    from gradtop.trainer.analysis.findings import Report
    from gradtop.trainer.record.pictures import Wanted


class Facts(NamedTuple):
    """What every mode knows about the watched run; `run` is None where none is watched.

    `age` is the age of the newest figure in words, in coarse steps, so that it seldom changes; `left` is the expected
    time to the end in seconds, or None; `slowdown` how many times slower than at its best it trains, 0 where it does not; `config` is run.toml with what was changed live since; `death` is how its worker died, as far as that is known; `last_words` are the last lines of worker.log of a run that died or failed, `resumes_from` is where a resume of it goes on. `report` has its findings, None until they are
    known: a moment after the first frame.
    """

    run: Run | None = None
    name: str = ""
    state: RunState = RunState.UNKNOWN
    status: Status = Status()
    meta: Meta = Meta()
    config: Mapping[str, Any] = MappingProxyType({})
    age: str = ""
    left: float | None = None
    slowdown: float = 0.0
    rate: float = 0.0
    death: str = ""
    last_words: tuple[str, ...] = ()
    resumes_from: str = ""
    gone: bool = False
    report: Report | None = None

    @property
    def alive(self) -> bool:
        """Whether a worker may still obey."""
        return self.state.is_alive

    def setting(self, key: str, default: Any = None) -> Any:
        """One value of the configuration by its dotted path."""
        return value_of(self.config, key, default)


NO_RUN = Facts()


class LogPart(NamedTuple):
    """The last lines of a run's worker.log, safe to draw; `cut` says that there are earlier ones in the file."""

    run: Run | None = None
    lines: tuple[str, ...] = ()
    cut: bool = False


NO_LOG = LogPart()


class Snapshot(NamedTuple):
    """The facts of the run and the part that the visible mode asked for (what its `read` returned, None before)."""

    mode: str = ""
    facts: Facts = NO_RUN
    part: Any = None
    log: LogPart = NO_LOG


EMPTY = Snapshot()


class Request(NamedTuple):
    """What the visible screen wants read.

    `streams` are looked at on each tick; when one of them grew, or an event came, or the request changed, `read(source,
    view)` is called in the poll thread and its value becomes `Snapshot.part`. `measurements` and `parameters` become the lease:
    what the worker should measure because somebody is looking, as do `pictures`. `news(source)` is another value when what no
    stream tells of has changed. `log` is the run whose log is shown beside it.
    """

    run: Run | None = None
    mode: str = ""
    read: Callable[[Any, Any], object] | None = None
    view: Hashable = None
    streams: tuple[str, ...] = ()
    measurements: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    pictures: tuple[Wanted, ...] = ()
    watches_runs: bool = False
    news: Callable[[Any], Hashable] | None = None
    log: Run | None = None
