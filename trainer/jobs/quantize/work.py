"""Measures one method after the other, each in a process of its own, and has one of them written. Imports no torch."""

from __future__ import annotations

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.quantize.config import Settings
from gradtop.trainer.jobs.quantize.result import ENDED, FIELDS, MEASURED, quantize_result, read_quantize_trials
from gradtop.trainer.jobs.quantize.trial import FLOAT, QuantizeTrial, trial_of, trial_record
from gradtop.trainer.jobs.quantize.verdict import QuantizeAbout, about_quantized, untouched_sentence
from gradtop.trainer.launch.answers import ProcessEnded
from gradtop.trainer.launch.measuring import Measuring
from gradtop.trainer.record import EventKind, RunReader, RunState
from gradtop.trainer.record.streams.registry import METHOD
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.measuring_job import MeasuringJob, read_job_config

JOB_NAME = "quantize"
LONGEST = 6 * 3600.0  # seconds of one measurement


def start(context: RunContext) -> None:
    """Measure every method. On a resume, what was measured before stands."""
    config, settings = read_job_config(context.run, Settings)
    QuantizeSweep(context, config, settings).run_to_the_end()


class QuantizeSweep(MeasuringJob):
    """`step` measurements are done, of `steps`: the float model, and each method."""

    no_checkpoint = "a quantization run writes the checkpoint that is chosen: gradtop quantize RUN --write METHOD"
    no_change = "a quantization run cannot be changed while it runs; start another one"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context)
        self._config, self._settings = config, settings
        self._trials: list[QuantizeTrial] = []
        self._about = QuantizeAbout()
        self._measuring = Measuring(context, JOB_NAME, self, seconds=LONGEST)
        context.progress.gauges = self.gauges

    @property
    def step(self) -> int:
        return len(self._trials)

    @property
    def _remaining(self) -> list[str]:
        done = {each.method for each in self._trials}
        return [method for method in (FLOAT, *self._settings.methods) if method not in done]

    def run(self) -> None:
        """Raises UserError where the checkpoint cannot be opened or evaluated, or not be written at the end."""
        self._stopwatch.go()
        self._context.progress.update(state=RunState.TRAINING, model=self._config.model.kind)
        self._begin()
        while left := self._remaining:
            self._add(self._measure(left[0]))
        if self._settings.write and not RunReader(self._context.run).checkpoints():
            try:
                self._measuring.answer({"write": self._settings.write})
            except OSError as error:
                raise UserError(str(error)) from error

    def _begin(self) -> None:
        """Ask what can be quantized, say what cannot, and take up what was measured before."""
        try:
            found = self._measuring.answer({})
        except OSError as error:
            raise UserError(str(error)) from error
        best = self._config.training.best
        self._about = about_quantized({**found, "metric": best.name, "mode": best.mode})
        if self._context.resume:
            self._trials = read_quantize_trials(RunReader(self._context.run))
        else:
            for note in [*found["notes"], untouched_sentence(self._about)]:
                if note:
                    self._context.writer.event(EventKind.WARNING, message=note)
        self._context.progress.update(device=found["device"], threads=found["threads"], parameters=found["parameters"], result=quantize_result(self._trials, self._about))

    def _measure(self, method: str) -> QuantizeTrial:
        try:
            answer = self._measuring.answer({METHOD: method})
        except OSError as error:
            # What a signal has killed is a method that does not run here; what ended by itself was ended by somebody.
            if method == FLOAT or (isinstance(error, ProcessEnded) and not error.signal):
                raise UserError(f"{method or 'the float model'}: {error}") from error
            return QuantizeTrial(method, error=str(error) or type(error).__name__)
        return trial_of(answer.get("trial")) or QuantizeTrial(method, error="its answer cannot be read")

    def _add(self, trial: QuantizeTrial) -> None:
        self._trials.append(trial)
        self._context.writer.event(MEASURED, step=self.step, trial=trial_record(trial))
        self._context.progress.update(result=quantize_result(self._trials, self._about))

    def conclude(self) -> None:
        """Record what was found, also by a run that is stopped before its end."""
        self._stopwatch.halt()
        if self._trials:
            result = quantize_result(self._trials, self._about)
            self._context.writer.event(ENDED, step=self.step, **{name: result[name] for name in FIELDS})
            self._context.progress.update(result=result)

    def gauges(self) -> dict[str, object]:
        """What changes from one measurement to the next, for the status; called from the heartbeat's thread."""
        return {"step": self.step, "steps": self.step + len(self._remaining), "seconds": self._stopwatch.seconds}
