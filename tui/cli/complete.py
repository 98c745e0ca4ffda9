"""Completing a command line: a shell runs gradtop with the line in its environment, as argcomplete has it."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence


def complete() -> None:
    """Write the completions of the line to where the shell reads them, and end the process. Does nothing without argcomplete."""
    try:
        import argcomplete
    except ImportError:
        os._exit(1)
    words = words_of(os.environ.get("COMP_LINE", ""))
    argcomplete.autocomplete(line_parser(words), always_complete_options="long", default_completer=argcomplete.completers.SuppressCompleter())


def words_of(line: str) -> list[str]:
    """As the shell takes them, as far as the line is complete."""
    for ending in ("", "'", '"'):
        try:
            return shlex.split(line + ending)
        except ValueError:
            continue
    return line.split()


def line_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """A parser of the whole line: every command by its name, and the one that is typed with its arguments."""
    from gradtop.tui.cli.completers import add_completers
    from gradtop.tui.cli.main import Parser, add_command, commands, is_command
    from gradtop.tui.pages import PAGES

    known = commands()
    rest = words[1:]
    typed = next((rest[place] for place in range(len(rest)) if is_command(rest, place)), "")
    root = Parser(prog="gradtop", allow_abbrev=False)
    root.add_argument("--runs", dest="front_runs", metavar="DIR", help="directory of the runs")
    root.add_argument("--no-server", action="store_true", help="no torch server")
    root.add_argument("--version", action="store_true", help="show the version")
    below = root.add_subparsers(parser_class=Parser)
    for name, summary in known.items():
        parser = below.add_parser(name, help=summary, allow_abbrev=False)
        if name == typed:
            add_command(parser, name)
            add_completers(parser, name)
    below.add_parser("help", help="a page of the documentation, or the help of a command").add_argument("topic", choices=(*PAGES, *known))
    add_completers(root, "")
    return root
