"""What commands, lists and events say of a quantization run, and its measurements as they are recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gradtop.trainer.analysis.formatting import number, percent, significant, size
from gradtop.trainer.analysis.text import metric_figure
from gradtop.trainer.job import JobEvent, Result
from gradtop.trainer.jobs.quantize.config import DYNAMIC
from gradtop.trainer.jobs.quantize.trial import (
    FLOAT,
    QuantizeTrial,
    float_of,
    smaller_by,
    trial_of,
    trial_record,
    trials_in,
)
from gradtop.trainer.jobs.quantize.verdict import (
    QuantizeAbout,
    about_quantized,
    claim_checked,
    fastest_dynamic,
    plural,
    size_text,
    times_text,
)
from gradtop.trainer.metrics import metric_of
from gradtop.trainer.record import Event, EventReader, RunReader, Status
from gradtop.trainer.record.text import clean
from gradtop.trainer.record.typed import typed

MEASURED, ENDED = "quantized", "quantize"  # kinds of events: after each method, and at the end
FIELDS = ("metric", "mode", "parameters", "verdict", "layers", "untouched", "trials")
NOISIEST = 3  # layers in a line


def quantize_result(trials: Sequence[QuantizeTrial], about: QuantizeAbout) -> dict[str, Any]:
    """The result as far as it was measured."""
    described = asdict(about)
    return {
        **{name: described[name] for name in ("metric", "mode", "parameters")},
        "verdict": claim_checked(trials, about),
        **{name: list(described[name]) for name in ("layers", "untouched")},
        "trials": [trial_record(each) for each in trials],
    }


def read_quantize_trials(reader: RunReader) -> list[QuantizeTrial]:
    """The measurements so far, in their order, so that a resume goes on from them: each is an event."""
    events = EventReader(reader.run).refresh()
    found = {trial.method: trial for event in events if event.get("kind") == MEASURED and (trial := trial_of(event.get("trial"))) is not None}
    return list(found.values())


def headline(status: Status) -> str:
    """What the fastest dynamic method saves, else the smallest file; as short as a column of a list."""
    trials = trials_in(status.result.get("trials"))
    whole, found = float_of(trials), fastest_dynamic(trials)
    if whole is None:
        return ""
    if found is not None and found.latencies:
        return f"file {size_text(smaller_by(found, whole))}, {times_text(max((each.speedup for each in found.latencies if each.speedup > 0), default=0.0))}"
    measured = [each for each in trials if each.method and not each.error]
    return f"file {size_text(max(smaller_by(each, whole) for each in measured))}" if measured else ""


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    trials, about = trials_in(reader.status.result.get("trials")), about_quantized(reader.status.result)
    whole = float_of(trials)
    if verdict := claim_checked(trials, about):
        yield "verdict", verdict
    if left := left_text(about):
        yield "not quantized", left
    if whole is not None:
        yield "float", f"{metric_of(about.metric).title} {metric_figure(about.metric, whole.score)}, {size(whole.file_bytes)}, compressed {size(whole.compressed_bytes)}"
        for each in trials:
            if each.method != FLOAT:
                yield "method", f"{each.method}: {told(each, whole, about)}"
    for written in reader.checkpoints()[-1:]:
        yield "written", f"{clean(written.note, 100)}: checkpoints/{written.path.name}; evaluate it: gradtop eval {typed(reader.run)}"


def left_text(about: QuantizeAbout) -> str:
    """What no method quantizes: 1.2 % in norm layers; Linear: its weight is tied to another layer's"""
    if not about.parameters:
        return ""
    return "; ".join(f"{percent(each.parameters / about.parameters, 1)} in {plural(each.kind)}{f' ({each.reason})' if each.reason else ''}" for each in about.untouched[:5])


def told(each: QuantizeTrial, whole: QuantizeTrial, about: QuantizeAbout) -> str:
    """What one method has given, or why it gave nothing."""
    if each.error:
        return each.error
    words = [
        f"{metric_of(about.metric).title} {metric_figure(about.metric, each.score)}",
        f"{size(each.file_bytes)} ({size_text(smaller_by(each, whole))}), compressed {size(each.compressed_bytes)}",
        f"speedup at batch size {speeds(each)}" if each.latencies else "",
        noisiest(each),
        f"{percent(each.quantized_share, 1)} of the parameters, by {each.backend}",
        *each.notes,
    ]
    return "; ".join(word for word in words if word)


def speeds(each: QuantizeTrial) -> str:
    """1: 0.71 × (compiled 1.02 ×), 64: 1.10 ×"""
    return ", ".join(
        f"{number(time.batch)}: {times_text(time.speedup)}{f' (compiled {times_text(time.compiled_speedup)})' if time.compiled_speedup > 0 else ''}" for time in each.latencies
    )


def noisiest(each: QuantizeTrial) -> str:
    """The layers with the most noise: most noise in head 21.3 dB, body.0 30.1 dB"""
    known = sorted((layer for layer in each.layers if layer.outputs == layer.outputs), key=lambda layer: layer.outputs)[:NOISIEST]
    named = [f"{layer.name or 'the model'} {significant(layer.outputs)} dB" for layer in known]
    return f"most noise in {', '.join(named)}" if named else ""


def record(reader: RunReader) -> Mapping[str, object]:
    """The result, and the checkpoint that was written."""
    written = reader.checkpoints()[-1:]
    return {**{name: reader.status.result.get(name) for name in FIELDS}, "checkpoint": {"path": str(written[0].path), "note": written[0].note} if written else None}


def describe_measured(event: Event) -> tuple[str, str]:
    """The sentence after a method, and its tone."""
    trial = trial_of(event.get("trial"))
    if trial is None:
        return "quantization: a measurement that cannot be read", "warning"
    if trial.error:
        return f"quantization: {trial.method}: {trial.error}", "warning"
    if trial.method == FLOAT:
        return f"quantization: float weights take {size(trial.file_bytes)}", "text"
    return f"quantization: {trial.method}: {size(trial.file_bytes)}{f'; speedup at batch size {speeds(trial)}' if trial.latencies else ''}", "text"


def describe_end(event: Event) -> tuple[str, str]:
    """The sentence at the end, and its tone."""
    trials, about = trials_in(event.get("trials")), about_quantized(event)
    measured = any(each.method and not each.error for each in trials)
    words = claim_checked(trials, about)
    if not words:
        others = [each.method for each in trials if each.method and each.method not in DYNAMIC and not each.error]
        words = f"measured {', '.join(others)}" if others else "nothing was measured"
    return f"quantization: {words}", "success" if measured else "warning"


# After `step` measurements; as `gradtop quantize --json` has them.
EVENTS = {MEASURED: JobEvent(("step", "trial"), describe_measured), ENDED: JobEvent(("step", *FIELDS), describe_end)}
RESULT = Result(lines=lines, record=record, headline=headline, events=EVENTS)
