"""`gradtop export RUN --to csv|parquet|tensorboard`."""

from __future__ import annotations

import argparse
import sys

from gradtop.tui.cli.locate import add_run, chosen_run, shown
from gradtop.tui.cli.output import say

EPILOG = """\
CSV and Parquet: one file for each stream (steps, evals, layers, histograms,
system, plan); what ranks beside the first recorded is called system.r1, after
its rank. TensorBoard: one event file with the scalars and the histograms.
What was not measured is empty in CSV, null in Parquet and left out in
TensorBoard. A stream without records is a file without rows. Files that are
there already are replaced only with --overwrite. Parquet needs pyarrow:
pip install 'gradtop[export]'.

  gradtop export last --to csv --output figures/
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write a run's data for other programs."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("--to", choices=("csv", "parquet", "tensorboard"), required=True, help="the format")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    parser.add_argument("--output", metavar="DIR", help="where to (default: export/FORMAT in the run's directory)")


def run(options: argparse.Namespace) -> int:
    from pathlib import Path

    from gradtop.trainer.record import clean
    from gradtop.trainer.record.export import export_run

    found = chosen_run(options)
    folder = Path(options.output).expanduser() if options.output else found.path / "export" / options.to
    exported = export_run(found, options.to, folder, overwrite=options.overwrite)
    for path in exported.paths:
        say(shown(path))
    if exported.empty:
        say(f"no records: {clean(', '.join(exported.empty))}", sys.stderr)
    return 0
