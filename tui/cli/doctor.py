"""`gradtop doctor`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict

from gradtop.trainer.home import at_home
from gradtop.tui.cli.checks import CheckResult

EPILOG = """\
Each line is a finding: fine (✓), a note (·), or a problem that prevents
training (✕), with its fix. Exit code: 0 no problem, 1 at least one.
"""
MARKS = {"fine": "✓", "note": "·", "problem": "✕"}
NAMES = len("torchvision")
TONES = {"fine": "success", "note": "muted", "problem": "error"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.record.typed import usual_runs
    from gradtop.tui.cli import checks
    from gradtop.tui.cli.output import print_json

    # Not runs_directory, which raises for an unreadable directory: here that is a finding.
    runs = at_home(options.runs).absolute() if options.runs else usual_runs()
    found = (finding for check in checks.all_checks(runs) for finding in check())
    if options.json:
        findings = list(found)
        print_json([asdict(finding) for finding in findings])
    else:
        findings = report(found)
    return 1 if any(finding.state == "problem" for finding in findings) else 0


def report(found: Iterable[CheckResult]) -> list[CheckResult]:
    """Print each finding as soon as it is known, as importing PyTorch takes seconds; returns them."""
    from gradtop.trainer.record import clean
    from gradtop.tui.cli.output import print_line, toned

    findings = []
    for finding in found:
        findings.append(finding)
        print_line(f"{toned(MARKS[finding.state], TONES[finding.state])} {finding.name:<{NAMES}}  {clean(finding.found)}")
        if finding.todo:
            print_line(f"  {'':<{NAMES}}  → {finding.todo}")
    problems = sum(finding.state == "problem" for finding in findings)
    print_line()
    if problems:
        print_line(f"{problems} problem{'s' * (problems > 1)}: see → above for the fix.")
    else:
        print_line("No problems found.")
    return findings
