"""Times one combination of settings after the other, each in a process of its own, in turns. Imports no torch."""

from __future__ import annotations

import math
import time

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.speed.candidates import PlannedTiming, Timing, Tournament
from gradtop.trainer.jobs.speed.config import Settings
from gradtop.trainer.jobs.speed.result import ENDED, FIELDS, read_timings, settings_text, told_of
from gradtop.trainer.record import RunReader
from gradtop.trainer.record.streams.registry import SAMPLES_PER_S, SPEEDS
from gradtop.trainer.record.typed import recorded
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.measuring_job import read_job_config
from gradtop.trainer.trials.sweep_job import SweepJob


def start(context: RunContext) -> None:
    """Measure until the fastest settings are known. On a resume, what was measured before stands."""
    config, settings = read_job_config(context.run, Settings)
    SpeedTest(context, config, settings).run_to_the_end()


class SpeedTest(SweepJob[Settings]):
    """`step` measurements are done, of about `steps`."""

    job, ended, fields = "speed", ENDED, FIELDS
    longest = 1800.0  # one measurement may compile the model
    no_checkpoint = "a speed test writes no checkpoint: what it has measured is recorded already"
    no_change = "a speed test cannot be changed while it runs; start another one"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context, config, settings)
        self._tournament = Tournament({}, rounds=settings.rounds, gain=settings.gain, tolerance=settings.tolerance)

    @property
    def step(self) -> int:
        return len(self._tournament.timings)

    @property
    def steps(self) -> int:
        return self._tournament.expected

    def measure_all(self) -> None:
        """Raises UserError where the settings of the configuration themselves do not work."""
        self._begin()
        while (trial := self._tournament.next()) is not None:
            timing = self._measure(trial)
            self._add(timing)
            if compares_nothing(timing):
                raise UserError(
                    f"as configured the loss is not finite within the first {self._settings.steps} steps, so that no setting can be compared with it: look at the inputs, at the initial outputs of the model "
                    f"and at the learning rate, and then: gradtop resume {recorded(self._context.run)}"
                )

    def _begin(self) -> None:
        """Ask what applies, and take up what was measured before."""
        about = self.require({"settings": list(self._settings.settings)})
        settings = self._settings
        self._tournament = Tournament(about["choices"], rounds=settings.rounds, gain=settings.gain, tolerance=settings.tolerance)
        if self._context.resume:
            before = read_timings(RunReader(self._context.run))
            for timing in [] if any(map(compares_nothing, before)) else before:
                self._tournament.add(timing)
        else:
            for kind, fields in about["notes"]:
                self._context.writer.event(kind, **fields)
        self._context.writer.open(SPEEDS, first_step=self.step + 1)
        self._context.progress.update(device=about["device"], threads=about["threads"], parameters=about["parameters"])

    def _add(self, timing: Timing) -> None:
        self._tournament.add(timing)
        # First what the setting is: a row without one is measured again.
        self._context.progress.update(result=self.result())
        place = list(self._tournament.measured()).index(timing.changes)
        self._context.writer.put(SPEEDS, self.step, time.time(), (place, timing.stage, timing.round, timing.seconds, timing.samples_per_s, timing.loss))

    def _measure(self, trial: PlannedTiming) -> Timing:
        question = {"changes": dict(trial.changes), "first_steps": self._settings.steps, "seconds": self._settings.seconds}
        answer = self.attempt(question, settings_text(trial.changes), required=not trial.changes)
        if isinstance(answer, str):
            return Timing(trial.stage, trial.round, trial.changes, math.nan, error=answer)
        return Timing(trial.stage, trial.round, trial.changes, answer["seconds"], answer[SAMPLES_PER_S], answer["loss"])

    def result(self) -> dict[str, object]:
        return told_of(self._tournament)


def compares_nothing(timing: Timing) -> bool:
    """Whether it is of the settings of the configuration, without a loss that those of others could be compared with."""
    return not timing.changes and not timing.error and not math.isfinite(timing.loss)
