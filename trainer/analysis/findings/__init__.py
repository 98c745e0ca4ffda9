"""What is wrong with a run, in sentences with figures: the same on the screen, in `show`, in `ls --json` and in the docs."""

from gradtop.trainer.analysis.findings.finding import Finding, Severity
from gradtop.trainer.analysis.findings.report import Report, report

__all__ = ["Finding", "Report", "Severity", "report"]
