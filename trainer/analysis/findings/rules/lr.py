"""The learning rate, judged by what it does: to the loss, and to the weights."""

from __future__ import annotations

from collections.abc import Iterator

from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import RunHistory
from gradtop.trainer.analysis.findings.rules import activations, gradients, weights
from gradtop.trainer.analysis.formatting import number, percent, significant
from gradtop.trainer.record import clean
from gradtop.trainer.record.streams.registry import LR, UPDATE_RATIO

NONE = 1e-8
RANGE_TEST = "gradtop lr-range finds one"
LENGTH = "make the schedule as long as the training"
FALLS = 1000  # times, to what trains almost nothing
HIGH = 0.8  # of the highest
LARGE, SMALL = 0.1, 1e-5  # update : weight
SKIPPED, SEARCH = 0.05, 12  # of all steps; and those in which the scaler finds its scale


def remedy(run: RunHistory, *, high: bool) -> str:
    """What to do about a loss that does not fall, with the learning rate as it is."""
    lr, ratio = run.peak_lr, run.layers.late_ratio
    if high or ratio > LARGE or run.loss.now > 1.1 * run.loss.scale:
        return f"lr {significant(lr)} is probably too high: try a tenth of it; {RANGE_TEST}"
    if ratio < SMALL or lr < NONE * 1000:
        return f"lr {significant(lr)} is probably too low; {RANGE_TEST}"
    return f"check that inputs and labels belong together, the initialization and the lr ({significant(lr)}); {RANGE_TEST}"


@rule("lr-over", "schedule")
def over(run: RunHistory) -> Iterator[Finding]:
    """The schedule runs out before the training ends: the learning rate is almost zero while the loss is still high, or will be for most of the steps.

    Threshold: lr below 1e-8, where it was higher, in over 5 % of the planned steps, those to come included, and a loss over half of what learning nothing has; or, by the plan and so from the
    first step on, under 1/1,000 of the highest up to the end, for over half of the steps.
    Source: in float32 a smaller step is lost in a weight; gradtop.
    """
    curve, now = run.curves[LR], run.status.began + run.taken
    if not run.lr < NONE < run.peak_lr or not run.loss.now > run.loss.scale / 2:
        yield from planned_to_run_out(run)
        return
    since = next((int(x) for x, high in zip(reversed(curve.x), reversed(curve.high), strict=True) if high >= NONE), now)
    idle = run.planned - (since - run.status.began)
    if idle > max(0.05 * run.planned, 2) and now > since + 1:
        sentence = f"lr has been below 1e-8 since about step {number(since)}, for {number(idle)} of {number(run.planned)} steps, and the training loss is still {significant(run.loss.now)}"
        evidence = {"lr": run.lr, "steps": idle, "loss": run.loss.now}
        yield Finding(Severity.WARNING, "lr has run out", sentence, LENGTH, evidence, since)
        return
    yield from planned_to_run_out(run)


def planned_to_run_out(run: RunHistory) -> Iterator[Finding]:
    """Told by the plan, before training has come there."""
    if run.plan is None:
        return
    # What was lowered by hand is no schedule, and what was forked with a low one trains with it.
    full = min([run.plan.highest, *([lr] if (lr := run.figure("optimizer.lr")) > 0 else [])])
    since = run.plan.last_step_at(0.999 * full / FALLS)  # three drops to a tenth are not below, however they are rounded
    idle = run.status.steps - max(since, run.status.began)
    if idle > run.planned / 2:
        sentence = f"from about step {number(since)} on the schedule takes lr below 1/{number(FALLS)} of {significant(full)}, so that {number(idle)} of {number(run.planned)} steps ({percent(idle / run.planned)}) train almost nothing"
        by_step = "; schedule.unit=epochs decays by epochs in place of steps" if run.setting("schedule.unit") == "steps" else ""
        evidence = {"since": since, "steps": idle, "planned": run.planned}
        yield Finding(Severity.WARNING, f"lr almost zero in {percent(idle / run.planned)} of the steps", sentence, LENGTH + by_step, evidence, since)


