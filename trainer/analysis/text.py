"""Short sentences about runs that commands and screens share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.formatting import changed_values, number, setting_text, share, si, significant
from gradtop.trainer.job import find_job
from gradtop.trainer.metrics import ACCURACY, LOSS, MEAN_IOU, PERPLEXITY, Monitored, metric_of, metrics_in_order
from gradtop.trainer.record import RecordedChange, RunReader, RunState, Status, clean, effective, is_fork
from gradtop.trainer.record.status import ANY_DEVICE
from gradtop.trainer.record.streams.registry import PLAIN_LOSS, STEPS

if TYPE_CHECKING:
    from gradtop.trainer.analysis.run_row import RunRow
    from gradtop.trainer.record.classification import Classification

FEW = 3  # classes that are named
MANY = 8  # classes whose IoU is told


def state_text(row: RunRow) -> str:
    """The state, the queue position of a queued run, and whether a finished one ended early."""
    if row.state is RunState.DONE and row.status.stopped_early:
        return "done early"
    return f"queued {row.place}" if row.place else row.state


def waits_for(device: str, before: Sequence[str]) -> str:
    """The runs that a queued run waits for, and their device: "quiet-heron and 2 more on cuda:0"; "" where it is next."""
    if not before:
        return ""
    first, *others = (clean(name, 60) for name in before)
    more = f" and {others[0]}" if len(others) == 1 else f" and {len(others)} more" if others else ""
    return f"{first}{more}{'' if device == ANY_DEVICE else f' on {clean(device, 20)}'}"


def queue_text(place: int, before: str) -> str:
    """2nd in the queue, behind quiet-heron on cuda:0."""
    return f"{ordinal(place)} in the queue, behind {before}" if before else "next to start"


def ordinal(place: int) -> str:
    ending = "th" if place % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


SMOOTHING = "label smoothing"
OF_MIXED = "images are mixed, which the validation loss is not of"


def loss_terms(reader: RunReader) -> list[str]:
    """What the training loss has in it that makes it another than the plain one: `label smoothing 0.1`."""
    config = effective(reader.config, reader.status.changes)
    found = []
    for name, key, words in (("training", "label_smoothing", SMOOTHING), ("augment", "mixup", "mixup"), ("augment", "cutmix", "CutMix")):
        section = config.get(name)
        value = section.get(key) if isinstance(section, Mapping) else None
        if isinstance(value, int | float) and value:
            found.append(f"{words} {significant(value)}")
    return found


def mixes_images(terms: Sequence[str]) -> bool:
    """Whether the terms of a training loss, as `loss_terms` gives them, have mixup or CutMix among them."""
    return any(not term.startswith(SMOOTHING) for term in terms)


def loss_text(reader: RunReader) -> str:
    """with label smoothing 0.1; 0.312 without it: the second where it was measured, "" of a plain loss."""
    terms = loss_terms(reader)
    if not terms:
        return ""
    steps = reader.stream(STEPS)
    steps.refresh()
    plain = steps.last_finite(PLAIN_LOSS)
    without = f"; {significant(plain[1])} without {'smoothing' if mixes_images(terms) else 'it'}" if plain is not None else ""
    return f"with {' and '.join(terms)}{without}{f'; {OF_MIXED}' if mixes_images(terms) else ''}"


def stopped_early_text(status: Status) -> str:
    """stopped early at epoch 4 of 30: no lower val loss in 3 evaluations; "" for a run that did not, or has not ended."""
    if not status.stopped_early or status.state.is_active:
        return ""
    return early_text(status.epoch, status.epochs, status.stopped_early, status.monitored)


def early_text(epoch: int, epochs: int, evaluations: int, monitored: Monitored) -> str:
    where = f" at epoch {epoch} of {epochs}" if epochs else ""
    return f"stopped early{where}: no {monitored.comparative} in {evaluations} evaluation{'s' * (evaluations != 1)}"


def skipped_text(status: Status) -> str:
    """the gradient scaler skipped 3 of 480 steps; "" where it skipped none"""
    if not status.skipped_steps:
        return ""
    steps = status.step - status.began
    return f"the gradient scaler skipped {number(status.skipped_steps)} of {number(steps)} step{'s' * (steps != 1)}"


def best_text(status: Status) -> str:
    """Best value of the monitored metric, then lowest validation loss and highest accuracy, each with its epoch: `val loss 0.041 (epoch 9), accuracy 0.9889 (epoch 12)`;
    where that is no accuracy, what stands beside the loss in the best evaluation.

    "" before the first evaluation with a finite loss.
    """
    if status.best is None:
        return ""
    found = {status.monitor: (metric_text(status.monitor, status.best), status.best_epoch)}
    for name, value, epoch in ((LOSS, status.best_val_loss, status.best_loss_epoch), (ACCURACY, status.best_val_accuracy, status.best_accuracy_epoch)):
        if value is not None and (name, status.beside_loss) != (ACCURACY, PERPLEXITY):  # of a language model nobody reads the accuracy
            found.setdefault(name, (metric_text(name, value), epoch))
    if (score := status.metric_at_best(status.beside_loss)) is not None and status.beside_loss != ACCURACY:
        found.setdefault(status.beside_loss, (metric_text(status.beside_loss, score), status.best_epoch))
    by_epoch: dict[int, list[str]] = {}
    for text, epoch in found.values():
        by_epoch.setdefault(epoch, []).append(text)
    return ", ".join(f"{', '.join(texts)}{in_epoch(epoch)}" for epoch, texts in by_epoch.items())


def validation_text(status: Status) -> str:
    """loss 0.041 (baseline 2.3), accuracy 0.9889 (baseline 0.1012), F1 0.9887 (baseline 0.0184): the baselines are those of a constant prediction"""
    values = {ACCURACY: status.val_accuracy, **status.metrics}
    said = (f"{metric_text(name, value)}{baseline_text(status, name)}" for name, value in values.items() if isinstance(value, int | float))
    return ", ".join([f"loss {significant(status.val_loss) if status.val_loss is not None else '–'}{baseline_text(status, LOSS)}", *said])


def test_metrics_text(found: Mapping[str, object], known: Mapping[str, object]) -> str:
    """loss 0.11 (baseline 2.3), accuracy 0.9712 (baseline 0.1014), F1 0.97 (baseline 0.0187): of the test set; `known` are the baselines"""
    said = []
    for name in metrics_in_order(found):
        if isinstance(value := found[name], int | float):
            baseline = known.get(name)
            title = "loss" if name == LOSS else clean(metric_of(name).title, 60)
            said.append(f"{title} {metric_figure(name, value)}{f' (baseline {metric_figure(name, baseline)})' if isinstance(baseline, int | float) else ''}")
    return ", ".join(said)


def baseline_text(status: Status, name: str) -> str:
    value = status.baselines.get(name)
    return f" (baseline {metric_figure(name, value)})" if isinstance(value, int | float) else ""


def classes_text(found: Classification, headline: str = ACCURACY) -> str:
    """The classes with the lowest accuracy, and which are confused most often: lowest accuracy cat: 0.71 of 120, dog: 0.8 of 90; most confused cat as dog 12×. Of a segmentation by their IoU."""
    if headline == MEAN_IOU:
        each_iou = ", ".join(f"{clean(found.name(each), 30)}: {significant(found.iou(each))}" for each in found.lowest_iou_first()[:MANY])
        return f"lowest IoU {each_iou}{f' and {len(found.lowest_iou_first()) - MANY} more' if len(found.lowest_iou_first()) > MANY else ''}"
    lowest = ", ".join(f"{clean(found.name(each), 30)}: {significant(found.recall(each))} of {number(found.support[each])}" for each in found.worst_first()[:FEW])
    confused = ", ".join(f"{clean(found.name(label), 30)} as {clean(found.name(other), 30)} {number(count)}×" for label, other, count in found.confused[:FEW])
    return f"lowest accuracy {lowest}{f'; most confused {confused}' if confused else ''}"


def metric_text(name: str, value: float) -> str:
    """val loss 0.041; accuracy 0.9889"""
    return f"{Monitored(name).title} {metric_figure(name, value)}"


def metric_figure(name: str, value: float) -> str:
    """With all the digits by which two runs may differ."""
    return share(value) if metric_of(name).share else significant(value)


def pace_text(status: Status) -> str:
    """621 samples/s; of a language model 39.7k tokens/s; "" where it is not known"""
    if not status.samples_per_s:
        return ""
    each, what = unit_of_pace(status)
    return f"{si(each * status.samples_per_s)} {what}"


def unit_of_pace(status: Status) -> tuple[int, str]:
    """How many of the unit a sample has, and the unit: 1 and samples/s, or of a language model its tokens and tokens/s."""
    return (status.tokens_per_sample, "tokens/s") if status.tokens_per_sample else (1, "samples/s")


def in_epoch(epoch: int) -> str:
    return f" (epoch {epoch})" if epoch else ""


def resumes_from(reader: RunReader) -> str:
    """Where a run that is resumed goes on, as it stands after "from": its checkpoints are looked up."""
    if (job := find_job(reader.meta.job)).resumable and not job.trains:
        return "what it has recorded"
    if found := reader.checkpoints():
        return f"its last checkpoint (step {number(found[-1].step)})"
    if is_fork(reader.run):
        return "the checkpoint that it was forked from"
    return "the beginning, as it has no checkpoint"


NO_LATENCY = "–: no latency could be measured, because the machine was busy"


def changes_text(changes: Iterable[RecordedChange]) -> str:
    """optimizer.lr 1e-3 → 3e-4, training.clip 0 → 1"""
    changed = (each for change in changes for each in changed_values(change.key, change.old, change.new))
    return ", ".join(f"{key} {setting_text(old)} → {setting_text(new)}" for key, old, new in changed)


def some_of(names: Sequence[str]) -> str:
    """stem.weight, head.weight and 3 more"""
    if len(names) > 2:
        return f"{', '.join(clean(name, 80) for name in names[:2])} and {len(names) - 2} more"
    return " and ".join(clean(name, 80) for name in names)
