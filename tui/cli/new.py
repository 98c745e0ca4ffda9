"""`gradtop new KIND [FILE]`."""

from __future__ import annotations

import argparse
import contextlib
import shlex
from collections.abc import Mapping
from pathlib import Path

from gradtop.trainer.home import at_home
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import shown
from gradtop.tui.cli.output import print_json, print_line

KINDS = {
    "digits": "handwritten digits, which come with gradtop",
    "image-folder": "a folder of images, one folder for each class",
    "table": "the rows of a CSV or Parquet file, one column to predict",
    "text": "a language model of characters",
    "model": "a model of your own, with a Python module to fill in",
    "data": "data of your own, with a Python module to fill in",
    "task": "a loss of your own, with a Python module to fill in",
}
# What people look for here, and does not fit one model, one loss and one optimizer.
LOOPS = ("gan", "rl", "reinforcement-learning", "script")
EPILOG = f"""\
KIND is one of

{chr(10).join(f"  {kind:<14}{about}" for kind, about in KINDS.items())}

Every key of its sections stands in FILE with what it means; those that have
their default, after a #. A Python module is written into the current directory,
where gradtop looks for it. Nothing is overwritten. FILE is KIND.toml unless
given, image_folder.toml of an image-folder; - prints it. Exit code: 0 success,
2 usage error, or a file exists.

What has several models or optimizers, such as a GAN, or a loop of its own, such
as reinforcement learning, is a script of yours.

  gradtop new digits && gradtop train digits.toml --watch
  gradtop new model mine.toml
"""
STDOUT = "-"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write a commented configuration to start from."
    parser.epilog = EPILOG
    parser.add_argument("kind", metavar="KIND", type=kind_of, choices=tuple(KINDS), help="what it trains")
    parser.add_argument("file", metavar="FILE", nargs="?", help="file to write (default: KIND.toml)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def kind_of(kind: str) -> str:
    """A kind, which may be written as data.kind has it. Raises ArgumentTypeError for what has loops of its own."""
    if kind.lower().replace("_", "-") in LOOPS:
        raise argparse.ArgumentTypeError(f"{kind}: a training has one model, one loss and one optimizer; what has several, or a loop of its own, is a script of yours")
    return kind.replace("_", "-")


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.config.starter import STARTERS, starter_text

    starter = STARTERS[options.kind]
    if options.file == STDOUT:
        print_line(starter_text(starter, f"{options.kind.replace('-', '_')}.toml").rstrip())
        return 0
    path = at_home(options.file or f"{options.kind.replace('-', '_')}.toml")
    word = shlex.quote(shown(path.absolute()))
    files = {path: starter_text(starter, word)}
    if starter.module:
        files[Path(f"{starter.module}.py")] = starter.code
    write_all(files)
    if options.json:
        print_json({"kind": options.kind, "files": [str(each.absolute()) for each in files]})
        return 0
    for each in files:
        print_line(f"wrote {shown(each.absolute())}")
    print_line(f"Check it: gradtop check {word} · train: gradtop train {word} --watch")
    return 0


def write_all(files: Mapping[Path, str]) -> None:
    """All of the files or none. Raises UsageError where one exists, OSError where one cannot be written."""
    there = [path for path in files if path.exists() or path.is_symlink()]
    if there:
        raise UsageError(f"{shown(there[0].absolute())} exists already; name another file, or remove it first")
    made: list[Path] = []
    try:
        for path, text in files.items():
            with path.open("x", encoding="utf-8") as file:
                made.append(path)
                file.write(text)
    except BaseException:
        for path in made:
            with contextlib.suppress(OSError):
                path.unlink()
        raise
