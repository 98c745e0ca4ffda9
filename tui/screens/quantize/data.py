"""What the mode of a quantization run shows: every measurement, what was found, and the checkpoint that was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtop.trainer.jobs.quantize.trial import QuantizeTrial, float_of, trials_in
from gradtop.trainer.jobs.quantize.verdict import (
    QuantizeAbout,
    about_quantized,
    claim_checked,
    fastest_dynamic,
    untouched_sentence,
)
from gradtop.trainer.record import RunReader, RunState, clean

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext
NOTHING = QuantizeAbout()


@dataclass(frozen=True, slots=True)
class QuantizePart:
    """`best` is the place of the fastest dynamic method; `written` is what the checkpoint in the run is, "" where there is none."""

    about: QuantizeAbout = NOTHING
    trials: tuple[QuantizeTrial, ...] = ()
    verdict: str = ""
    best: int = 0
    written: str = ""
    ended: bool = False

    @property
    def whole(self) -> QuantizeTrial | None:
        return float_of(self.trials)

    @property
    def batches(self) -> tuple[int, ...]:
        return next((tuple(time.batch for time in each.latencies) for each in self.trials if each.latencies), ())

    @property
    def compiled(self) -> bool:
        return any(time.compiled_speedup > 0 for each in self.trials for time in each.latencies)


def read_quantization(source: ReadContext, _view: object) -> QuantizePart:
    return quantize_part(source.run) if source.run is not None else QuantizePart()


def quantize_part(reader: RunReader) -> QuantizePart:
    """Read a quantization run."""
    result = reader.status.result
    trials, about = tuple(trials_in(result.get("trials"))), about_quantized(result)
    found = fastest_dynamic(trials)
    written = reader.checkpoints()[-1:]
    return QuantizePart(
        about=about,
        trials=trials,
        verdict=claim_checked(trials, about) or untouched_sentence(about),
        best=trials.index(found) if found is not None else 0,
        written=clean(written[0].note, 100) if written else "",
        ended=reader.state.has_ended or reader.state is RunState.UNKNOWN,
    )
