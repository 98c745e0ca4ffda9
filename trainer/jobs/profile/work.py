"""Takes some steps of a training and profiles them. Writes no weights."""

from __future__ import annotations

import torch

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.profile.config import Settings
from gradtop.trainer.jobs.profile.result import PHASES
from gradtop.trainer.models.description import describe
from gradtop.trainer.record import RunState
from gradtop.trainer.record.profiles import list_profiles
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.device import explain_out_of_memory, out_of_memory
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.build import build_to_measure
from gradtop.trainer.training.measuring_job import MeasuringJob, read_job_config
from gradtop.trainer.training.phases import BETWEEN, LOADING, OPTIMIZER
from gradtop.trainer.training.plain_step import update
from gradtop.trainer.training.profiling.step_profiler import StepProfiler
from gradtop.trainer.training.step import explain_step_error
from gradtop.trainer.training.trial_steps import batch_groups, wait_for

PLENTY = 1_000_000  # steps that are left: as many as it takes


def start(context: RunContext) -> None:
    """Profile to the end. On a resume, a profile that is there stands."""
    config, settings = read_job_config(context.run, Settings)
    if context.resume and list_profiles(context.run):
        return
    context.explain = explain_step_error
    job = ProfileJob(context, config, settings)
    context.explain = job.explain
    job.run_to_the_end()


class ProfileJob(MeasuringJob):
    """`step` of `steps` are done, of which the last are recorded."""

    no_checkpoint = "a profile writes no checkpoint: its weights are of no use after it"
    no_change = "a profile cannot be changed while it runs; start another one"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context)
        self.step = self.steps = 0
        self._config, self._settings = config, settings
        self._parts = build_to_measure(context.run, context.writer, config)
        parts = self._parts
        self._profiler = StepProfiler(context.run, context.writer, parts.compute, parts.device, compiled=config.training.compile)
        context.progress.gauges = self.gauges

    def run(self) -> None:
        """Raises Stop when asked to end before, UserError where nothing can be profiled."""
        context, parts, config = self._context, self._parts, self._config
        self._stopwatch.go()
        context.progress.update(
            state=RunState.TRAINING, device=str(parts.device), model=config.model.kind, parameters=describe(parts.model).total, threads=torch.get_num_threads()
        )
        try:
            plan = self._profiler.request({"steps": self._settings.steps}, step=0, left=PLENTY, after=False)
        except ValueError as error:
            raise UserError(str(error)) from error
        self.steps = plan.last
        compute, groups = parts.compute, batch_groups(parts, config.training.accumulate)
        while self.step < self.steps and self._profiler.busy:
            if context.control.due():
                context.control.obey(self)
            compute.enter(LOADING)
            group = next(groups)
            compute.enter(OPTIMIZER)
            parts.optimizer.zero_grad(set_to_none=True)
            compute.backward(group, self.step * config.training.accumulate)
            compute.enter(OPTIMIZER)
            update(parts, config.training)
            self.step += 1
            compute.enter(BETWEEN)
        wait_for(parts.device)
        self._conclude()

    def _conclude(self) -> None:
        """Wait for the profile, and record what it says. Raises UserError where there is none."""
        self._profiler.finish()
        if self._profiler.problem:
            raise UserError(f"no profile: {self._profiler.problem}")
        found = self._profiler.profile
        self._context.progress.update(result={PHASES: {row.name: row.before or row.profiled for row in found.phases}, "slowdown": found.record()["slowdown"]})

    def pause(self) -> None:
        self._profiler.rest()
        super().pause()

    def close(self, *, at_once: bool) -> None:
        """A profile that was stopped keeps the steps that it has."""
        super().close(at_once=at_once)
        self._profiler.close(at_once=at_once)

    def gauges(self) -> dict[str, object]:
        """What changes from step to step, for the status; called from the heartbeat's thread."""
        return {"step": self.step, "steps": self.steps, "seconds": self._stopwatch.seconds}

    def explain(self, error: Exception) -> str:
        if out_of_memory(error):
            return explain_out_of_memory(str(self._parts.device), self._config.training.batch_size)
        return explain_step_error(error)
