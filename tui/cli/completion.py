"""`gradtop completion SHELL`."""

from __future__ import annotations

import argparse

from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.output import print_line

EPILOG = """\
Prints what a shell runs at its start to complete commands, options, runs,
keys and values of the configuration, metrics, columns and files:

  bash   echo 'eval "$(gradtop completion bash)"' >> ~/.bashrc
  zsh    echo 'eval "$(gradtop completion zsh)"' >> ~/.zshrc  (after compinit)
  fish   gradtop completion fish > ~/.config/fish/completions/gradtop.fish

Each Tab asks gradtop itself, so that new runs and commands are there at once.
Requires argcomplete: pip install 'gradtop[completion]'. Exit code: 0 success, 2
usage error, or argcomplete is missing.
"""
SHELLS = ("bash", "zsh", "fish")
MISSING = "completion requires argcomplete, which is not installed: pip install 'gradtop[completion]'"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Print a script that completes gradtop commands in a shell."
    parser.epilog = EPILOG
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help="bash, zsh or fish")


def run(options: argparse.Namespace) -> int:
    try:
        import argcomplete
    except ImportError:
        raise UsageError(MISSING) from None
    print_line(argcomplete.shellcode(["gradtop"], shell=options.shell).rstrip())  # type: ignore[attr-defined,no-untyped-call]
    return 0
