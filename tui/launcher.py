"""Starting runs from the screen, with one warm worker kept ready; everything heavy is imported when first needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gradtop.trainer.record import Run

if TYPE_CHECKING:
    from gradtop.trainer.launch import Standby
    from gradtop.trainer.launch.lr_preview import Planned, Preview


class Starts(Protocol):
    """What the screen needs to start runs. All of it blocks for some tenths of a second: call it in a thread."""

    def prepare(self) -> None: ...

    def resume(self, run: Run) -> Run: ...

    def rerun(self, run: Run) -> Run: ...

    def start(
        self, config: Any, *, parent: Run | None = None, changes: Sequence[Any] = (), checkpoint: Path | None = None, queue: bool = False
    ) -> Run: ...

    def plan(self, config: Any, steps_per_epoch: int = 0) -> Planned:
        """The learning rates that a configuration plans; takes seconds while PyTorch is imported for the first one."""

    def close(self) -> None: ...


class Launcher:
    """Starts detached workers, from the standby where there is one; `prepare` again for the next."""

    def __init__(self, runs: Path, *, standby: bool = True) -> None:
        self._runs = runs
        self._wanted = standby
        self._standby: Standby | None = None
        self._preview: Preview | None = None
        self._closed = False

    def prepare(self) -> None:
        """Start the standby, which dies with this process unless it was given a run."""
        if not self._wanted or self._closed or self._standby is not None:
            return
        from gradtop.trainer.launch import Standby

        standby = Standby()
        standby.start()
        self._standby = standby
        if self._closed:
            standby.close()  # type: ignore[unreachable]  # closed meanwhile, by another thread

    def resume(self, run: Run) -> Run:
        self._begin(run, resume=True)
        return run

    def rerun(self, run: Run) -> Run:
        """The same configuration again, from the start; the new run's parent is the old one."""
        from gradtop.trainer.config import load_config
        from gradtop.trainer.launch.forks import rerun_weights

        config = load_config(run.config)
        return self.start(config, parent=run, checkpoint=rerun_weights(run, config))

    def start(
        self, config: Any, *, parent: Run | None = None, changes: Sequence[Any] = (), checkpoint: Path | None = None, queue: bool = False
    ) -> Run:
        """A new run: from `checkpoint` of its parent on, or from the start; at once, or in line."""
        from gradtop.trainer.launch import create_run, queue_worker

        run = create_run(self._runs, config, parent=parent, changes=changes, checkpoint=checkpoint)
        if queue:
            queue_worker(run)
        else:
            self._begin(run)
        return run

    def _begin(self, run: Run, *, resume: bool = False) -> None:
        from gradtop.trainer.launch import start_worker

        standby, self._standby = self._standby, None
        start_worker(run, resume=resume, standby=standby)

    def plan(self, config: Any, steps_per_epoch: int = 0) -> Planned:
        from gradtop.trainer.config import to_tables
        from gradtop.trainer.launch.lr_preview import Preview

        if self._preview is None:
            self._preview = Preview()
        return self._preview.plan(to_tables(config), steps_per_epoch=steps_per_epoch)

    def close(self) -> None:
        self._closed = True
        if self._preview is not None:
            self._preview.close()
        standby, self._standby = self._standby, None
        if standby is not None:
            standby.close()
