"""`gradtop eval RUN [--data DATA]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradtop.tui.cli.model import ChosenModel, add_device, add_model, chosen_model, worked
from gradtop.tui.cli.output import print_json, print_line, table

EPILOG = """\
Evaluates as the training does: same data, batch size, precision, number of
threads and device, with the EMA of the weights where there is one. On the
validation data the metrics are compared with those that the run recorded at
the step of the checkpoint. Beside a metric stands its baseline, that of a
constant prediction: the most frequent class, or the mean of the targets. The
run is not affected and may still be training.

DATA is validation (default), train, test (the held-out test set), or a path: a
text for a language model of characters; for a classifier of pictures a folder
with a folder of images for each class, named as in training. JSON: gradtop help
json.

  gradtop eval last
  gradtop eval quiet-heron --data photos/test --checkpoint last
"""
NAMED_DATA = ("validation", "train", "test")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Evaluate a checkpoint of a run with all metrics."
    parser.epilog = EPILOG
    add_model(parser)
    add_device(parser)
    parser.add_argument("--data", metavar="DATA", default="validation", help="validation, train, test, or a file or folder (default: validation)")


def run(options: argparse.Namespace) -> int:
    chosen = chosen_model(options)
    data = options.data if options.data in NAMED_DATA else str(Path(options.data).expanduser().absolute())
    chosen, answer = worked("evaluate", chosen, {"data": data, "device": options.device}, options)
    if options.json:
        print_json(chosen.about(answer))
    else:
        print_evaluation(chosen, answer)
    return 0


def print_evaluation(chosen: ChosenModel, answer: Mapping[str, Any]) -> None:
    from gradtop.trainer.analysis.formatting import duration, number
    from gradtop.trainer.metrics import metric_of
    from gradtop.trainer.record import clean

    what = f"{answer['data']} data" if answer["data"] in NAMED_DATA else clean(answer["data"], 200)
    print_line(f"{chosen.text(answer)}: {number(answer['samples'])} {answer['of']} of {what} on {answer['device']}, {duration(answer['seconds'])}")
    metrics, recorded = answer["metrics"], answer["recorded"]
    titles = {name: metric_of(name).title if what.startswith("validation") else metric_of(name).title.removeprefix("val ") for name in metrics}
    if recorded is None or answer["as_recorded"]:
        known = answer["baselines"]
        rows = [(titles[name], metric_text(name, value), metric_text(name, known[name]) if name in known else "") for name, value in metrics.items()]
        lines = table(("metric", "value", "baseline"), rows, right=("value", "baseline")) if known else table(("metric", "value"), [row[:2] for row in rows], right=("value",))
    else:
        full = [(titles[name], exact(value), exact(recorded[name]), difference(value, recorded[name])) for name, value in metrics.items()]
        lines = table(("metric", "value", "recorded", "difference"), full, right=("value", "recorded", "difference"))
    for line in lines:
        print_line(line)
    if recorded is not None:
        print_line("as recorded at this step" if answer["as_recorded"] else "not as recorded at this step")
    elif answer["data"] == "validation":
        print_line("no evaluation was recorded at this step")
    for note in answer["notes"]:
        print_line(clean(note), sys.stderr)


def metric_text(name: str, value: float | str) -> str:
    from gradtop.trainer.analysis.text import metric_figure

    return metric_figure(name, float(value))


def exact(value: float | str) -> str:
    return f"{float(value):.9g}"


def difference(value: float | str, recorded: float | str) -> str:
    return f"{float(value) - float(recorded):+.2g}"
