"""`gradtop eval RUN [--data DATA]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from gradtop.trainer.home import at_home
from gradtop.tui.cli.model import ChosenModel, add_device, add_model, chosen_model, worked
from gradtop.tui.cli.output import print_json, print_line, table

EPILOG = """\
Evaluates as the training does: same data, batch size, precision, number of
threads and device, with the EMA of the weights where there is one. On the
validation data the metrics are compared with those that the run recorded at
the step of the checkpoint. Beside a metric stands its baseline, that of a
constant prediction: the most frequent class, or the mean of the targets; of a
checkpoint that was pruned or quantized, the metric that was recorded before.
The run is not affected and may still be training.

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
    data = options.data if options.data in NAMED_DATA else str(at_home(options.data).absolute())
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
    before = answer["before"]
    columns: dict[str, Mapping[str, str]] = {"metric": titles}
    if recorded is None or answer["as_recorded"]:
        columns["value"] = {name: metric_text(name, value) for name, value in metrics.items()}
        if before is None:
            columns["baseline"] = {name: metric_text(name, value) for name, value in answer["baselines"].items()}
        else:
            columns["before"] = {name: metric_text(name, value) for name, value in before["metrics"].items()}
            columns["change"] = differences(metrics, before["metrics"])
    else:
        columns["value"] = {name: exact(value) for name, value in metrics.items()}
        columns["recorded"] = {name: exact(value) for name, value in recorded.items()}
        columns["difference"] = differences(metrics, recorded)
    filled = [title for title, cells in columns.items() if cells]
    rows = [[columns[title].get(name, "") for title in filled] for name in metrics]
    for line in table(filled, rows, right=filled[1:]):
        print_line(line)
    when = "when it was written" if chosen.checkpoint.note else "at this step"
    if recorded is not None:
        print_line(f"as recorded {when}" if answer["as_recorded"] else f"not as recorded {when}")
    elif answer["data"] == "validation":
        print_line(f"no evaluation was recorded {when}")
    if before is not None and "before" in columns:
        print_line(f"before: {clean(before['name'] or before['run'], 80)}, step {number(before['step'])}")
    for note in answer["notes"]:
        print_line(clean(note), sys.stderr)


def metric_text(name: str, value: float | str) -> str:
    from gradtop.trainer.analysis.text import metric_figure

    return metric_figure(name, float(value))


def exact(value: float | str) -> str:
    return f"{float(value):.9g}"


def differences(values: Mapping[str, float | str], others: Mapping[str, float | str]) -> dict[str, str]:
    """How much larger each value is than the other one of its name."""
    return {name: f"{float(value) - float(others[name]):+.2g}" for name, value in values.items() if name in others}
