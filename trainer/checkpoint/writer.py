"""Writes checkpoints beside the training; a full disk costs a warning and no training step."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.format import Saved, State
from gradtop.trainer.record import EventKind, Run, StreamWriter

# Epochs of a few milliseconds must not turn into a stream of checkpoints.
APART = 1.0


class CheckpointWriter:
    """A thread with room for two checkpoints that wait: the best one and the newest one; later ones take their place.

    `problem` is called with a sentence when a checkpoint could not be written, and with "" when one was again.
    """

    def __init__(self, run: Run, writer: StreamWriter, keep: int, problem: Callable[[str], object]) -> None:
        self._run = run
        self._writer = writer
        self.keep = keep
        self._problem = problem
        self._lock = threading.Condition()
        self._waiting: dict[str, tuple[State, Saved]] = {}
        self._busy = self._hurry = self._closed = False
        self._next = 0.0
        self._error: OSError | None = None
        self._warned = False
        # A daemon, so that a process that is told to end at once does not wait for a slow disk.
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        self._thread.start()

    @property
    def rests(self) -> bool:
        """Whether the last checkpoint is so young that an ordinary one can be left out."""
        return bool(self._waiting) or self._busy or time.monotonic() < self._next

    def submit(self, state: State, saved: Saved) -> None:
        """Have it written soon. `state` must not change any more."""
        with self._lock:
            self._waiting.pop("newest", None)
            self._waiting["best" if saved.best else "newest"] = (state, saved)
            self._lock.notify_all()

    def finish(self) -> OSError | None:
        """Wait until everything is written; returns what went wrong with the last one."""
        with self._lock:
            self._hurry = True
            self._lock.notify_all()
            self._lock.wait_for(lambda: not self._waiting and not self._busy)
            self._hurry = False
            return self._error

    def close(self) -> None:
        self.finish()
        with self._lock:
            self._closed = True
            self._lock.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._busy = False
                self._lock.notify_all()
                self._lock.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                self._lock.wait_for(lambda: self._hurry, timeout=max(self._next - time.monotonic(), 0.0))
                due = sorted(self._waiting.values(), key=lambda item: item[1].step)
                self._waiting.clear()
                self._busy = True
            for state, saved in due:
                self._error = self._write(state, saved)
            self._next = time.monotonic() + APART

    def _write(self, state: State, saved: Saved) -> OSError | None:
        folder = self._run.checkpoints
        try:
            # The records up to this step first: after a kill the stream must have no gap before the checkpoint.
            path = checkpoint.save(folder, state, saved, before_rename=self._writer.flush)
        except Exception as error:  # noqa: BLE001 - whatever it was, training goes on and the person is told
            self._warn(saved.step, f"checkpoint of step {saved.step} not written ({_why(error)}); earlier ones are kept")
            return error if isinstance(error, OSError) else OSError(_why(error))
        self._writer.event(
            EventKind.CHECKPOINT, step=saved.step, epoch=saved.epoch, path=path.name, val_loss=saved.val_loss, best=saved.best
        )
        try:
            checkpoint.prune(folder, self.keep)
        except OSError as error:
            self._warn(saved.step, f"old checkpoints not removed ({_why(error)})")
        else:
            if self._warned:
                self._problem("")
            self._warned = False
        return None

    def _warn(self, step: int, message: str) -> None:
        self._warned = True
        self._writer.event(EventKind.WARNING, step=step, message=message)
        self._problem(message)


def _why(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) else ""
    return (said or str(error) or type(error).__name__).lower()
