"""`gradtop doctor`: what is there, what is missing, what to do."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable

from tui.commands.checks import Finding

EPILOG = """\
Every line is a finding: fine, worth knowing, or in the way of training, the last two with what to do about it.
Exit code: 0 nothing is in the way, 1 something is.
"""
MARKS = {"fine": "✓", "note": "·", "problem": "✕"}
ASCII_MARKS = {"fine": "+", "note": "-", "problem": "x"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--json", action="store_true", help="print the findings as JSON: name, state, found, todo")


def run(options: argparse.Namespace) -> int:
    from tui.commands import checks
    from tui.commands.place import runs_directory

    findings = list(collect(checks.all_checks(runs_directory(options))))
    if options.json:
        rows = [{"name": f.name, "state": f.state, "found": f.found, "todo": f.todo} for f in findings]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        report(findings)
    return 1 if any(finding.state == "problem" for finding in findings) else 0


def collect(checks: Iterable[Callable[[], Iterable[Finding]]]) -> Iterable[Finding]:
    for check in checks:
        yield from check()


def report(findings: list[Finding]) -> None:
    from tui.commands.output import unicode_wanted

    marks = MARKS if unicode_wanted(sys.stdout) else ASCII_MARKS
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        print(f"{marks[finding.state]} {finding.name:<{width}}  {finding.found}")
        if finding.todo:
            print(f"  {'':<{width}}  -> {finding.todo}")
    problems = sum(finding.state == "problem" for finding in findings)
    print()
    print("Nothing is in the way of training." if not problems else f"{problems} in the way of training: see -> above.")
