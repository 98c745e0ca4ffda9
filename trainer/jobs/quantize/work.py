"""Measures one method after the other, each in a process of its own, and has one of them written. Imports no torch."""

from __future__ import annotations

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.quantize.config import Settings
from gradtop.trainer.jobs.quantize.result import ENDED, FIELDS, MEASURED, quantize_result, read_quantize_trials
from gradtop.trainer.jobs.quantize.trial import FLOAT, QuantizeTrial, trial_of, trial_record
from gradtop.trainer.jobs.quantize.verdict import QuantizeAbout, about_quantized, untouched_sentence
from gradtop.trainer.record import EventKind, RunReader
from gradtop.trainer.record.streams.registry import METHOD
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.training.measuring_job import read_job_config
from gradtop.trainer.trials.sweep_job import ListedSweep


def start(context: RunContext) -> None:
    """Measure every method. On a resume, what was measured before stands."""
    config, settings = read_job_config(context.run, Settings)
    QuantizeSweep(context, config, settings).run_to_the_end()


class QuantizeSweep(ListedSweep[Settings, str, QuantizeTrial]):
    """It measures the float model, and each method."""

    job, ended, fields = "quantize", ENDED, FIELDS
    nothing = "no quantized model could be measured"
    no_checkpoint = "a quantization run writes the checkpoint that is chosen: gradtop quantize RUN --write METHOD"
    no_change = "a quantization run cannot be changed while it runs; start another one"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context, config, settings)
        self._about = QuantizeAbout()

    def is_reference(self, trial: QuantizeTrial) -> bool:
        return trial.method == FLOAT

    def remaining(self) -> list[str]:
        done = {each.method for each in self._trials}
        return [method for method in (FLOAT, *self._settings.methods) if method not in done]

    def measure_all(self) -> None:
        """Raises UserError where the checkpoint cannot be opened or evaluated, or not be written at the end."""
        super().measure_all()
        self.write_chosen(self._settings.write)

    def begin(self) -> None:
        """Ask what can be quantized, and say what cannot."""
        found = self.require({})
        best = self._config.training.best
        self._about = about_quantized({**found, "metric": best.name, "mode": best.mode})
        if self._context.resume:
            self.take_up(read_quantize_trials(RunReader(self._context.run)))
        else:
            for note in [*found["notes"], untouched_sentence(self._about)]:
                if note:
                    self._context.writer.event(EventKind.WARNING, message=note)
        self._context.progress.update(device=found["device"], threads=found["threads"], parameters=found["parameters"], result=self.result())

    def result(self) -> dict[str, object]:
        return quantize_result(self._trials, self._about)

    def measure(self, choice: str) -> QuantizeTrial:
        answer = self.attempt({METHOD: choice}, choice or "the float model", required=choice == FLOAT)
        if isinstance(answer, str):
            return QuantizeTrial(choice, error=answer)
        return trial_of(answer.get("trial")) or QuantizeTrial(choice, error="its answer cannot be read")

    def record(self, trial: QuantizeTrial) -> None:
        self._context.writer.event(MEASURED, step=self.step, trial=trial_record(trial))
        self._context.progress.update(result=self.result())
