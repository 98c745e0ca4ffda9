"""`gradtop export RUN --to csv|parquet|tensorboard`."""

from __future__ import annotations

import argparse

from tui.commands.output import say
from tui.commands.place import add_run, chosen_run

EPILOG = """\
One file per stream (steps, evals, layers, histograms, system); TensorBoard gets event files with the scalars and the
histograms. Parquet and TensorBoard need `pip install 'gradtop[export]'`.

  gradtop export last --to csv --output figures/
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write a run's data for other programs."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("--to", choices=("csv", "parquet", "tensorboard"), required=True, help="the format")
    parser.add_argument("--output", metavar="DIR", help="where to (default: export/FORMAT inside the run's directory)")


def run(options: argparse.Namespace) -> int:
    from pathlib import Path

    from tui.export import export

    found = chosen_run(options)
    folder = Path(options.output).expanduser() if options.output else found.path / "export" / options.to
    for path in export(found, options.to, folder):
        say(str(path))
    return 0
