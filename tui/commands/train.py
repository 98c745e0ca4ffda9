"""`gradtop train CONFIG [key=value …]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tui.commands.mistake import Mistake
from tui.commands.place import runs_directory, shown
from tui.commands.start import add_changes, add_name, add_way, begin

EPILOG = """\
The run goes on in the background whatever becomes of this terminal. Without
--watch or --detach its progress is printed, one line per epoch; Ctrl+C leaves
the run alone and says how to come back. Exit code while following: 0 the run
is done or was stopped, 1 it failed or died, 2 a mistake to put right.

  gradtop train configs/digits.toml --watch
  gradtop train configs/digits.toml optimizer.lr=3e-4 training.epochs=10
  gradtop train configs/fashion_mnist.toml training.device=cuda:1 --detach
"""
EXAMPLE = "configs/digits.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Start a run in the background and follow it."
    parser.epilog = EPILOG
    parser.add_argument("config", metavar="CONFIG", help="a TOML file, such as those in configs/")
    add_changes(parser)
    add_way(parser)
    add_name(parser)


def run(options: argparse.Namespace) -> int:
    check_changes(options.changes)
    check_name(options.name)
    path = config_file(options.config)

    from trainer.config import load_config
    from trainer.launch import create_run

    config = load_config(path, options.changes)
    runs = runs_directory(options)
    new = create_run(runs, config, name=options.name, command=sys.argv)
    return begin(new, runs, options)


def check_changes(changes: list[str]) -> None:
    """Raises Mistake for a word that is no key=value."""
    for word in changes:
        if "=" not in word:
            raise Mistake(f"{word!r} is not KEY=VALUE, such as optimizer.lr=3e-4")


def check_name(name: str | None) -> None:
    """Raises RecordError for a name by which no run could be found."""
    from trainer.record import require_name

    if name is not None:
        require_name(name)


def config_file(text: str) -> Path:
    """The file that CONFIG names. Raises Mistake with the nearest there is."""
    path = Path(text).expanduser()
    if path.is_dir():
        raise Mistake(f"{text} is a directory; train takes a TOML file, such as {EXAMPLE}")
    if path.exists():
        return path
    import difflib

    folders = {path.parent, Path("configs"), Path(__file__).parents[2] / "configs"}
    there = {file.stem: file for folder in sorted(folders) if folder.is_dir() for file in sorted(folder.glob("*.toml"))}
    near = difflib.get_close_matches(path.stem, there, n=1)
    hint = f"; did you mean {shown(there[near[0]].absolute())}?" if near else f"; there are: {', '.join(sorted(there))}" if there else ""
    raise Mistake(f"there is no file {text}{hint}")
