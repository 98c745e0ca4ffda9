"""The rules by family, and all of them in the order of the harm that they tell of."""

from gradtop.trainer.analysis.findings.finding import Rule
from gradtop.trainer.analysis.findings.rules import data, ending, gradients, loss, pace, rates, record

RULES: tuple[Rule, ...] = (
    ending.failed,
    ending.died,
    loss.not_finite,
    loss.val_not_finite,
    loss.no_progress,
    gradients.clipping,
    rates.fp16_overflow,
    data.left_out,
    pace.pace_fell,
    record.unreadable,
    record.records_lost,
)
