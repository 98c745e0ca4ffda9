"""torch.profiler around some steps: a step to count the events, one to warm up, and those that are recorded."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import torch
from torch import nn
from torch.autograd.profiler import record_function
from torch.profiler import ProfilerActivity, profile, schedule

from gradtop.trainer.analysis.profiling.trace_file import PHASE
from gradtop.trainer.training.phases import StepPhase
from gradtop.trainer.training.profiling.module_ranges import ModuleRanges

EVENT_BYTES = 700  # of one event in an exported trace, more than any usual one
QUIET = "5"
OF_DEVICE = {"cuda": ProfilerActivity.CUDA, "xpu": ProfilerActivity.XPU}


class CannotProfile(Exception):
    """The message is a sentence."""


def check_free() -> None:
    """Raises CannotProfile where other code of this process profiles, which two at a time cannot."""
    if torch.autograd._profiler_enabled():  # type: ignore[attr-defined]  # noqa: SLF001 - torch.profiler tells it nowhere else
        raise CannotProfile("another profiler is active in this process; end it first")


class Collector:
    """Each method raises what torch.profiler raises. `compiled`: the model is compiled, and hooks of its modules would compile it anew."""

    def __init__(self, model: nn.Module, device: torch.device, *, compiled: bool) -> None:
        self.notes: list[str] = []
        self._activities = [ProfilerActivity.CPU]
        if device.type in OF_DEVICE:
            self._activities.append(OF_DEVICE[device.type])
        elif device.type != "cpu":
            self.notes.append(f"torch.profiler records no kernels on {device.type}: times are those of the host")
        self._ranges = None if compiled else ModuleRanges(model)
        if compiled:
            self.notes.append("modules are not told apart where training.compile is true")
        self._profile: profile | None = None
        self._phase: record_function | None = None
        self._recording = self._resting = False
        os.environ.setdefault("KINETO_LOG_LEVEL", QUIET)  # it tells worker.log of each start

    @property
    def recording(self) -> bool:
        """Whether what happens now comes into the trace."""
        return self._recording and not self._resting

    def count_begin(self) -> None:
        """Record the next step to know how much one is."""
        check_free()
        self._profile = profile(activities=self._activities, profile_memory=True)
        self._profile.start()
        self._recording = True

    def count_end(self) -> int:
        """The events of the step, ranges of modules not included."""
        found = self._stopped()
        results = found.profiler.kineto_results if found.profiler is not None else None
        found.profiler = None
        return len(results.events()) if results is not None else 0

    def begin(self, steps: int) -> None:
        """Warm up in the next step, after which `steps` are recorded."""
        check_free()
        self._profile = profile(activities=self._activities, profile_memory=True, schedule=schedule(wait=0, warmup=1, active=steps, repeat=1))
        self._profile.start()

    def step(self) -> None:
        """The next step is recorded."""
        if self._profile is None:
            return
        self._profile.step()
        if not self._recording:
            self._recording = True
            if self._ranges is not None and (note := self._ranges.install()):
                self.notes.append(note)

    def enter(self, phase: StepPhase) -> None:
        """Begin the range of a phase, after that of the one before."""
        if self.recording:
            self._phase = record_function(f"{PHASE}{phase}")
            self._phase.__enter__()

    def leave(self) -> None:
        """End the range of the phase."""
        if self._phase is not None:
            ended = self._phase
            self._phase = None
            ended.__exit__(None, None, None)

    def rest(self) -> None:
        """Record nothing until `go_on`: no step is taken. Processes that are forked meanwhile record nothing ever."""
        if self.recording and self._profile is not None:
            self._profile.toggle_collection_dynamic(False, self._activities)
            self._resting = True

    def go_on(self) -> None:
        if self._resting and self._profile is not None:
            self._resting = False
            self._profile.toggle_collection_dynamic(True, self._activities)

    def end(self, path: Path) -> None:
        """Stop, and write what was recorded to a file. Raises CannotProfile where there is no room for it."""
        found = self._stopped()
        results = found.profiler.kineto_results if found.profiler is not None else None
        needed = EVENT_BYTES * len(results.events()) if results is not None else 0
        free = shutil.disk_usage(path.parent).free
        if needed > free:
            raise CannotProfile(f"its trace would take up to {needed / 1e6:,.0f} MB, and the disk has {free / 1e6:,.0f} MB left")
        found.export_chrome_trace(os.fspath(path))
        # It refers to itself, and would keep the events until the next full garbage collection.
        found.profiler = None

    def abort(self) -> None:
        """Stop whatever goes on; raises nothing."""
        with contextlib.suppress(Exception):
            self._stopped()

    def _stopped(self) -> profile:
        """Stop, with no hook left behind."""
        self.leave()
        if self._ranges is not None:
            self._ranges.remove()
        found, self._profile = self._profile, None
        self._recording = self._resting = False
        if found is None:
            raise RuntimeError("the profiler does not run")
        found.stop()
        return found
