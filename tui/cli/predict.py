"""`gradtop predict RUN FILE…`."""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gradtop.trainer.home import at_home
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import shown
from gradtop.tui.cli.model import add_device, add_model, chosen_model, worked
from gradtop.tui.cli.output import print_json, print_line

EPILOG = """\
Classifiers take pictures, transformed as those for validation, whatever their
size, and give the most probable classes, a regression its values, a model of
several labels those that it predicts. A segmentation gives the share of each
class in the pixels, and writes masks with --masks: of the size of the pictures,
with the values of the masks that it was trained on; what lies outside of the
square that it sees is ignored. Language models take texts and write on after
them, classifiers of texts give the most probable classes of each; a line break
at the end of a text does not count. A model of a table takes
CSV and Parquet files with its columns, and prints a line of CSV for each row:
its number and the prediction. FILE may be a folder, for all files in it, or -
for the standard input. A file that cannot be read is reported and makes the
exit code 2. JSON: gradtop help json.

--data predicts samples of the run's own data in place of files, whatever the
model takes, several inputs too: all of that part, or those of --index.

  gradtop predict last photos/*.jpg
  gradtop predict last photos --masks masks
  gradtop predict last new.csv > predictions.csv
  gradtop predict last --data validation --index 0,3
  echo "Alice was" | gradtop predict last - --length 200 --temperature 0.7
"""
STDIN = "-"
LONGEST = 19  # digits of a number of samples
PARTS = ("train", "validation", "test")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Predict pictures or rows of a table, or continue texts, with a run's model."
    parser.epilog = EPILOG
    add_model(parser)
    add_device(parser)
    parser.add_argument("files", metavar="FILE", nargs="*", help="pictures, tables or texts, folders, or - for the standard input")
    parser.add_argument("--data", choices=PARTS, help="predict samples of this part of the run's data, in place of files")
    parser.add_argument("--index", type=indices, metavar="N,…", help="with --data: these samples, counted from 0 (default: all)")
    parser.add_argument("--top", type=int, metavar="N", help="classes per picture or row (default: 5)")
    parser.add_argument("--masks", metavar="DIR", help="of a segmentation: write the mask of each picture into DIR, as PNG")
    parser.add_argument("--overwrite", action="store_true", help="replace masks that are there already")
    parser.add_argument("--length", type=int, metavar="N", help="characters to write (default: sample.length of the run)")
    parser.add_argument("--temperature", type=float, metavar="T", help="divides the outputs before the softmax; 0 takes the largest (default: sample.temperature of the run)")
    parser.add_argument("--seed", type=int, metavar="N", help="of the characters that are drawn (default: training.seed of the run)")


def run(options: argparse.Namespace) -> int:
    given = {name: getattr(options, name) for name in ("top", "length", "temperature", "seed")}
    check_options(given)
    if options.overwrite and not options.masks:
        raise UsageError("--overwrite replaces masks; give their folder with --masks")
    if options.index is not None and not options.data:
        raise UsageError("--index chooses samples of the run's data; name their part with --data")
    if bool(options.files) == bool(options.data):
        raise UsageError("FILE and --data cannot be combined; leave one out" if options.data else "name a FILE to predict, or a part of the run's data with --data")
    if options.masks and options.data:
        raise UsageError("--masks writes those of pictures; name these as FILE in place of --data")
    more = {"masks": str(at_home(options.masks).absolute()), "overwrite": options.overwrite} if options.masks else {}
    if options.data:
        more = {"data": options.data, "index": options.index}
    chosen = chosen_model(options)
    with read_stdin(options.files) as names:
        shown = list(names.values())
        chosen, answer = worked("predict", chosen, {"files": list(names), "options": {**given, **more}, "device": options.device}, options)
    predictions = answer["predictions"]
    if not options.data:
        predictions = [{**each, "file": name} for each, name in zip(predictions, shown, strict=True)]
    if options.json:
        print_json(chosen.about({**answer, "predictions": predictions}))
    elif options.data:
        print_predictions([{**each, "file": f"{options.data} {each['index']}"} for each in predictions])
    else:
        print_predictions(predictions, answer.get("targets", ()))
    for note in answer["notes"]:
        print_line(note, sys.stderr)
    failed = [each for each in predictions if "error" in each]
    for each in failed:
        print_line(f"gradtop: {each['file']}: {each['error']}", sys.stderr)
    return 2 if failed else 0


