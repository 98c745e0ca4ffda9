"""`gradtop train CONFIG [key=value …]`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from gradtop.trainer.home import at_home
from gradtop.tui.cli.consent import agree_to_file
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import runs_directory, shown
from gradtop.tui.cli.start import add_settings, begin, check_settings

EPILOG = """\
The run is a background process, independent of this terminal. Without --watch
or --detach, its progress is printed, one line per epoch; ◆ marks the metric of
training.monitor and each new best value. Ctrl+C stops printing, not the run.
Exit code while following: 0 the run is done or was stopped, 1 it failed or
died, 2 usage or configuration error.

  gradtop train configs/digits.toml --watch
  gradtop train configs/digits.toml optimizer.lr=3e-4 training.epochs=10
  gradtop train configs/fashion_mnist.toml training.device=cuda:1 --detach
"""
EXAMPLE = "configs/digits.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Start a run in the background and follow it."
    parser.epilog = EPILOG
    parser.add_argument("config", metavar="CONFIG", help="TOML file, such as configs/digits.toml")
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    check_settings(options)
    path = config_file(options.config)

    from gradtop.trainer.config import ConfigProblems, diff_config, load_config
    from gradtop.trainer.launch import create_run

    config = load_config(path, options.changes, job="train")
    agree_to_file(path, options)
    changes = []
    if options.changes:
        # A file that is right only with the changes has nothing to compare with.
        with contextlib.suppress(ConfigProblems):
            changes = diff_config(load_config(path, job="train"), config)
    runs = runs_directory(options)
    new = create_run(runs, config, name=options.name, changes=changes, command=sys.argv, tags=options.tags, note=options.note)
    return begin(new, runs, options)


def config_file(text: str) -> Path:
    """The file that CONFIG names. Raises UsageError with a suggestion."""
    path = at_home(text)
    if not text or path.is_dir():
        raise UsageError(f"{text or repr(text)} is {'a directory' if text else 'no file'}; a configuration is a TOML file, such as {EXAMPLE}")
    if path.exists():
        return path
    import difflib

    folders = dict.fromkeys((path.parent.absolute(), Path("configs").absolute(), Path(__file__).resolve().parents[2] / "configs"))
    there: dict[str, str] = {}
    for file in (file for folder in folders if folder.is_dir() for file in sorted(folder.glob("*.toml"))):
        there.setdefault(file.stem, shown(file))
    near = difflib.get_close_matches(path.stem, there, n=1)
    hint = f"; did you mean {there[near[0]]}?" if near else f". Available: {', '.join(there.values())}" if there else ""
    raise UsageError(f"there is no file {text}{hint}")
