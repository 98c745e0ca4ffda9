"""`gradtop set RUN KEY=VALUE …`."""

from __future__ import annotations

import argparse

from tui.commands.mistake import Mistake
from tui.commands.place import add_run
from tui.commands.start import check_changes
from tui.commands.steer import add_timeout, ask

EPILOG = """\
The change takes effect at the next step; the planned schedule is scaled with
it. It is recorded among the run's events, not in its run.toml. Exit code: 0 it
was done, 1 no answer came, 2 the run cannot do this now.

  gradtop set last lr=3e-4
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Change a running run's learning rate."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("changes", metavar="KEY=VALUE", nargs="+", help="lr=3e-4, or the dotted path: optimizer.lr=3e-4")
    add_timeout(parser)


def run(options: argparse.Namespace) -> int:
    check_changes(options.changes)
    return ask(options, "set", changes=dict(map(parsed, options.changes)))


def parsed(word: str) -> tuple[str, object]:
    """The key, and the value as TOML or a number; what both may be is the worker's to say. Raises Mistake."""
    import tomllib

    key, _equals, text = (part.strip() for part in word.partition("="))
    try:
        value: object = tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        try:
            value = float(text)  # which also takes .5 and 5.
        except ValueError:
            raise Mistake(f"{text!r} is not a value for {key!r}; write it as in lr=3e-4") from None
    return key, value
