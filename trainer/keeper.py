"""Writes checkpoints beside the training, one at a time; a full disk costs a warning and no training step."""

from __future__ import annotations

import threading
from collections.abc import Callable

from trainer import checkpoint
from trainer.checkpoint import Saved, State
from trainer.record import Run, StreamWriter


class Keeper:
    """`problem` is called with a sentence when a checkpoint could not be written, and with "" when one was again."""

    def __init__(self, run: Run, writer: StreamWriter, keep: int, problem: Callable[[str], object]) -> None:
        self._run = run
        self._writer = writer
        self._keep = keep
        self._problem = problem
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None

    def submit(self, state: State, saved: Saved) -> None:
        """Write in the background; waits for the checkpoint before this one. `state` must not change any more."""
        self.wait()
        self._error = None
        self._thread = threading.Thread(target=self._write, args=(state, saved), name="checkpoint", daemon=True)
        self._thread.start()

    def wait(self) -> OSError | None:
        """Wait for what is being written; returns what went wrong with it."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        return self._error

    def _write(self, state: State, saved: Saved) -> None:
        folder = self._run.checkpoints
        try:
            # The records up to this step first: after a kill the stream must have no gap before the checkpoint.
            path = checkpoint.save(folder, state, saved, before_rename=self._writer.flush)
        except OSError as error:
            self._error = error
            self._warn(saved.step, f"checkpoint of step {saved.step} not written ({_reason(error)}); earlier ones are kept")
            return
        self._writer.event(
            "checkpoint", step=saved.step, epoch=saved.epoch, path=path.name, val_loss=saved.val_loss, best=saved.best
        )
        try:
            checkpoint.prune(folder, self._keep)
        except OSError as error:
            self._warn(saved.step, f"old checkpoints not removed ({_reason(error)})")
        else:
            self._problem("")

    def _warn(self, step: int, message: str) -> None:
        print(message, flush=True)
        self._writer.event("warning", step=step, message=message)
        self._problem(message)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
