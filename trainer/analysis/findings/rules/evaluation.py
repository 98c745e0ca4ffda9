"""The validation loss: whether it is a number, is better than guessing, and still falls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import Evaluation, RunHistory
from gradtop.trainer.analysis.findings.rules import data, model
from gradtop.trainer.analysis.findings.rules.loss import FALLEN
from gradtop.trainer.analysis.findings.rules.loss import diverged as training_diverged
from gradtop.trainer.analysis.formatting import duration, number, percent, share, significant
from gradtop.trainer.analysis.text import some_of
from gradtop.trainer.metrics import MEAN_IOU
from gradtop.trainer.record import EventKind
from gradtop.trainer.record.classification import read_classification
from gradtop.trainer.record.streams.rollup import mean

ENOUGH = 10  # samples of a class
SINCE = 3  # evaluations without a better one
SETTLED = 6  # the same, where more are to come
RISEN, MILD = 0.1, 0.03
OF_ALL = 0.02  # of what was gained, which must be lost
FAR = 10.0
LEARNED = 0.93  # of the loss of a constant prediction
SWINGS, TURNS, OF_GAIN = 8, 0.6, 0.1
FEW = 50  # samples for validation


@rule("val-loss-not-finite")
def not_finite(run: RunHistory) -> Iterator[Finding]:
    """A validation loss is NaN or infinite. It has passed when the three evaluations after it were finite.

    Threshold: one evaluation.
    Source: arithmetic.
    """
    bad = [place for place, each in enumerate(run.evals) if not math.isfinite(each.loss)]
    if not bad:
        return
    first, passed = run.evals[bad[0]], len(run.evals) - 1 - bad[-1] >= SINCE
    where = f"at {first.where}" if len(bad) == 1 else f"in {len(bad)} of {len(run.evals)} evaluations, the first at {first.where}"
    advice = "look for bad samples in the validation set, for weights that are not finite, and for overflow in half precision"
    evidence = {"evaluations": len(bad), "first_step": first.step}
    yield Finding(Severity.ERROR, "val loss not finite", f"the validation loss is not finite {where}", advice, evidence, first.step, passed)


@rule("val-loss-diverged")
def diverged(run: RunHistory) -> Iterator[Finding]:
    """The validation loss is extremely high, while the training loss is not.

    Threshold: 10 times the larger of the first training loss and that of a constant prediction, and 10 times the training loss; not where it was never better than chance.
    Source: gradtop; batch normalization whose running statistics do not fit, or weights that have grown.
    """
    if not run.finite_evals or not run.loss.scale > 0:
        return
    last = run.finite_evals[-1]
    if last.loss <= FAR * max(run.loss.scale, abs(run.loss.now)) or any(at_chance(run)):
        return
    sentence = f"the validation loss is {significant(last.loss)} at {last.where}, where the training loss is {significant(run.loss.now)}"
    advice = known_cause(run) or "running statistics of batch norm that do not fit, or weights that have grown: lower the lr"
    yield Finding(Severity.ERROR, "val loss diverged", sentence, advice, {"val_loss": last.loss, "loss": run.loss.now}, last.step)


def known_cause(run: RunHistory) -> str:
    """What makes an evaluation another thing than training, and what to do about it; "" where that is not known."""
    return next((f"{found.title}: {found.advice}" for each in (data.validation_scale, model.stale_statistics) for found in each(run)), "")


@rule("val-at-chance")
def at_chance(run: RunHistory) -> Iterator[Finding]:
    """The training loss falls, but the validation loss was never better than that of a constant prediction: the model does not generalize.

    Threshold: after three evaluations or more, the newest of which is not the best, the training loss is 7 % under, and the best validation loss less than 3 % under that of a constant prediction
    (or the first training loss, where that is not known).
    Source: gradtop; labels that were shuffled, or a validation set of another kind.
    """
    evals, known = run.finite_evals, run.val_chance > 0
    chance = run.val_chance if known else run.loss.scale
    if len(evals) < SINCE or not chance > 0 or (not known and run.begins_trained):
        return
    best = min(evals, key=lambda each: each.loss)
    if best is evals[-1]:  # it gets better: a mean of the weights (ema) takes its time
        return
    if run.loss.late < LEARNED * (run.loss.chance if known else chance) and best.loss > (1 - FALLEN) * chance:
        level = "a constant prediction has" if known else "the training loss began at"
        sentence = f"the validation loss was never better than {significant(best.loss)}, and {level} {significant(chance)}, while the training loss is {significant(run.loss.late)}"
        advice = known_cause(run) or "check that training and validation data have the same labels, classes and normalization; if they have, the training set is learnt by heart: more data, or a smaller model"
        yield Finding(Severity.ERROR, "val loss at chance", sentence, advice, {"val_loss": best.loss, "constant_loss" if known else "initial": chance, "loss": run.loss.late}, evals[0].step)


@rule("slow-ema")
def slow_average(run: RunHistory) -> Iterator[Finding]:
    """What is evaluated is a moving average of the weights over more steps than the run has: for the most part it is of its first weights.

    Threshold: 1 / (1 - training.ema) is over twice the planned steps, so that the first weights make up 60 % of it or more, and the newest validation loss over twice the training loss.
    Source: arithmetic; averages over a hundredth to a tenth of a run are usual.
    """
    decay, evals = run.figure("training.ema"), run.finite_evals
    if not 0 < decay < 1 or not evals or run.begins_trained or not run.planned or run.loss.records < run.settled:
        return
    over = 1 / (1 - decay)
    if over <= 2 * run.planned or not evals[-1].loss > 2 * run.loss.late > 0:
        return
    sentence = f"validation is of an average of the weights over about {number(round(over))} steps, of {number(run.planned)} of the run: its loss is {significant(evals[-1].loss)}, the training loss {significant(run.loss.late)}"
    # An average over a twentieth of the run, rounded as people write it.
    usual = f"0.{'9' * max(1, round(math.log10(run.planned / 20)))}" if run.planned >= 100 else "0"
    yield Finding(Severity.WARNING, "EMA over more steps than the run has", sentence, f"training.ema={usual}, or train longer", {"steps": over, "planned": run.planned, "val_loss": evals[-1].loss}, evals[0].step)


@rule("class-never-predicted", mode="classes")
def never_predicted(run: RunHistory) -> Iterator[Finding]:
    """Classes of the validation set are never predicted, while the others are told apart.

    Threshold: after three evaluations or more, a class of which the newest one has 10 samples or more is predicted for none, half of the classes have an accuracy of 50 % or more, and
    the training loss is under half of that of a constant prediction: before, some classes are only learned later than others.
    Source: gradtop; labels or folders that differ between training and validation, or far too few samples of the class.
    """
    found = read_classification(run.reader.run) if len(run.evals) >= SINCE else None
    if found is None or not (order := found.worst_first()) or (usual := median(map(found.recall, order))) < 0.5 or not run.loss.late < 0.5 * run.loss.scale:
        return
    never = [each for each in order if found.support[each] >= ENOUGH and not found.predicted[each]]
    if not never:
        return
    names = some_of([found.name(each) for each in never])
    samples = sum(found.support[each] for each in never)
    sentence = f"class {names} is never predicted" if len(never) == 1 else f"classes {names} are never predicted"
    sentence += f": {number(samples)} of {number(sum(found.support))} validation {'pixels' if run.status.beside_loss == MEAN_IOU else 'samples'}, while half of the classes have an accuracy of {percent(usual)}{' or more' * (usual < 1)}"
    advice = "check that the labels mean the same in training and validation; give rare classes a larger weight, or sample them more often"
    yield Finding(Severity.WARNING, "class never predicted" if len(never) == 1 else f"{len(never)} classes never predicted", sentence, advice, {"classes": len(never), "samples": samples}, found.step)


@rule("classes-not-validated", mode="classes")
def not_validated(run: RunHistory) -> Iterator[Finding]:
    """Classes that are trained on have no samples for validation, which says nothing of them.

    Threshold: one class; a note up to half of the classes. Not for text, and not where absent-class says it before training.
    Source: gradtop; a split that was not shuffled, or too few samples for validation.
    """
    found, trained = read_classification(run.reader.run), run.facts.class_counts
    if found is None or len(trained) != found.classes or not sum(found.support) or run.setting("data.kind") == "text":
        return
    if any(event["kind"] == EventKind.ABSENT and event.get("part") == "validation" for event in run.reader.rare):
        return
    classes = [each for each, count in enumerate(trained) if count]
    missing = [each for each in classes if not found.support[each]]
    if not missing:
        return
    there = [each for each in classes if found.support[each]]
    if len(there) == 1:
        sentence = f"all samples for validation are of class {found.name(there[0])}, of {number(len(classes))} classes that are trained on"
    else:
        which = f"class {found.name(missing[0])}" if len(missing) == 1 else f"{number(len(missing))} of {number(len(classes))} classes: {some_of([found.name(each) for each in missing])}"
        sentence = f"there are no samples for validation of {which}"
    severity = Severity.WARNING if 2 * len(missing) > len(classes) else Severity.NOTE
    short = f"{number(len(missing))} class{'es' * (len(missing) > 1)} not validated"
    yield Finding(severity, short, sentence, "shuffle before the data are split, so that both parts have all classes", {"classes": len(classes), "missing": len(missing)})


@rule("few-validated")
def few_validated(run: RunHistory) -> Iterator[Finding]:
    """The validation set is so small that its accuracy is a rough estimate.

    Threshold: under 50 samples, each of which is over 2 % of the accuracy. The standard error is that of the proportion with two samples more that are right and two that are wrong, so that
    it is not zero where all are right. Not for text and pixels, and not where classes have no samples for validation at all.
    Source: Agresti, Coull 1998.
    """
    found = read_classification(run.reader.run)
    if found is None or not run.evals or not 0 < (samples := sum(found.support)) < FEW or run.setting("data.kind") == "text" or run.status.tokens_per_sample or run.status.beside_loss == MEAN_IOU:
        return
    if any(not_validated(run)):  # which says more
        return
    share_right = (found.right + 2) / (samples + 4)
    error = math.sqrt(share_right * (1 - share_right) / (samples + 4))
    sentence = f"there {'are' if samples > 1 else 'is'} {samples} sample{'s' * (samples > 1)} for validation: each counts for {percent(1 / samples)} of the accuracy, and an accuracy of {share(found.right / samples)} has a standard error of {significant(error, 2)}"
    advice = "hold more samples out, or compare the mean over several seeds and splits"
    yield Finding(Severity.NOTE, f"{samples} samples for validation", sentence, advice, {"samples": samples, "standard_error": error}, found.step)


@rule("overfitting")
def overfitting(run: RunHistory) -> Iterator[Finding]:
    """The validation loss rises while the training loss falls.

    Threshold: 6 evaluations after the best one or more, and a twelfth of those to come (3 once training has ended), the median of the last three is
    10 % above it, and with that 2 % of what was gained is lost (a note from 3 evaluations and 3 % on), further than validation losses usually differ, and further above a best value or twice as long as this run has come back from before; not where the training loss has diverged, or inputs for validation are of another scale.
    Source: AUTOTRAINER compares accuracies (0.10 apart), Prechelt, "Early Stopping - But When?" compares with the best loss, as here.
    """
    evals = run.finite_evals
    if len(evals) <= SINCE or any(not each.passed for each in training_diverged(run)) or any(data.validation_scale(run)):  # which say why
        return
    place = min(range(len(evals)), key=lambda each: evals[each].loss)
    best, after = evals[place], evals[place + 1 :]
    if len(after) < SINCE or best.loss <= 0 or not best.loss < (1 - FALLEN) * max(run.loss.scale, 0.0):
        return
    now = median(each.loss for each in after[-3:])
    rise = now / best.loss - 1
    # What is lost must also count beside what was gained: a tiny loss doubles by chance.
    gain = max(evals[0].loss, run.loss.scale if run.loss.scale > 0 else 0.0) - best.loss
    if rise < MILD or now - best.loss < 0.01 * gain or now - best.loss <= 1.5 * wobble(evals, place):
        return
    usual, longest = recovered(evals[: place + 1])
    if rise <= usual and len(after) <= 2 * max(longest, SINCE):
        return
    fell = loss_at(run, best) > loss_at(run, after[-1])
    # A loss at a high learning rate rises for some epochs now and then, and comes back as that falls.
    patience = max(SETTLED, run.status.epochs // 12) if run.state.is_alive else SINCE
    severity = Severity.WARNING if rise >= RISEN and now - best.loss >= OF_ALL * gain and len(after) >= patience else Severity.NOTE
    worth = f" (accuracy {share(best.accuracy)})" if math.isfinite(best.accuracy) else ""
    what = "overfitting" if fell else "validation gets worse"
    sentence = f"{what} since {best.where}: its validation loss of {significant(best.loss)}{worth} was the best, and {len(after)} evaluations later it is {significant(now)}, {percent(rise)} above"
    if after and math.isfinite(best.accuracy) and median(each.accuracy for each in after[-3:]) > best.accuracy:
        sentence += f", though the accuracy has risen to {share(median(each.accuracy for each in after[-3:]))}"
    evidence = {"best": best.loss, "best_step": best.step, "now": now, "rise": rise, "evaluations_since": len(after)}
    yield Finding(severity, f"{what} since {best.where}", sentence, saved(run, best, len(after)), evidence, best.step)


def saved(run: RunHistory, best: Evaluation, after: int) -> str:
    """What to do, and what early stopping would have saved."""
    more = "dropout, weight decay, augmentation or more data help"
    if run.figure("training.early_stopping") > 0 or after <= 2 * SINCE or not run.status.seconds or not run.taken:
        return f"keep the checkpoint of {best.where}; {more}"
    over = (run.evals[-1].step - best.step) * (after - SINCE) / after
    return f"keep the checkpoint of {best.where}; training.early_stopping={SINCE} would have saved {number(int(over))} steps ({duration(run.status.seconds * over / run.taken)}); {more}"


def wobble(evals: Sequence[Evaluation], place: int) -> float:
    """How far validation losses around the best usually are from one another."""
    near = evals[max(0, place - 5) : place + 6]
    return median(abs(after.loss - before.loss) for before, after in pairwise(near)) if len(near) > 1 else 0.0


def recovered(evals: Sequence[Evaluation]) -> tuple[float, int]:
    """How far, relative to the best value, and for how many evaluations the loss has been above that before there was a better one."""
    best, worst, longest, above, count = math.inf, 0.0, 0, 0.0, 0
    for each in evals:
        if each.loss < best:
            worst, longest = max(worst, above), max(longest, count)
            best, above, count = each.loss, 0.0, 0
        else:
            above, count = max(above, each.loss / best - 1), count + 1
    return worst, longest


def loss_at(run: RunHistory, evaluation: Evaluation) -> float:
    """The smoothed training loss at an evaluation; nan before the first step."""
    loss = run.loss
    place = next((place for place, last in enumerate(loss.x_last) if last >= evaluation.step), len(loss.x) - 1)
    return mean(loss.means[max(0, place - 4) : place + 1]) if loss.means else math.nan


@rule("oscillating")
def oscillating(run: RunHistory) -> Iterator[Finding]:
    """The validation loss swings up and down from one evaluation to the next by more than it improves.

    Threshold: in the last 8 evaluations three of five changes turn back, and the mean change is 10 % of all that was gained.
    Source: AUTOTRAINER (swings of 0.03 in 20 % of the epochs), relative to the run's own gain.
    """
    evals = run.finite_evals[-SWINGS:]
    if len(evals) < SWINGS or not run.loss.scale > 0:
        return
    changes = [after.loss - before.loss for before, after in pairwise(evals)]
    turns = sum(one * other < 0 for one, other in pairwise(changes)) / (len(changes) - 1)
    swing = mean([abs(change) for change in changes])
    gain = max(run.loss.scale, run.finite_evals[0].loss) - min(each.loss for each in run.finite_evals)
    # What swings around chance has gained nothing that it could lose.
    if turns < TURNS or swing < OF_GAIN * gain or gain < OF_GAIN * run.loss.scale:
        return
    sentence = f"the validation loss swings by {significant(swing)} from one evaluation to the next, {percent(swing / gain)} of all that was gained"
    evidence = {"swing": swing, "turns": turns, "gain": gain}
    yield Finding(Severity.WARNING, "oscillating", sentence, "a lower lr, a larger batch or an average of the weights (training.ema) reduces it", evidence, evals[0].step)
