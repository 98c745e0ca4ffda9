"""`gradtop export RUN --to csv|parquet|tensorboard`, and `--model safetensors|pt2|onnx`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradtop.trainer.home import at_home
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import chosen_run, shown
from gradtop.tui.cli.model import add_model, chosen_model, worked
from gradtop.tui.cli.output import print_json, print_line

EPILOG = """\
--to exports the records. CSV and Parquet: one file for each stream (steps,
evals, layers, histograms, system, plan); a stream of a rank other than 0 has
the rank in its name, such as system.r1. TensorBoard: one event file with the
scalars and the histograms. Missing values are empty in CSV, null in Parquet and
omitted in TensorBoard. A stream without records gives a file without rows.
Existing files are replaced only with --overwrite. Parquet needs pyarrow:
pip install 'gradtop[export]'.

--model exports the model of a checkpoint, with the EMA of the weights where
there is one: the weights as safetensors, or the whole model without its code
as pt2 (torch.export) or onnx (pip install 'gradtop[export]'). The file is run
on samples of the validation data and compared with the model before it is put
in place. How Python loads each of them: gradtop help models.

  gradtop export last --to csv --output figures/
  gradtop export last --model onnx --output digits.onnx
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Export the records of a run, or its model."
    parser.epilog = EPILOG
    add_model(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--to", choices=("csv", "parquet", "tensorboard"), metavar="FORMAT", help="records: csv, parquet or tensorboard")
    what.add_argument("--model", choices=("safetensors", "pt2", "onnx"), metavar="FORMAT", help="model: safetensors, pt2 or onnx")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.add_argument("--output", metavar="PATH", help="output directory, or file of the model (default: export/FORMAT in the run's directory)")


def run(options: argparse.Namespace) -> int:
    if options.model:
        return export_model_file(options)
    if options.checkpoint or options.json:
        raise UsageError("--checkpoint and --json belong to --model; leave them out")
    from gradtop.trainer.record import clean
    from gradtop.trainer.record.export import export_run

    found = chosen_run(options)
    folder = at_home(options.output) if options.output else found.path / "export" / options.to
    exported = export_run(found, options.to, folder, overwrite=options.overwrite)
    for path in exported.paths:
        print_line(shown(path))
    if exported.empty:
        print_line(f"no records: {clean(', '.join(exported.empty))}", sys.stderr)
    return 0


def export_model_file(options: argparse.Namespace) -> int:
    from gradtop.trainer.record import RecordError, clean
    from gradtop.trainer.record.export import ExportFolder

    chosen = chosen_model(options)
    path = model_path(options, chosen.run.path)
    try:
        with ExportFolder(chosen.run, path.parent, overwrite=options.overwrite) as folder:
            (part,) = folder.add([path.name])
            # Made here, so that it is gone with this command, however that ends.
            folder.create(part).close()
            chosen, answer = worked("export_model", chosen, {"format": options.model, "part": str(path.with_name(part))}, options)
    except OSError as error:
        raise RecordError(f"{path.parent}: cannot be written: {error.strerror or error}. Choose another place with --output.") from None
    if options.json:
        print_json(chosen.about({**answer, "file": path}))
        return 0
    print_line(shown(path))
    print_line(about_model(answer))
    if answer["tied"]:
        print_line(f"tied, stored once: {clean(', '.join(f'{name} = {first}' for name, first in answer['tied'].items()), 400)}")
    for note in answer["notes"]:
        print_line(clean(note), sys.stderr)
    return 0


def model_path(options: argparse.Namespace, run: Path) -> Path:
    """The file to write: --output itself where it is named as a file of the format."""
    name = f"model.{options.model}"
    folder = at_home(options.output).absolute() if options.output else run / "export" / str(options.model)
    return folder if options.output and folder.suffix == f".{options.model}" and not folder.is_dir() else folder / name


def about_model(answer: Mapping[str, Any]) -> str:
    """83.1 kB, step 450 · inputs any×1×8×8 float32 · outputs deviate by at most 6.0e-08 from those of the model, over 64 samples"""
    from gradtop.trainer.analysis.formatting import number, scientific, size

    inputs = answer["structure"] or f"{'×'.join(map(str, answer['shape']))} {answer['dtype']}"
    opset = f" · opset {answer['opset']}" if answer["opset"] else ""
    averaged = ", EMA of the weights" if answer["weights"] == "ema" else ""
    deviation = f"outputs deviate by at most {scientific(answer['deviation'])} from those" if answer["deviation"] else "outputs equal those"
    return f"{size(answer['bytes'])}, step {number(answer['step'])}{averaged}{opset} · inputs {inputs} · {deviation} of the model, over {answer['samples']} samples"
