"""Errors whose message is one sentence for the user."""

from __future__ import annotations

import errno
import resource
import traceback
from pathlib import Path

LOGGED = " (the traceback is in worker.log)"  # ends a sentence whose worker has printed one


class UserError(Exception):
    """An error that the user can fix; the message says what is wrong and what to do."""


class TracedError(UserError):
    """An error in custom code, whose traceback was printed: a worker's status says where that is."""


class NonFinite(UserError):
    """The loss or a gradient became infinite or not a number; the weights are those from before the step, unless `sentence` says otherwise."""

    def __init__(self, step: int, what: str, sentence: str = "") -> None:
        self.step = step
        self.what = what
        said = sentence or f"step {step}: {what} is not finite; training ended before the step changed the weights"
        super().__init__(f"{said}. Try a smaller learning rate, a warm-up or gradient clipping.")


class NothingLearned(UserError):
    """The gradient scaler skipped every step; the weights are the initial ones."""

    def __init__(self, steps: int) -> None:
        which = "the only step" if steps == 1 else f"each of the {steps} steps"
        super().__init__(
            f"nothing was learned: in {which} a gradient overflowed in fp16, and the gradient scaler skipped it. "
            "Train for more steps, as its scale is halved with each, or set training.precision to bf16 or fp32."
        )


class AlreadyTraining(UserError):
    """Another live process trains the run; its status must not be touched."""


def explain_limit(error: BaseException) -> str:
    """Explain an error caused by a resource limit of the process; "" for any other error."""
    message, number = str(error), error.errno if isinstance(error, OSError) else 0
    if number == errno.EMFILE or "Too many open files" in message:
        return f"too many open files: a process may have {_limit(resource.RLIMIT_NOFILE)} here; raise that with ulimit -n before the start, or make data.workers smaller"
    if number == errno.EAGAIN or "can't start new thread" in message:
        return f"no process or thread can be started: a user may have {_limit(resource.RLIMIT_NPROC)} here (ulimit -u); end others, or make data.workers smaller"
    if isinstance(error, ImportError) and "failed to map segment" in message:
        return f"not enough memory to load a library ({message.partition(':')[0]}): a process may have {_limit(resource.RLIMIT_AS, 1 << 10)} KiB here; raise that with ulimit -v"
    return ""


def sayable(error: Exception) -> Exception:
    """An error of custom code, or one that says as much where its own message cannot be made."""
    try:
        str(error)
    except Exception as failed:  # noqa: BLE001 - whatever a class of somebody's own raises there
        return RuntimeError(f"{type(error).__name__} was raised, and its message cannot be made, as its __str__ raised {type(failed).__name__}")
    return error


def explain_exit(error: BaseException) -> str:
    """Explain a SystemExit, with the place where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {frames[-1].name}, {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    by = " by sys.exit" if isinstance(error, SystemExit) else ""
    try:
        first = (repr(error).splitlines() or [""])[0]
    except Exception:  # noqa: BLE001 - as in sayable
        first = type(error).__name__
    return f"{first} was raised{by}{where}; code that cannot go on should raise an exception that says why{LOGGED}"


def _limit(of: int, unit: int = 1) -> str:
    soft = resource.getrlimit(of)[0]
    return "any number" if soft == resource.RLIM_INFINITY else f"{soft // unit:,}"
