"""Times one combination of settings after the other, each in a process of its own, in turns. Imports no torch."""

from __future__ import annotations

import math
import time

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.speed.candidates import PlannedTiming, Timing, Tournament
from gradtop.trainer.jobs.speed.config import Settings
from gradtop.trainer.jobs.speed.result import ENDED, FIELDS, read_timings, settings_text, told_of
from gradtop.trainer.launch.answers import ProcessEnded
from gradtop.trainer.launch.measuring import Measuring
from gradtop.trainer.record import RunReader, RunState
from gradtop.trainer.record.streams.registry import SAMPLES_PER_S, SPEEDS
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.measuring_job import MeasuringJob, read_job_config

JOB_NAME = "speed"
LONGEST = 1800.0  # seconds of one measurement, which may compile the model


def start(context: RunContext) -> None:
    """Measure until the fastest settings are known. On a resume, what was measured before stands."""
    config, settings = read_job_config(context.run, Settings)
    SpeedTest(context, config, settings).run_to_the_end()


class SpeedTest(MeasuringJob):
    """`step` measurements are done, of about `steps`."""

    no_checkpoint = "a speed test writes no checkpoint: what it has measured is recorded already"
    no_change = "a speed test cannot be changed while it runs; start another one"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context)
        self._config, self._settings = config, settings
        self._tournament = Tournament({}, rounds=settings.rounds, gain=settings.gain, tolerance=settings.tolerance)
        self._measuring = Measuring(context, JOB_NAME, self, seconds=LONGEST)
        context.progress.gauges = self.gauges

    @property
    def step(self) -> int:
        return len(self._tournament.timings)

    def run(self) -> None:
        """Raises UserError where the settings of the configuration themselves do not work."""
        self._stopwatch.go()
        self._context.progress.update(state=RunState.TRAINING, model=self._config.model.kind)
        self._begin()
        while (trial := self._tournament.next()) is not None:
            self._add(self._measure(trial))

    def _begin(self) -> None:
        """Ask what applies, and take up what was measured before."""
        try:
            about = self._measuring.answer({"settings": list(self._settings.settings)})
        except OSError as error:
            raise UserError(str(error)) from error
        settings = self._settings
        self._tournament = Tournament(about["choices"], rounds=settings.rounds, gain=settings.gain, tolerance=settings.tolerance)
        if self._context.resume:
            for timing in read_timings(RunReader(self._context.run)):
                self._tournament.add(timing)
        else:
            for kind, fields in about["notes"]:
                self._context.writer.event(kind, **fields)
        self._context.writer.open(SPEEDS, first_step=self.step + 1)
        self._context.progress.update(device=about["device"], threads=about["threads"], parameters=about["parameters"])

    def _add(self, timing: Timing) -> None:
        self._tournament.add(timing)
        # First what the setting is: a row without one is measured again.
        self._context.progress.update(result=told_of(self._tournament))
        place = list(self._tournament.measured()).index(timing.changes)
        self._context.writer.put(SPEEDS, self.step, time.time(), (place, timing.stage, timing.round, timing.seconds, timing.samples_per_s, timing.loss))

    def _measure(self, trial: PlannedTiming) -> Timing:
        question = {"changes": dict(trial.changes), "first_steps": self._settings.steps, "seconds": self._settings.seconds}
        try:
            answer = self._measuring.answer(question)
        except OSError as error:
            if not trial.changes or (isinstance(error, ProcessEnded) and not error.signal):
                raise UserError(f"{settings_text(trial.changes)}: {error}") from error
            self._context.writer.event("warning", step=self.step, message=f"{settings_text(trial.changes)}: {error}")
            return Timing(trial.stage, trial.round, trial.changes, math.nan, error=str(error) or type(error).__name__)
        return Timing(trial.stage, trial.round, trial.changes, answer["seconds"], answer[SAMPLES_PER_S], answer["loss"])

    def conclude(self) -> None:
        """Record what was found, also by a test that is stopped before its end."""
        self._stopwatch.halt()
        if self._tournament.timings:
            result = told_of(self._tournament)
            self._context.writer.event(ENDED, step=self.step, **{name: result[name] for name in FIELDS})
            self._context.progress.update(result=result)

    def gauges(self) -> dict[str, object]:
        """What changes from one measurement to the next, for the status; called from the heartbeat's thread."""
        return {"step": self.step, "steps": self._tournament.expected, "seconds": self._stopwatch.seconds}