@rule("lr-not-decayed", "schedule")
def not_decayed(run: RunHistory) -> Iterator[Finding]:
    """The schedule is one that decays, but the run ends near its highest learning rate.

    Threshold: by the plan, and so from the first step on, the last of at least 20 steps takes 80 % of the highest learning rate or more. Of the kinds whose decay is as long as the run, and a note of those with
    cycles; other kinds (constant, step, multistep, exponential, plateau) may end anywhere.
    Source: gradtop; a warm-up as long as the run, a min_lr near lr, a cycle longer than the run.
    """
    plan = run.plan
    if plan is None or not plan.decays_over:
        return
    highest = max(plan.highest, run.figure("optimizer.lr"))
    if not plan.last >= HIGH * highest > 0:
        return
    kind, lowest = clean(str(run.setting("schedule.kind", "")), 40), run.figure("schedule.min_lr")
    sentence = f"the {kind} schedule ends with lr {significant(plan.last)}, {percent(plan.last / highest)} of its highest"
    evidence = {"lr": plan.last, "highest": highest}
    if plan.decays_over == "cycle":
        sentence += ": the run ends soon after a cycle began"
        yield Finding(Severity.NOTE, "lr ends high", sentence, "choose schedule.period so that a cycle ends with the run", evidence)
        return
    if lowest >= HIGH * highest:
        why, advice = f": schedule.min_lr is {significant(lowest)}", "a lower schedule.min_lr, or schedule.kind=constant"
    elif run.figure("schedule.warmup_steps") > 0 or run.figure("schedule.warmup_epochs") > 0:
        why, advice = ": its warm-up leaves no step for the decay", "a shorter warm-up, or a longer training"
    else:
        why, advice = "", "leave more steps for its decay"
    yield Finding(Severity.WARNING, "lr does not decay", sentence + why, advice, evidence)


@rule("lr-too-high", "schedule")
def too_high(run: RunHistory) -> Iterator[Finding]:
    """The learning rate is probably too high.

    Threshold: the median update of the matrices is over 10 % of the weight, late; or three or more loss spikes, the last within the last tenth of the
    steps. With Adam, whose steps do not depend on the size of the gradients, the update:weight ratio says it all the same.
    Source: Karpathy (about 1e-3 is usual), torchmortem (> 0.1).
    """
    ratio, spikes = run.layers.late_ratio, run.loss.spikes
    step = run.status.began + run.taken
    often = len(spikes) >= 3 and (spikes[-1].until is None or step - spikes[-1].until < run.taken / 10)
    if (not ratio > LARGE and not often) or any(weights.shrunk(run)):
        return
    why = f"an update changes a weight by {percent(ratio)}, in the median of the layers" if ratio > LARGE else f"{len(spikes)} loss spikes"
    sentence = f"lr {significant(run.lr)} is probably too high: {why}"
    evidence = {"lr": run.lr, UPDATE_RATIO: ratio if ratio == ratio else "not measured", "spikes": len(spikes)}
    yield Finding(Severity.WARNING, "lr probably too high", sentence, f"about 0.1 % is usual: try a tenth of it; {RANGE_TEST}", evidence, step)


@rule("lr-too-low", "schedule")
def too_low(run: RunHistory) -> Iterator[Finding]:
    """The learning rate is probably too low.

    Threshold: at half of the highest lr or more the median update of the matrices is under 1e-5 of the weight, and the loss has fallen by less than 30 %; not
    where gradients vanish or units are dead, which no lr mends.
    Source: torchmortem (< 1e-5), Karpathy (about 1e-3 is usual).
    """
    ratio = run.layers.late_ratio
    loss = run.loss
    if not ratio < SMALL or run.taken < run.settled / 2 or not run.lr >= run.peak_lr / 2 or not loss.now > 0.7 * loss.scale or not ratio > 0:
        return
    if any(found for each in (activations.dead, gradients.zero, gradients.vanishing) for found in each(run)):
        return
    sentence = f"lr {significant(run.lr)} is probably too low: an update changes a weight by {significant(ratio, 2)} of itself, in the median of the layers"
    yield Finding(Severity.WARNING, "lr probably too low", sentence, f"about 1e-3 is usual; {RANGE_TEST}", {"lr": run.lr, UPDATE_RATIO: ratio, "loss": loss.now}, run.status.began + run.taken)


@rule("fp16-overflow")
def fp16_overflow(run: RunHistory) -> Iterator[Finding]:
    """The gradient scaler skips more steps than its regular search for a larger scale explains.

    Threshold: over 5 % of the steps, and more than the 12 of its first search.
    Source: PyTorch's GradScaler tries a larger scale every 2,000 steps, 0.05 %.
    """
    skipped, steps = run.status.skipped_steps, run.taken
    if steps and skipped > max(SEARCH, SKIPPED * steps):
        sentence = f"{number(skipped)} of {number(steps)} steps ({percent(skipped / steps)}) were skipped by the gradient scaler: their gradients overflow in fp16"
        yield Finding(Severity.WARNING, f"{percent(skipped / steps)} of steps skipped", sentence, "use bf16 or fp32, or clip the gradients", {"skipped": skipped, "steps": steps})
