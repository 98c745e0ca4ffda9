"""`gradtop export RUN --to csv|parquet|tensorboard`."""

from __future__ import annotations

import argparse

from gradtop.tui.cli.locate import add_run, chosen_run, shown
from gradtop.tui.cli.output import say

EPILOG = """\
CSV and Parquet: one file for each stream (steps, evals, layers, histograms,
system, plan); what ranks beside the first recorded is called system.r1, after
its rank. TensorBoard: one event file with the scalars and the histograms.
What was not measured is empty in CSV, null in Parquet and left out in
TensorBoard. Parquet needs pyarrow: pip install 'gradtop[export]'.

  gradtop export last --to csv --output figures/
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write a run's data for other programs."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("--to", choices=("csv", "parquet", "tensorboard"), required=True, help="the format")
    parser.add_argument("--output", metavar="DIR", help="where to (default: export/FORMAT in the run's directory)")


def run(options: argparse.Namespace) -> int:
    from pathlib import Path

    from gradtop.trainer.record.export import export_run

    found = chosen_run(options)
    folder = Path(options.output).expanduser() if options.output else found.path / "export" / options.to
    for path in export_run(found, options.to, folder):
        say(shown(path))
    return 0
