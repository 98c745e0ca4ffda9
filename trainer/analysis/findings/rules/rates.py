"""Learning rate, update sizes and the gradient scaler."""

from __future__ import annotations

from collections.abc import Iterator

from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import History
from gradtop.trainer.analysis.text import skipped_text

SKIPPED = 0.05  # of all steps


@rule("fp16-overflow")
def fp16_overflow(run: History) -> Iterator[Finding]:
    """The gradient scaler skips more steps than it needs to find its scale now and then."""
    skipped, steps = run.status.skipped_steps, run.status.step - run.status.began
    if skipped > SKIPPED * steps and skipped:
        yield Finding(
            Severity.WARNING,
            f"{skipped} steps skipped",
            f"{skipped_text(run.status)}: their gradients overflow in fp16",
            "use bf16 or fp32 if that goes on",
            {"skipped": skipped, "steps": steps},
        )
