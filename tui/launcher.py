"""Starting runs from the screen, through the torch server; everything heavy is imported when first needed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gradtop.trainer.record import Run

if TYPE_CHECKING:
    from gradtop.trainer.launch.fork_weights import ForkWeights
    from gradtop.trainer.launch.lr_preview import LrPreviewer, Planned
    from gradtop.trainer.launch.requests import Requests
    from gradtop.trainer.launch.seeds import Seeded
    from gradtop.trainer.launch.server import Connection
    from gradtop.trainer.record.pictures import Wanted


SOON = 2.0  # seconds


class Starts(Protocol):
    """What the screen needs to start runs. All of it blocks for some tenths of a second: call it in a thread."""

    def prepare(self) -> None:
        """Have the torch server ready for what is started next. Raises OSError."""

    def expect_start(self) -> None:
        """Have a process ready for a run that will perhaps be started soon. Raises OSError."""

    def resume(self, run: Run) -> Run: ...

    def ask_search(self, run: Run, command: str, arguments: Mapping[str, object]) -> Run:
        """Resume a search that has ended, for what it is asked. Raises OSError where it refuses."""

    def rerun(self, run: Run) -> Run: ...

    def seeds(self, run: Run, count: int) -> Run:
        """Queue so many runs that differ from it in the seed alone; returns the first."""

    def start(
        self, config: Any, *, parent: Run | None = None, changes: Sequence[Any] = (), checkpoint: Path | None = None, queue: bool = False
    ) -> Run: ...

    def plan(self, config: Any, steps_per_epoch: int = 0) -> Planned:
        """The learning rates that a configuration plans; takes seconds while PyTorch is imported for the first one."""

    def fork_weights(self, config: Any, checkpoint: Path) -> ForkWeights:
        """Which weights of a checkpoint a fork that trains as `config` keeps; takes as long."""

    def picture(self, run: Run, checkpoint: Path, wanted: Wanted, *, averaged: bool) -> Mapping[str, Any]:
        """A picture of the weights in a checkpoint, or of their EMA, as `trainer/server/pictures.py` has it. Raises OSError."""

    def close(self) -> None: ...


class Launcher:
    """Starts detached workers, which the torch server forks unless `server` is false."""

    def __init__(self, runs: Path, *, server: bool = True) -> None:
        self._runs = runs
        self._server = server
        self._lock = threading.Lock()
        self._link: Connection | None = None
        self._requests: Requests | None = None
        self._preview: LrPreviewer | None = None
        self._closed = False

    def prepare(self) -> None:
        """Keep the torch server from ending while this screen is open. Where there is none it is started, unless a run trains
        here: that would lose its cores to the import; the first start or preview then starts it."""
        if not self._server or self._closed or (self._link is not None and not self._link.lost):
            return
        from gradtop.trainer.launch.server import connect, connect_or_start

        link = connect() if trains_here(self._runs) else connect_or_start()
        if link is not None:
            link.stay()
        self._link = link
        if self._closed:  # meanwhile, by another thread
            self.close()  # type: ignore[unreachable]

    def expect_start(self) -> None:
        self.prepare()
        if self._link is None or self._closed:
            return
        from gradtop.trainer.launch.server import connect

        connection = connect()
        if connection is not None:
            with connection:
                connection.ask_for_spare()
                # It closes when it has forked. On a busy machine that may take longer, and a start then merely has no process ahead.
                with contextlib.suppress(TimeoutError):
                    connection.receive(SOON)

    def resume(self, run: Run) -> Run:
        self._begin(run, resume=True)
        return run

    def ask_search(self, run: Run, command: str, arguments: Mapping[str, object]) -> Run:
        from gradtop.trainer.jobs.search.asking import ask

        ask(run, command, arguments, server=self._server)
        return run

    def rerun(self, run: Run) -> Run:
        """The configuration that the run has now once more, from the start; the new run's parent is the old one."""
        from gradtop.trainer.launch.forks import rerun_weights
        from gradtop.trainer.launch.run_config import effective_config

        config = effective_config(run)
        return self.start(config, parent=run, checkpoint=rerun_weights(run, config))

    def seeds(self, run: Run, count: int) -> Run:
        from gradtop.trainer.launch import create_run, queue_worker
        from gradtop.trainer.launch.seeds import begin_seeds

        def create(parent: Run, made: Seeded) -> Run:
            return create_run(self._runs, made.config, name=made.name, parent=parent, checkpoint=made.weights, changes=made.changes)

        first, *_ = [new for new, _seed in begin_seeds(run, count, create, lambda new: queue_worker(new, server=self._server))]
        return first

    def start(
        self, config: Any, *, parent: Run | None = None, changes: Sequence[Any] = (), checkpoint: Path | None = None, queue: bool = False
    ) -> Run:
        """A new run: from `checkpoint` of its parent on, or from the start; at once, or in the queue."""
        from gradtop.trainer.launch import create_run, queue_worker
        from gradtop.trainer.launch.known_names import require_known_names

        if parent is not None:
            require_known_names(parent, config, changes)
        run = create_run(self._runs, config, parent=parent, changes=changes, checkpoint=checkpoint)
        if queue:
            queue_worker(run, server=self._server)
        else:
            self._begin(run)
        return run

    def _begin(self, run: Run, *, resume: bool = False) -> None:
        from gradtop.trainer.launch import start_worker

        start_worker(run, resume=resume, server=self._server)

    def plan(self, config: Any, steps_per_epoch: int = 0) -> Planned:
        from gradtop.trainer.config import to_tables
        from gradtop.trainer.launch.lr_preview import LrPreviewer

        if self._preview is None:
            self._preview = LrPreviewer(self._open_requests())
        return self._preview.plan(to_tables(config), steps_per_epoch=steps_per_epoch)

    def picture(self, run: Run, checkpoint: Path, wanted: Wanted, *, averaged: bool) -> Mapping[str, Any]:
        asked = {"run": str(run.path), "checkpoint": str(checkpoint), "wanted": wanted.to_json(), "averaged": averaged}
        return self._open_requests().answer("picture", asked)

    def fork_weights(self, config: Any, checkpoint: Path) -> ForkWeights:
        from gradtop.trainer.launch.fork_weights import GENERAL, fork_weights

        # Without a server each answer would take an import of PyTorch.
        return fork_weights(config, checkpoint, self._open_requests().answer) if self._server else GENERAL

    def _open_requests(self) -> Requests:
        from gradtop.trainer.launch.requests import Requests

        with self._lock:
            if self._requests is None:
                self._requests = Requests(server=self._server)
                if self._closed:  # meanwhile, by another thread
                    self._requests.close()
            return self._requests

    def close(self) -> None:
        self._closed = True
        with self._lock:
            requests = self._requests
        if requests is not None:
            requests.close()
        if self._link is not None:
            self._link.close()


def trains_here(runs: Path) -> bool:
    """Whether a run of the directory is being trained on this host."""
    from gradtop.trainer.record import is_alive, list_runs, read_status

    return any((status := read_status(run)).state.is_active and is_alive(status) for run in list_runs(runs))
