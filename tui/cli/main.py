"""The `gradtop` command. Each command is a module of its own; nothing but argparse is imported before it is known."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn, TextIO

DONE, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130

GROUPS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "train",
        (
            ("train", "start a run in the background and follow it"),
            ("resume", "go on from a run's last checkpoint"),
            ("fork", "start a new run from a run's checkpoint, with changes"),
            ("rerun", "start a new run from the start, with a run's configuration"),
        ),
    ),
    (
        "look",
        (
            ("watch", "open the screen on a run"),
            ("ls", "list the runs"),
            ("show", "say how a run stands"),
            ("plot", "draw a run's curves on the terminal or into a file"),
            ("diff", "show two runs' configurations and results side by side"),
            ("lineage", "draw what a run came from and what came from it"),
            ("schedule", "draw the learning rate that a configuration plans"),
            ("params", "count a model's parameters"),
            ("export", "write a run's data as CSV, Parquet or TensorBoard events"),
        ),
    ),
    (
        "steer",
        (
            ("pause", "pause a run after its step"),
            ("continue", "let a paused run go on"),
            ("checkpoint", "have a run write a checkpoint now"),
            ("stop", "end a run with a checkpoint, or take it out of the line"),
            ("set", "change hyperparameters of a running run"),
        ),
    ),
    ("help", (("doctor", "check this machine: what is there, what is missing, what to do"),)),
)
COMMANDS = {name: summary for _title, rows in GROUPS for name, summary in rows}
# `continue` is no module's name; the four plain commands are one.
MODULES = dict.fromkeys(("pause", "continue", "checkpoint", "stop"), "control")

EPILOG = """\
A RUN is a run's name or id, the beginning of one, a path, or `last`. Runs live
in ./runs, or where --runs or the variable GRADTOP_RUNS says. Exit codes: 0
done, 1 the run failed, 2 a mistake to put right.

  gradtop train configs/digits.toml --watch   train in the background and watch
  gradtop train configs/digits.toml optimizer.lr=3e-4 --detach
  gradtop                                     come back to it
  gradtop COMMAND --help                      all about one command
"""


class Parser(argparse.ArgumentParser):
    """Says a mistake in one sentence instead of repeating the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(MISTAKE, f"gradtop: {message}\n{self.prog} --help tells more.\n")


def overview() -> str:
    lines = ["usage: gradtop [COMMAND] [--runs DIR]", ""]
    lines += ["Train PyTorch models in the background; watch and steer them from the terminal.", ""]
    lines += ["Without a command, opens the screen on the newest live run, or else on the", "list of runs.", ""]
    for title, rows in GROUPS:
        lines += [f"{title}:", *(f"  {name:<12}{summary}" for name, summary in rows), ""]
    lines += [
        "options:",
        "  --runs DIR       where the runs live (default: $GRADTOP_RUNS, or ./runs)",
        "  --no-standby     keep no warm worker while the screen is open",
        "  --version        say which version this is",
        "  -h, --help       show this",
        "",
        EPILOG,
    ]
    return "\n".join(lines)


def parser_for(command: str) -> Parser:
    parser = Parser(
        prog=f"gradtop {command}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module = import_module(f"gradtop.tui.cli.{MODULES.get(command, command)}")
    module.configure(parser)
    if not parser.description:
        parser.description = COMMANDS[command][0].upper() + COMMANDS[command][1:] + "."
    parser.add_argument("--runs", metavar="DIR", help="where the runs live (default: $GRADTOP_RUNS, or ./runs)")
    parser.set_defaults(command=command, run_command=module.run)
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command and its options; exits with a sentence where they make no sense."""
    front = Parser(prog="gradtop", add_help=False, allow_abbrev=False, usage="gradtop [COMMAND]")
    front.add_argument("-h", "--help", action="store_true")
    front.add_argument("--version", action="store_true")
    front.add_argument("--runs")
    front.add_argument("--no-standby", action="store_true")
    split = next((i for i, word in enumerate(arguments) if is_command(arguments, i)), len(arguments))
    first = front.parse_args(arguments[:split])
    if first.help:
        print(overview(), end="")
        front.exit(DONE)
    if first.version:
        from gradtop.trainer import __version__

        print(f"gradtop {__version__}")
        front.exit(DONE)
    if split == len(arguments):
        from gradtop.tui.cli import home

        return argparse.Namespace(run_command=home.run, **vars(first))
    command, rest = arguments[split], arguments[split + 1 :]
    if command == "help":
        return parse([*rest[:1], "--help"])
    if command not in COMMANDS:
        front.error(f"{command!r} is not a command{suggestion(command)}")
    options = parser_for(command).parse_intermixed_args(rest)
    options.runs = options.runs or first.runs
    if first.no_standby:
        options.no_standby = True
    return options


def is_command(arguments: Sequence[str], index: int) -> bool:
    """Whether the word is neither an option nor the value of --runs."""
    return not arguments[index].startswith("-") and (index == 0 or arguments[index - 1] != "--runs")


def suggestion(word: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, n=1)
    return f"; did you mean {near[0]!r}?" if near else ". These are: " + ", ".join(COMMANDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code. A mistake of the user's ends in a sentence on standard error."""
    open_streams()
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        code: int = options.run_command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has seen enough, as `head` does; nothing is left to write to.
        silence(sys.stdout)
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if not is_mistake(error):
            raise
        if isinstance(error, OSError) and not flushed(sys.stdout):
            silence(sys.stdout)
        for line in sentences(error):
            print(f"gradtop: {line}", file=sys.stderr)
        return MISTAKE
    return code


def open_streams() -> None:
    """Have all three standard streams, whatever was closed, and such that any text can be written to them."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        # The lowest free descriptors are the closed ones: no file of ours may come to lie there.
        while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(null)
        sys.stdin, sys.stdout, sys.stderr = (
            stream or open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - open as long as the process
            for number, (stream, mode) in enumerate(((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w")))
        )
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A name or a log line may hold what the terminal's encoding has not.
            stream.reconfigure(errors="replace")


def flushed(stream: TextIO) -> bool:
    try:
        stream.flush()
    except OSError:
        return False
    return True


def silence(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def is_mistake(error: Exception) -> bool:
    """Whether the message was written for the user. The classes are looked up, not imported: they come from heavy modules."""
    if isinstance(error, OSError):
        return True
    families = (
        ("gradtop.tui.cli.errors", "UsageError"),
        ("gradtop.trainer.record.errors", "RecordError"),
        ("gradtop.trainer.config", "ConfigProblems"),
    )
    known = tuple(getattr(sys.modules[module], name) for module, name in families if module in sys.modules)
    return isinstance(error, known)


def sentences(error: Exception) -> list[str]:
    """What is printed of it, a line each: a configuration has several problems. Names of files and runs steer no terminal."""
    from gradtop.trainer.record import clean

    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        text = f"{where}{error.strerror}"
    return clean(text, 100_000, keep_newlines=True).splitlines()


if __name__ == "__main__":
    sys.exit(main())
