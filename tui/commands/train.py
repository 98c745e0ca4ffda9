"""`gradtop train CONFIG [key=value …]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tui.commands.mistake import Mistake
from tui.commands.output import say
from tui.commands.place import has_screen, reference, runs_directory

if TYPE_CHECKING:
    from trainer.record import EventReader, Run

EPILOG = """\
The run goes on in the background whatever becomes of this terminal. Without --watch or --detach its progress is
printed, one line per epoch; Ctrl+C leaves it alone and says how to come back.
Exit code while following: 0 the run is done or was stopped, 1 it failed or died, 2 a mistake to put right.

  gradtop train configs/digits.toml --watch
  gradtop train configs/digits.toml optimizer.lr=3e-4 training.epochs=10
  gradtop train configs/fashion_mnist.toml training.device=cuda:1 --detach
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Start a run in the background and follow it."
    parser.epilog = EPILOG
    parser.add_argument("config", metavar="CONFIG", help="a TOML file, such as those in configs/")
    parser.add_argument("changes", metavar="KEY=VALUE", nargs="*", help="settings by dotted path, such as optimizer.lr=3e-4")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--watch", action="store_true", help="open the screen (progress lines where there is no terminal)")
    way.add_argument("--detach", action="store_true", help="return at once")
    parser.add_argument("--name", help="what to call the run (default: an adjective and an animal)")
    parser.add_argument("--no-standby", action="store_true", help="keep no warm worker while the screen is open")


def run(options: argparse.Namespace) -> int:
    check_changes(options.changes)
    path = config_file(options.config)

    from trainer.config import load_config
    from trainer.launch import create_run

    config = load_config(path, options.changes)
    runs = runs_directory(options)
    new = create_run(runs, config, name=options.name, command=sys.argv)
    return begin(new, runs, options)


def begin(run: Run, runs: Path, options: argparse.Namespace, *, resume: bool = False) -> int:
    """Start the worker, then watch, follow or return, as the options say."""
    from trainer.launch import start_worker
    from trainer.record import EventReader

    events = EventReader(run)
    events.refresh()
    start_worker(run, resume=resume)
    if options.watch and has_screen():
        from tui.commands.home import open_screen

        return open_screen(run, runs, standby=not options.no_standby) or ended_badly(run)
    say_started(run, runs, resume=resume, detached=options.detach)
    return 0 if options.detach else follow_from(run, runs, events)


def follow_from(run: Run, runs: Path, events: EventReader) -> int:
    from tui.commands.follow import follow

    return follow(run, runs, events=events)


def say_started(run: Run, runs: Path, *, resume: bool, detached: bool) -> None:
    name = reference(run, runs)
    say(f"{name.split()[0]} {'goes on' if resume else 'started'} in the background: {shown_path(run.path)}")
    if detached:
        say(f"Watch it: gradtop watch {name} · stop it: gradtop stop {name}")


def ended_badly(run: Run) -> int:
    from tui.commands.place import opened

    return 1 if opened(run).state in {"failed", "died"} else 0


def shown_path(path: Path) -> str:
    """Relative where that is shorter."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def check_changes(changes: list[str]) -> None:
    """Raises Mistake for a word that is no key=value."""
    for word in changes:
        if "=" not in word:
            raise Mistake(f"{word!r} is not KEY=VALUE, such as optimizer.lr=3e-4")


def config_file(text: str) -> Path:
    """The file that CONFIG names. Raises Mistake with the nearest there is."""
    path = Path(text).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        raise Mistake(f"{text} is a directory; train takes a TOML file, such as {example()}")
    import difflib

    folders = {path.parent, Path("configs"), Path(__file__).parents[2] / "configs"}
    there = {file.stem: file for folder in sorted(folders) if folder.is_dir() for file in sorted(folder.glob("*.toml"))}
    near = difflib.get_close_matches(path.stem, there, n=1)
    hint = f"; did you mean {shown_path(there[near[0]].absolute())}?" if near else f"; there are: {', '.join(sorted(there))}" if there else ""
    raise Mistake(f"there is no file {text}{hint}")


def example() -> str:
    return "configs/digits.toml"
