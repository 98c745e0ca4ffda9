"""Writes checkpoints beside the training; a full disk costs a warning and no training step."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.encoding import decoded
from gradtop.trainer.checkpoint.format import State
from gradtop.trainer.checkpoint.sidecar import Saved, path_of
from gradtop.trainer.record import EventKind, Run, StreamWriter, is_fork
from gradtop.trainer.record.place import restore_folder
from gradtop.trainer.runtime.errors import UserError

# Epochs of a few milliseconds must not turn into a stream of checkpoints.
APART = 1.0
LOOK_EVERY = 1.0


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
        self.newest = 0  # the step of the newest checkpoint that was written
        self.unreadable: UserError | None = None
        self._verified = False
        self._unverified: UserError | None = None  # why the newest checkpoint could not be read back
        self._error: OSError | None = None
        self._warned = False
        self._thread: threading.Thread | None = None  # begins with the first checkpoint: the first step is what a person waits for

    def _begin(self) -> threading.Thread:
        # A daemon, so that a process that is told to end at once does not wait for a slow disk.
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        self._thread.start()
        return self._thread

    @property
    def rests(self) -> bool:
        """Whether the last checkpoint is so young that an ordinary one can be left out."""
        return bool(self._waiting) or self._busy or time.monotonic() < self._next

    def submit(self, state: State, saved: Saved) -> None:
        """Have it written soon. `state` must not change any more. Raises UserError where what is written cannot be read back."""
        self.check()
        if self._thread is None:
            self._begin()
        with self._lock:
            self._waiting.pop("newest", None)
            self._waiting["best" if saved.best else "newest"] = (state, saved)
            self._lock.notify_all()

    def check(self) -> None:
        """Begin the thread anew where it has died. Raises UserError where what it has written cannot be read back."""
        if self.unreadable is not None:
            raise self.unreadable
        if self._thread is not None and not self._thread.is_alive() and not self._closed:
            self._warn(self.newest, "the thread that writes checkpoints had ended, and was started again")
            self._error, self._busy = OSError("the thread that wrote it has ended"), False
            self._begin()

    def finish(self) -> OSError | None:
        """Wait until everything is written; returns what went wrong with the last one. Raises UserError as `submit` does."""
        with self._lock:
            self._hurry = True
            self._lock.notify_all()
            while not self._lock.wait_for(lambda: not self._waiting and not self._busy, timeout=LOOK_EVERY):
                self.check()
            self._hurry = False
        self.check()
        return self._error

    def close(self) -> None:
        """Write what waits and end the thread."""
        with self._lock:
            self._closed = self._hurry = True
            self._lock.notify_all()
        (self._thread or self._begin()).join()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._busy = False
                self._lock.notify_all()
                self._lock.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    break
                self._lock.wait_for(lambda: self._hurry, timeout=max(self._next - time.monotonic(), 0.0))
                due = sorted(self._waiting.values(), key=lambda item: item[1].step)
                self._waiting.clear()
                self._busy = True
            for state, saved in due:
                self._error = self._write(state, saved)
            self._next = time.monotonic() + APART
        if self._unverified is not None:
            self._verify_last()
        # A worker that was killed may have left more, and this one may have had none to write.
        if self.newest and self._unverified is None:
            self._prune(self.newest)

    def _write(self, state: State, saved: Saved) -> OSError | None:
        try:
            path = self._save(state, saved)
            self._unverified = None if self._verified else self._verify(path, state)
        except Exception as error:  # noqa: BLE001 - whatever it was, training goes on and the person is told
            self._warn(saved.step, f"checkpoint of step {saved.step} not written ({_why(error)}); {newest_text(self._run)}")
            return error if isinstance(error, OSError) else OSError(_why(error))
        self.newest = saved.step
        self._writer.event(
            EventKind.CHECKPOINT, step=saved.step, epoch=saved.epoch, path=path.name, val_loss=saved.val_loss, best=saved.best, monitor=saved.monitor
        )
        if self._unverified is not None:
            # Older ones stay, which may be needed.
            self._warn(saved.step, f"checkpoint of step {saved.step} written, but not verified: {self._unverified}; the next one will be")
        elif self._prune(saved.step):
            if self._warned:
                self._problem("")
            self._warned = False
        return None

    def _save(self, state: State, saved: Saved) -> Path:
        """Raises OSError."""
        where = self._run.where
        while True:
            try:
                restore_folder(self._run, self._run.checkpoints)
                # The records up to this step first: after a kill the stream must have no gap before the checkpoint.
                return checkpoint.save(self._run.checkpoints, state, saved, before_rename=self._writer.flush)
            except FileNotFoundError:
                self._writer.look()
                if self._run.where == where:
                    raise
                where = self._run.where  # the run was moved

    def _prune(self, step: int) -> bool:
        """Whether all went well."""
        try:
            checkpoint.prune(self._run.checkpoints, self.keep)
        except Exception as error:  # noqa: BLE001 - as above: no file that lies beside the checkpoints ends this thread
            self._warn(step, f"old checkpoints not removed ({_why(error)})")
            return False
        return True

    def _verify(self, path: Path, state: State) -> UserError | None:
        """Read the first checkpoint of this process back: nobody should find at a resume that this cannot be done.

        Returns the error where the file system did not give it back at this moment. Raises OSError where the state itself does not come back.
        """
        try:
            decoded(checkpoint.load(path, mapped=True))
        except Exception as error:  # noqa: BLE001 - what a value of a custom model's state raises as it is made again
            where = checkpoint.unreadable_key(state)
            if not where:
                return UserError(str(error))
            checkpoint.set_aside(path)
            self.unreadable = UserError(f"{where} cannot be read back from the checkpoint that was just written: {error}")
            raise OSError(str(self.unreadable)) from None
        self._verified = True
        return None

    def _verify_last(self) -> None:
        """Try once more with the last checkpoint, where that could not be done when it was written."""
        try:
            checkpoint.load(path_of(self._run.checkpoints, self.newest), mapped=True)
        except UserError as error:
            self._warn(self.newest, f"checkpoint of step {self.newest} could not be verified: {error}")
        else:
            self._unverified = None
            self._problem("")

    def _warn(self, step: int, message: str) -> None:
        self._warned = True
        self._writer.event(EventKind.WARNING, step=step, message=message)
        self._problem(message)


def newest_text(run: Run) -> str:
    """Where a resume would begin, by the checkpoints that are there now: somebody may have deleted some."""
    if steps := checkpoint.saved_steps(run.checkpoints):
        return f"the newest checkpoint is of step {steps[-1]}, where a resume begins"
    where = "at the checkpoint that the run was forked from" if is_fork(run) else "anew"
    return f"there is no checkpoint, and a resume begins {where}"


def _why(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else ""
    return (reason or str(error) or type(error).__name__).lower()
