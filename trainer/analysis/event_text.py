"""The sentence for an event; every kind has one, and an event of an older or newer version is shown as it is."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from gradtop.trainer.analysis.formatting import number, setting_text, si, significant
from gradtop.trainer.analysis.profile_text import profile_event_text, steps_text
from gradtop.trainer.analysis.text import early_text, test_metrics_text
from gradtop.trainer.job import job_events
from gradtop.trainer.metrics import ACCURACY, LOSS, MEAN_IOU, PERPLEXITY, headline_of, is_own, monitored
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import EventKind, RunState, clean

PLAIN = frozenset({"kind", "time", "id", "ok", "message"})  # what the sentence of an unknown kind leaves out


class EventLine(NamedTuple):
    """When, what, and how it should look: `tone` is text, muted, success, warning or error."""

    clock: str
    text: str
    tone: str = "text"


def event_lines(events: Sequence[Mapping[str, Any]]) -> tuple[EventLine, ...]:
    """The newest first."""
    return tuple(event_line(event) for event in reversed(events))


def event_line(event: Mapping[str, Any]) -> EventLine:
    text, tone = described(event)
    return EventLine(clock(event.get("time")), clean(text, 300), tone)


def described(event: Mapping[str, Any]) -> tuple[str, str]:
    """The sentence and its tone; fields of any type are taken."""
    message = str(event.get("message") or "")  # free text; also the whole sentence in runs of older versions
    kind = str(event.get("kind") or "event")
    match kind:
        case EventKind.START:
            return f"training starts: {message or length_text(event)}", "text"
        case EventKind.RESUMED:
            path, again = event.get("path"), changes_text(event)
            return f"resumed at step {step_text(event)}{f' from {path}' if path else ''}{f', with the later live changes {again}' if again else ''}", "success"
        case EventKind.FORKED:
            return f"continues from step {step_text(event)}: {message or kept_text(event)}".rstrip(": "), "success"
        case EventKind.DATA:
            return f"data: {message}", "text"
        case EventKind.ABSENT:
            return f"data: {absent_text(event)}", "warning"
        case EventKind.LEFT_OUT:
            return left_out_text(event), "warning"
        case EventKind.STATISTICS:
            return statistics_text(event), "warning"
        case EventKind.INIT:
            return f"weights: {message}", "text"
        case EventKind.EPOCH:
            return epoch_text(event), "success" if event.get("best") else "text"
        case EventKind.CHECKPOINT:
            step = event.get("step")
            return f"checkpoint step-{step:06d}" if isinstance(step, int) else "checkpoint", "muted"
        case EventKind.FREEZE:
            return message or freeze_text(event), "text"
        case EventKind.COMMAND:
            return f"{event.get('command') or 'command'}: {answer_text(event)}", "text" if event.get("ok") else "warning"
        case EventKind.THREADS:
            return threads_text(event), "warning"
        case EventKind.EARLY_STOPPING:
            epoch, epochs, count = (whole(event.get(name)) for name in ("epoch", "epochs", "evaluations"))
            return early_text(epoch, epochs, count, monitored(*(str(event.get(name) or default) for name, default in (("monitor", LOSS), ("mode", "auto"))))), "warning"
        case EventKind.TEST:
            return test_event_text(event), "success"
        case EventKind.WARNING:
            return message or fields_text(event) or kind, "warning"
        case EventKind.UNAVAILABLE:
            return unavailable_text(event), "warning"
        case EventKind.BLACK_BOX:
            return f"black box: {message or black_box_text(event)}", "error"
        case EventKind.PROFILE:
            return profile_event_text(event)
        case EventKind.END:
            state = str(event.get("state") or "ended")
            reason = str(event.get("reason") or message)
            return f"{state}{': ' + reason if reason else ''}", "error" if RunState(state).went_wrong else "text"
    if (declared := job_events().get(kind)) is not None:
        return declared.describe(event)
    return f"{kind.replace('_', ' ')}  {message or fields_text(event)}".rstrip(), "text"


def test_event_text(event: Mapping[str, Any]) -> str:
    """test set of 360 samples, by the best checkpoint, step 420: loss 0.11, accuracy 0.9712 (baseline 0.1014); of many metrics those that count most"""
    found, known = (value if isinstance(value := event.get(name), dict) else {} for name in ("metrics", "baselines"))
    most = [LOSS, *(str(event.get(name) or "") for name in ("headline", "monitor"))]
    which = "by the best checkpoint, step" if event.get("best") else "by the checkpoint of step"
    return f"test set of {number(whole(event.get('samples')))} samples, {which} {step_text(event)}: {test_metrics_text({name: found[name] for name in most if name in found}, known)}"


def absent_text(event: Mapping[str, Any]) -> str:
    """no validation sample is of class bee, wasp and 3 more: accuracy is that of the other classes"""
    names, count, first = event.get("names"), whole(event.get("total")), whole(event.get("first"))
    named = [str(each) for each in names] if isinstance(names, list) else []
    more = f" and {number(count - len(named))} more" if count > len(named) else ""
    part, label = event.get("part") or "?", event.get("what") == "label"
    those = f"{'has label' if label else 'is of class'} {', '.join(named)}{more}"
    if first:
        return f"none of {number(first)} {part} samples so far {those}"
    consequence = "accuracy is that of the other classes" if part == "validation" else f"nothing is learned of {'it' if count == 1 else 'them'}"
    return f"no {part} sample {those}: {consequence}"


def left_out_text(event: Mapping[str, Any]) -> str:
    """3 of 1 200 samples cannot be read, and others of their classes are used instead; the first: cat/7.jpg (truncated)"""
    count, samples = whole(event.get("count")), whole(event.get("samples"))
    instead = "another of its class is" if count == 1 else "others of their classes are"
    return (f"{number(count)} of {number(samples)} samples cannot be read; in training {instead} used instead; "
            f"{'it is' if count == 1 else 'the first is'} {event.get('path') or '?'} ({event.get('reason') or 'unknown reason'})")


def statistics_text(event: Mapping[str, Any]) -> str:
    """batch norm conv1.norm and 3 more keep mean 0 and variance 1 as running statistics, as their momentum is 0: …"""
    names, count = event.get("layers"), whole(event.get("count"))
    named = [str(each) for each in names] if isinstance(names, list) else []
    more = f" and {number(count - len(named))} more" if count > len(named) else ""
    which, one = f"batch norm {', '.join(named) or '?'}{more}", count == 1
    if event.get("evaluating"):
        return f"{which} {'is' if one else 'are'} in evaluation mode while training, with running statistics of mean 0 and variance 1: {'it normalizes' if one else 'they normalize'} nothing"
    return f"{which} {'keeps' if one else 'keep'} mean 0 and variance 1 as running statistics, as {'its' if one else 'their'} momentum is 0: an evaluation does not normalize as training does"


def unavailable_text(event: Mapping[str, Any]) -> str:
    """gpu_power not measured: NVML: Not Supported"""
    columns = event.get("columns")
    named = ", ".join(map(str, columns)) if isinstance(columns, list) and columns else str(event.get("stream") or "something")
    return f"{named} not measured: {event.get('reason') or 'unknown reason'}"


def answer_text(event: Mapping[str, Any]) -> str:
    """What a worker answered to a command."""
    if reason := event.get("reason") or event.get("message"):
        return str(reason)
    if event.get("unconfirmed"):
        return f"not changed: {consequences_text(event, would=True)}"
    if not event.get("ok"):
        return "refused"
    step = step_text(event)
    match event.get("command"):
        case "pause":
            return f"paused after step {step}"
        case "continue":
            return "training continues" if event.get("was_paused") else "training was not paused"
        case "checkpoint":
            return f"checkpoint {event.get('path')}"
        case "stop" | "kill" if event.get("was_queued"):
            return "removed from the queue"
        case "stop":
            return f"stopping after step {step}{'' if event.get('unsaved') else ', then writing a checkpoint'}"
        case "kill":
            return f"stopped immediately after step {step}, without a checkpoint"
        case "profile":
            return f"{steps_text(event.get('first'), event.get('last'))} will be profiled"
        case "set":
            effects = consequences_text(event)
            return f"{changes_text(event)} from step {next_step(event)} on{f'; {effects}' if effects else ''}"
    return "done"


def consequences_text(event: Mapping[str, Any], *, would: bool = False) -> str:
    """What a live change does at once: the run ends now; the learning rate goes from 9.1e-4 to 2.3e-5 (1/39.6)."""
    if event.get("ends"):
        return f"the run {'would end' if would else 'ends'} now, after step {step_text(event)}"
    before, after = event.get("lr_before"), event.get("lr_after")
    if not isinstance(before, int | float) or not isinstance(after, int | float):
        return ""
    return f"the learning rate {'would change' if would else 'changes'} {leap_text(before, after)}"


def leap_text(before: float, after: float) -> str:
    """from 9.1e-4 to 2.3e-5 (1/39.6)"""
    times = ""
    if before > 0 and after > 0:
        ratio = si(float(f"{max(after / before, before / after):.9g}"))  # 1e-3 / 1e-4 is 10.000000000000002
        times = f" ({ratio}×)" if after > before else f" (1/{ratio})"
    return f"from {significant(before)} to {significant(after)}{times}"


def changes_text(event: Mapping[str, Any]) -> str:
    """optimizer.lr 1e-3 → 3e-4, training.clip 0 → 1"""
    changes, old = (value if isinstance(value, Mapping) else {} for value in (event.get("changes"), event.get("old")))
    return ", ".join(f"{key} {f'{short(old[key])} → ' if key in old else ''}{short(value)}" for key, value in changes.items())


def short(value: object) -> str:
    """A setting; one that was computed, such as a bound that was scaled, without the noise in its last digits."""
    return setting_text(float(f"{value:.6g}") if isinstance(value, float) else value)


def length_text(event: Mapping[str, Any]) -> str:
    steps, epochs, per_epoch = (whole(event.get(name)) for name in ("steps", "epochs", "per_epoch"))
    length = f"{number(epochs)} epochs of {number(per_epoch)} steps" if epochs else f"{number(steps)} steps"
    return f"{length} on {event.get('device') or 'an unknown device'}"


def kept_text(event: Mapping[str, Any]) -> str:
    kept, dropped = (texts(event.get(name)) for name in ("kept", "dropped"))
    return (f"kept {', '.join(kept)}" if kept else "") + (f"; dropped: {'; '.join(dropped)}" if dropped else "")


def epoch_text(event: Mapping[str, Any]) -> str:
    # Data without a length have no epochs.
    text = f"epoch {event.get('epoch', '?')}" if event.get("epoch") != 0 else f"step {number(whole(event.get('step')) or 0)}"
    name, further = str(event.get("monitor") or LOSS), event.get("metrics")
    figures = {"val loss": event.get("val_loss"), "accuracy": event.get("val_accuracy")}
    if isinstance(further, Mapping):
        headline = headline_of(further)
        if headline not in further:
            headline = next((each for each in further if is_own(str(each))), headline)  # of a task of the user's own
        beside = (headline,) if not isinstance(figures["accuracy"], int | float) or headline in {MEAN_IOU, PERPLEXITY} else ()
        if headline == PERPLEXITY and name != ACCURACY:
            del figures["accuracy"]  # which nobody reads
        figures |= {monitored(each).title: further[each] for each in dict.fromkeys([*beside, name]) if each in further}
    for title, value in figures.items():
        if isinstance(value, int | float):
            text += f"  {'best ' if event.get('best') and title == monitored(name).title else ''}{title} {significant(value)}"
    if skipped := whole(event.get("skipped")):
        text += f"  {number(skipped)} step{'s' * (skipped != 1)} skipped"
    return text


def freeze_text(event: Mapping[str, Any]) -> str:
    names, count = texts(event.get("frozen")), whole(event.get("count"))
    if not count:
        return "no parameter is frozen"
    many = "1 parameter is" if count == 1 else f"{number(count)} parameters are"
    return f"{many} frozen: {', '.join(names)}{' …' if count > len(names) else ''}"


def threads_text(event: Mapping[str, Any]) -> str:
    before, pace = (value if isinstance(value, int | float) and math.isfinite(value) else None for value in (event.get("pace_before"), event.get("pace")))
    tokens = whole(event.get("tokens_per_sample"))
    each, unit = (tokens, "tokens/s") if tokens else (1, "samples/s")
    if pace is None or before is None:
        slow = f" ({si(each * before)} {unit})" if before is not None else ""
        return f"the CPU is busy{slow}: trying {changes_text(event)} from step {next_step(event)} on"
    figures = f"{si(each * pace)} {unit}, {si(each * before)} before"
    if changed := changes_text(event):
        return f"no faster ({figures}): {changed} from step {next_step(event)} on"
    return f"training.threads={event.get('threads')} is kept: {figures}"


def black_box_text(event: Mapping[str, Any]) -> str:
    what, parameter = str(event.get("what") or ""), str(event.get("parameter") or "")
    role = "is the first non-finite one" if event.get("wrong") else "has the largest gradient growth"
    return f"step {step_text(event)}: {what}" + (f"; {parameter} {role}" if parameter and parameter not in what else "")


def fields_text(event: Mapping[str, Any]) -> str:
    return "  ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in event.items() if key not in PLAIN)


def step_text(event: Mapping[str, Any]) -> str:
    step = event.get("step")
    return number(step) if isinstance(step, int) else "?"


def next_step(event: Mapping[str, Any]) -> str:
    """The step after the event's own: the first that a change takes effect in."""
    return number(step + 1) if isinstance(step := event.get("step"), int) else "?"


def whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []


def clock(moment: object) -> str:
    """The local time of day; empty digits for what is no time."""
    if not isinstance(moment, int | float) or not 0 <= moment < 1e11:
        return "--:--:--"
    return time.strftime("%H:%M:%S", time.localtime(moment))
