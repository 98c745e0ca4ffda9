"""Profiles some steps of a training or a job while it goes on, and leaves nothing behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import torch

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import EventKind, Run
from gradtop.trainer.record.profiles import Profile, read_profile, summary_path
from gradtop.trainer.record.writing import create
from gradtop.trainer.training.phases import StepPhase, ignore
from gradtop.trainer.training.profiling.collector import CannotProfile, Collector, check_free
from gradtop.trainer.training.profiling.stages import (
    Plan,
    Stage,
    Times,
    bounded_steps,
    checked_steps,
    phase_means,
    phase_rows,
    planned,
    step_seconds,
    typical,
)
from gradtop.trainer.training.profiling.summary_process import SummaryProcess
from gradtop.trainer.training.step import Compute

UNTIL_WRITTEN = 30.0  # seconds that the end of a run waits for its profile


class Hears(Protocol):
    """Who is told how a profile went: the writer of a run."""

    def event(self, kind: str, /, **fields: object) -> None: ...


class Requested(NamedTuple):
    """The steps that are going to be recorded."""

    steps: int
    first: int
    last: int


class StepProfiler:
    """Listens to the phases of the steps while a profile is taken. Whatever goes wrong with it, the training goes on."""

    def __init__(self, run: Run, writer: Hears, compute: Compute, device: torch.device, *, compiled: bool, clock: Callable[[], float] = time.perf_counter) -> None:
        self._run, self._writer, self._compute, self._device, self._compiled, self._clock = run, writer, compute, device, compiled, clock
        self._plan: Plan | None = None
        self._collector: Collector | None = None
        self._phase: StepPhase | None = None
        self._since = 0.0
        self._times: dict[StepPhase, float] = {}
        self._unprepared = self._fresh = False
        self._step = self._first = self._last = 0
        self._raw: Path | None = None
        self._process: SummaryProcess | None = None
        self.profile = Profile()  # the newest
        self.problem = ""  # why there is none, of the newest request

    @property
    def busy(self) -> bool:
        """Whether a profile is being taken, or put together."""
        return self._plan is not None

    def request(self, arguments: Mapping[str, object], *, step: int, left: int, after: bool = True) -> Requested:
        """Profile the next steps of the `left` ones after `step`. Raises ValueError with a sentence."""
        steps = checked_steps(arguments.get("steps"))
        if self.busy:
            raise ValueError(f"steps {self._first} to {self._last} are being profiled; ask again when that is done")
        if not torch.profiler.kineto_available():
            raise ValueError("this build of PyTorch has no profiler (it was built without Kineto)")
        try:
            check_free()
        except CannotProfile as error:
            raise ValueError(str(error)) from None
        self.problem = ""
        self._plan = plan = planned(steps, left, after=after)
        self._collector = Collector(self._compute.model, self._device, compiled=self._compiled)
        self._step, self._phase, self._unprepared, self._fresh = step, None, True, False
        self._first = step + plan.until_active + 1
        self._last = self._first + plan.active - 1
        if plan.active < steps:
            self._collector.notes.append(f"{plan.active} of {steps} steps were profiled: no more were left")
        self._compute.enter = self._enter
        return Requested(plan.active, self._first, self._last)

    def rest(self) -> None:
        """No step is taken for a while, and processes may be forked before the next one."""
        if self._plan is None:
            return
        self._fresh = True
        if self._collector is not None:
            self._attempt(self._collector.rest)

    def close(self, *, at_once: bool) -> None:
        """The run ends: keep what was profiled."""
        plan = self._plan
        if plan is not None and self._process is None:
            if at_once or not plan.done[Stage.ACTIVE]:
                self._give_up("the run ended before its steps were profiled")
            else:
                self._attempt(lambda: self._conclude(plan))
        if not at_once:
            self.finish()

    def finish(self) -> None:
        """Wait until the profile is written."""
        if (process := self._process) is not None:
            process.finish(UNTIL_WRITTEN)

    # In each step while a profile is taken

    def _enter(self, phase: StepPhase) -> None:
        self._attempt(lambda: self._change(phase))

    def _attempt(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever fails in profiling, training goes on
            first = (str(error).strip().splitlines() or [""])[0][:200]
            self._give_up(first if isinstance(error, CannotProfile) else f"{type(error).__name__}: {first}")

    def _change(self, phase: StepPhase) -> None:
        plan, collector = self._plan, self._collector
        if plan is None or collector is None:
            return
        if self._phase is None:
            # Only from the beginning of a step on.
            if phase is StepPhase.BETWEEN:
                self._phase = phase
                self._step += 1
            return
        if self._phase is not StepPhase.BETWEEN:
            collector.leave()
            self._times[self._phase] = self._times.get(self._phase, 0.0) + self._clock() - self._since
        self._phase = phase
        if phase is StepPhase.BETWEEN:
            self._step += 1
            self._end_step(plan, collector)
        # With the first batch of an epoch processes are forked that read data: none may be forked while events are recorded.
        elif phase is StepPhase.LOADING or not self._fresh:
            if not self._fresh:
                self._prepare(plan, collector)
            collector.enter(phase)
        else:
            self._fresh = False
            self._prepare(plan, collector)
            collector.enter(phase)
        self._since = self._clock()

    def _prepare(self, plan: Plan, collector: Collector) -> None:
        """At the beginning of a step: what its stage needs."""
        collector.go_on()
        if not self._unprepared:
            return
        self._unprepared = False
        match plan.stage:
            case Stage.COUNT:
                collector.count_begin()
            case Stage.WARMUP:
                collector.begin(plan.active)
            case Stage.ACTIVE:
                collector.step()

    def _end_step(self, plan: Plan, collector: Collector) -> None:
        times, self._times = self._times, {}
        stage = plan.stage
        if stage is None:
            return
        plan.done[stage].append(times)
        self._unprepared = True
        if stage is Stage.COUNT:
            wanted, plan.steps[Stage.ACTIVE] = plan.active, bounded_steps(plan.active, collector.count_end())
            if plan.active < wanted:
                collector.notes.append(f"{plan.active} of {plan.asked} steps were profiled, as many as a trace may hold")
        elif stage is Stage.ACTIVE and plan.stage is not Stage.ACTIVE:
            self._last, self._first = self._step, self._step - len(plan.done[Stage.ACTIVE]) + 1
            self._export(collector)
        if plan.stage is None:
            self._conclude(plan)

    def _export(self, collector: Collector) -> None:
        raw = self._run.path / f".profile.{os.getpid()}.{os.urandom(4).hex()}.tmp"
        os.close(create(self._run.path, raw))
        self._raw = raw
        collector.end(raw)

    def _conclude(self, plan: Plan) -> None:
        """Have the profile written; what the run does meanwhile is no longer listened to."""
        collector, active = self._collector, plan.done[Stage.ACTIVE]
        self._compute.enter = ignore
        if collector is None:
            return
        if self._raw is None:
            self._last, self._first = self._step, self._step - len(active) + 1
            collector.notes.append(f"{len(active)} of {plan.asked} steps were profiled, as the run ended")
            self._export(collector)
        raw, self._raw, self._collector = self._raw, None, None
        if raw is not None:
            self._process = SummaryProcess(self._run, raw, self._described(plan, collector.notes), typical(active), self._written)

    def _described(self, plan: Plan, notes: list[str]) -> Profile:
        def seconds(times: list[Times]) -> float:
            return step_seconds(phase_means(times)) if times else 0.0

        active, gpu = plan.done[Stage.ACTIVE], self._device.type == "cuda"
        return Profile(
            time=time.time(),
            step=self._first,
            last=self._last,
            asked=plan.asked,
            steps=len(active),
            device=str(self._device),
            device_name=torch.cuda.get_device_name(self._device) if gpu else "",
            threads=torch.get_num_threads(),
            torch=torch.__version__,
            before=seconds(plan.done[Stage.BEFORE]),
            profiled=seconds(active),
            after=seconds(plan.done[Stage.AFTER]),
            phases=tuple(phase_rows(plan.done[Stage.BEFORE], active)),
            notes=tuple(notes),
        )

    def _written(self, problem: str) -> None:
        """The profile lies in its place, or not; called from another thread."""
        path = summary_path(self._run, self._first)
        if not problem:
            try:
                self.profile = read_profile(path)
            except Exception as error:  # noqa: BLE001 - as above
                problem = str(error)
        if problem:
            self._tell(problem)
        else:
            found = self.profile
            self._writer.event(
                EventKind.PROFILE, step=found.step, last=found.last, path=path.name, trace=found.trace, slowdown=found.slowdown,
                phases={row.name: row.before or row.profiled for row in found.phases},
            )  # fmt: skip
        self._process = None
        self._plan = None

    def _give_up(self, reason: str) -> None:
        self._compute.enter = ignore
        if self._collector is not None:
            self._collector.abort()
        if self._raw is not None:
            self._raw.unlink(missing_ok=True)
        self._collector = self._plan = self._raw = None
        self._tell(reason)

    def _tell(self, problem: str) -> None:
        self.problem = problem
        self._writer.event(EventKind.PROFILE, step=self._step, reason=problem)
