"""`gradtop export RUN --to csv|parquet|tensorboard`."""

from __future__ import annotations

import argparse
import sys

from gradtop.tui.cli.locate import add_run, chosen_run, shown
from gradtop.tui.cli.output import print_line

EPILOG = """\
CSV and Parquet: one file for each stream (steps, evals, layers, histograms,
system, plan); a stream of a rank other than 0 has the rank in its name, such as
system.r1. TensorBoard: one event file with the scalars and the histograms.
Missing values are empty in CSV, null in Parquet and omitted in TensorBoard. A
stream without records gives a file without rows. Existing files are replaced
only with --overwrite. Parquet needs pyarrow: pip install 'gradtop[export]'.

  gradtop export last --to csv --output figures/
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Export a run as CSV, Parquet or TensorBoard events."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("--to", choices=("csv", "parquet", "tensorboard"), required=True, help="output format")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.add_argument("--output", metavar="DIR", help="output directory (default: export/FORMAT in the run's directory)")


def run(options: argparse.Namespace) -> int:
    from pathlib import Path

    from gradtop.trainer.record import clean
    from gradtop.trainer.record.export import export_run

    found = chosen_run(options)
    folder = Path(options.output).expanduser() if options.output else found.path / "export" / options.to
    exported = export_run(found, options.to, folder, overwrite=options.overwrite)
    for path in exported.paths:
        print_line(shown(path))
    if exported.empty:
        print_line(f"no records: {clean(', '.join(exported.empty))}", sys.stderr)
    return 0