def indices(text: str) -> list[int]:
    """The numbers of a list with commas, each once. Raises ArgumentTypeError."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and len(word) < LONGEST for word in words):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no list of whole numbers from 0 on, such as 0,3")
    return list(dict.fromkeys(map(int, words)))


def check_options(given: Mapping[str, float | None]) -> None:
    for name, least in (("top", 1), ("length", 0), ("temperature", 0), ("seed", 0)):
        value = given[name]
        if value is not None and not least <= value < float("inf"):
            raise UsageError(f"--{name} must be at least {least}, and is {value:g}")


@contextlib.contextmanager
def read_stdin(words: Sequence[str]) -> Iterator[dict[str, str]]:
    """The path of each file, and what to call it; the standard input is a file as long as the block lasts. Raises UsageError."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="gradtop-") as folder:
        for word in words:
            path = at_home(word).absolute()
            if word == STDIN:
                path = Path(folder) / "stdin"
                path.write_bytes(sys.stdin.buffer.read())
            if path.is_dir():
                inside = sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
                if not inside:
                    raise UsageError(f"{word} has no files in it; name a folder with pictures or texts, or the files")
                found |= {os.fspath(each): os.path.join(word, each.name) for each in inside}  # noqa: PTH118 - as the user wrote it
            else:
                found[os.fspath(path)] = word
        yield found


def print_predictions(predictions: Sequence[Mapping[str, Any]], targets: Sequence[str] = ()) -> None:
    """`targets` are the columns that a model of a table predicts."""
    from gradtop.trainer.analysis.formatting import percent, significant
    from gradtop.trainer.record import clean

    several = len(predictions) > 1
    width = max((len(each["file"]) for each in predictions if "text" not in each), default=0)
    for each in predictions:
        if "top" in each or "labels" in each:
            kind = "class" if "top" in each else "label"
            named = [f"{clean(name, 60) if (name := one['name']) is not None else f'{kind} {one[kind]}'} {percent(one['probability'], 1)}" for one in each.get("top", each.get("labels"))]
            print_line(f"{clean(each['file'], 400):<{min(width, 60)}}  {', '.join(named) or 'no label'}{target_text(each)}")
        elif "pixels" in each:
            shares = [f"{clean(name, 60) if (name := one['name']) is not None else 'class ' + str(one['class'])} {percent(one['share'], 1)}" for one in each["pixels"]]
            written = f"; {shown(Path(each['mask']))}" if "mask" in each else ""
            print_line(f"{clean(each['file'], 400):<{min(width, 60)}}  {', '.join(shares)} of the pixels{written}")
        elif "rows" in each:
            print_rows(each["file"] if several else "", each["rows"], targets)
        elif "values" in each:
            print_line(f"{clean(each['file'], 400):<{min(width, 60)}}  {', '.join(significant(value, 4) for value in each['values'])}{target_text(each)}")
        elif "text" in each:
            if several:
                print_line(f"── {clean(each['file'], 400)}")
            print_line(clean(each["prompt"] + each["text"], 1_000_000, keep_newlines=True))


def target_text(prediction: Mapping[str, Any]) -> str:
    """; target dog: of a sample whose target is known."""
    from gradtop.trainer.analysis.formatting import significant
    from gradtop.trainer.record import clean

    if "target" not in prediction:
        return ""
    target = prediction["target"]
    parts = [
        (clean(one["name"], 60) if one["name"] is not None else " ".join(f"{key} {one[key]}" for key in ("class", "label") if key in one)) if isinstance(one, Mapping) else significant(one, 4)
        for one in (target if isinstance(target, list) else [target])
    ]
    return f"; target {', '.join(parts) or 'no label'}"


def print_rows(file: str, rows: Sequence[Mapping[str, Any]], targets: Sequence[str]) -> None:
    """As CSV, which other programs read: numbers of full precision, the name of a class as the training data have it."""
    lines = csv.writer(sys.stdout, lineterminator="\n")
    about, which = ([file], ["file"]) if file else ([], [])
    for number, row in enumerate(rows, start=1):
        if number == 1:
            lines.writerow([*which, "row", *targets, *(["probability"] if "top" in row else [])])
        if "top" in row:
            best = row["top"][0]
            found = [best["class"] if best["name"] is None else best["name"], f"{best['probability']:.6g}"]
        elif "labels" in row:
            predicted = {each["label"] for each in row["labels"]}
            found = [int(place in predicted) for place in range(len(targets))]
        else:
            found = [f"{value:.9g}" for value in row["values"]]
        lines.writerow([*about, number, *found])
