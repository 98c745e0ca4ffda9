"""The `gradtop` command. Each command is a module of its own; nothing but argparse is imported before it is known."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from gradtop.tui.quick_start import import_paths

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

DONE, FAILED, USAGE_ERROR, INTERRUPTED = 0, 1, 2, 130

GROUPS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "train",
        (
            ("new", "write a commented configuration to start from"),
            ("train", "start a run in the background and follow it"),
            ("resume", "continue a run from its last checkpoint"),
            ("fork", "start a new run from a checkpoint, with changes"),
            ("rerun", "start a new run from the beginning, with a run's configuration"),
        ),
    ),
    (
        "inspect",
        (
            ("watch", "open the screen on a run"),
            ("ls", "list the runs"),
            ("show", "show run status"),
            ("logs", "print what the worker of a run has printed"),
            ("events", "print the events of a run"),
            ("wait", "wait until runs have ended, or a condition holds"),
            ("plot", "plot curves in the terminal or into a file"),
            ("diff", "compare configurations and results of runs"),
            ("lineage", "show ancestors and descendants of a run"),
            ("check", "check a configuration before training"),
            ("schedule", "plot the learning-rate schedule of a configuration"),
            ("params", "count model parameters"),
            ("export", "export the records of a run, or its model"),
        ),
    ),
    (
        "use the model",
        (
            ("eval", "evaluate a checkpoint with all metrics"),
            ("predict", "predict pictures or rows, or continue texts"),
        ),
    ),
    (
        "label",
        (
            ("tag", "add tags to a run, or remove them"),
            ("note", "write a note on a run, or print it"),
            ("pin", "pin a run to the top of lists"),
            ("unpin", "unpin a run"),
            ("rename", "rename a run"),
        ),
    ),
    (
        "remove",
        (
            ("rm", "move runs to the trash"),
            ("clean", "move failed, old or inferior runs to the trash, or empty it"),
        ),
    ),
    (
        "control",
        (
            ("pause", "pause a run after the current step"),
            ("continue", "continue a paused run"),
            ("checkpoint", "write a checkpoint now"),
            ("stop", "write a checkpoint and stop, or remove from the queue"),
            ("kill", "end runs immediately, without a checkpoint"),
            ("set", "change hyperparameters of a live run"),
        ),
    ),
    (
        "help",
        (
            ("doctor", "check Python, PyTorch, devices, terminal and disk"),
            ("completion", "print a script that completes commands in bash, zsh or fish"),
        ),
    ),
)
LOST = "the current directory was deleted, and relative paths lead nowhere: change to another one (cd ~), or name absolute paths"
COMMANDS = {name: summary for _title, rows in GROUPS for name, summary in rows}
# `continue` is no module's name; the four plain commands are one. These jobs' commands do more than start them from their settings.
MODULES = {**dict.fromkeys(("pause", "continue", "checkpoint", "stop"), "control"), "unpin": "pin", **{name: name for name in ("search", "profile", "sensitivity")}}

EPILOG = """\
A RUN is a run's name or id, a prefix of one, a path, or `last`. Runs are stored
in ./runs, or in the directory given by --runs or GRADTOP_RUNS. Exit codes:
0 success, 1 the run failed, 2 usage or configuration error.

  gradtop train configs/digits.toml --watch   train in the background and watch
  gradtop train configs/digits.toml optimizer.lr=3e-4 --detach
  gradtop                                     return to the newest live run
  gradtop COMMAND --help                      options of one command
"""


class Parser(argparse.ArgumentParser):
    """Reports an error in one sentence instead of repeating the usage."""

    def add_argument(self, *names: str, **more: Any) -> argparse.Action:
        """What may be left out is not required: argparse says so of `*` where there is no default."""
        return super().add_argument(*names, **({"default": []} if more.get("nargs") == "*" else {}) | more)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"gradtop: {message}\nSee {self.prog} --help.\n")

    def show(self, text: str) -> NoReturn:
        """Print and exit."""
        self._print_message(text, sys.stdout)
        self.exit(DONE)

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """Whatever argparse prints: it repeats arguments, and those of a pattern are names of files."""
        if not message.replace("\n", "").isprintable():
            from gradtop.trainer.record.text import LINES

            message = message.translate(LINES)
        super()._print_message(message, file)


def commands() -> dict[str, str]:
    """Every command with its summary: those of the table, and those of the jobs."""
    from gradtop.trainer.job import job_commands

    return {**COMMANDS, **{name: job.command.summary for name, job in job_commands().items() if job.command is not None}}


def overview() -> str:
    from gradtop.tui.pages import PAGES

    known = commands()
    jobs = tuple((name, summary) for name, summary in known.items() if name not in COMMANDS)

    lines = ["usage: gradtop [COMMAND] [--runs DIR]", ""]
    lines += ["Train PyTorch models in the background, monitor and control them.", ""]
    lines += ["Without a command, opens the screen on the newest live run, or on the list of", "runs if there is none.", ""]
    for title, rows in (GROUPS[0], ("other jobs", jobs), *GROUPS[1:]):
        lines += [f"{title}:", *(f"  {name:<11} {summary}" for name, summary in rows), ""]
    lines += ["documentation (gradtop help PAGE):", *(f"  {page:<15}  {summary}" for page, summary in PAGES.items()), ""]
    lines += [
        "options:",
        "  --runs DIR       directory of the runs (default: $GRADTOP_RUNS, or ./runs)",
        "  --no-server      import PyTorch and Textual in each new process (no servers)",
        "  --version        show the version",
        "  -h, --help       show this help",
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
    add_command(parser, command)
    return parser


def add_command(parser: Parser, command: str) -> None:
    """Give a parser the arguments of a command."""
    parser.set_defaults(command=command)
    module = import_module(f"gradtop.tui.cli.{MODULES.get(command, command if command in COMMANDS else 'job')}")
    module.configure(parser)
    if not parser.description:
        parser.description = COMMANDS[command][0].upper() + COMMANDS[command][1:] + "."
    parser.add_argument("--runs", metavar="DIR", help="directory of the runs (default: $GRADTOP_RUNS, or ./runs)")
    parser.set_defaults(run_command=module.run)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command and its options; exits with code 2 and one sentence if they are invalid."""
    front = Parser(prog="gradtop", add_help=False, allow_abbrev=False, usage="gradtop [COMMAND]")
    front.add_argument("-h", "--help", action="store_true")
    front.add_argument("--version", action="store_true")
    front.add_argument("--runs")
    front.add_argument("--no-server", action="store_true")
    split = next((i for i, word in enumerate(arguments) if is_command(arguments, i)), len(arguments))
    first = front.parse_args(arguments[:split])
    if first.help:
        front.show(overview())
    if first.version:
        from gradtop.trainer import __version__

        front.show(f"gradtop {__version__}\n")
    if split == len(arguments):
        from gradtop.tui.cli import home

        return argparse.Namespace(run_command=home.run, **vars(first))
    command, rest = arguments[split], arguments[split + 1 :]
    if command == "help":
        return help_page(front, rest[0] if rest else "--help")
    if command not in COMMANDS and command not in (known := commands()):
        front.error(f"{command!r} is not a command{suggestion(command, list(known))}")
    options = parser_for(command).parse_intermixed_args(rest)
    options.runs = options.runs or first.runs
    if first.no_server:
        options.no_server = True
    return options


def help_page(front: Parser, topic: str) -> argparse.Namespace:
    """Print a page of the documentation, or the help of a command, and exit."""
    from gradtop.tui.cli.help import print_page
    from gradtop.tui.pages import PAGES

    if topic in PAGES:
        print_page(topic)
        front.exit(DONE)
    if not topic.startswith("-") and topic not in (known := commands()):
        front.error(f"there is no help on {topic!r}{suggestion(topic, [*known, *PAGES])}")
    return parse(["--help"] if topic.startswith("-") else [topic, "--help"])


def is_command(arguments: Sequence[str], index: int) -> bool:
    """Whether the word is neither an option nor the value of --runs."""
    return not arguments[index].startswith("-") and (index == 0 or arguments[index - 1] != "--runs")


def suggestion(word: str, known: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f". Available: {', '.join(known)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code. A usage or configuration error is one sentence on standard error."""
    open_streams()
    import_paths()
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        code: int = options.run_command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output ended, as `head` does.
        silence(sys.stdout)
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if not is_user_error(error):
            raise
        if isinstance(error, OSError) and not flushed(sys.stdout):
            silence(sys.stdout)
        from gradtop.tui.cli.output import print_line

        for line in messages(error):
            print_line(f"gradtop: {line}", sys.stderr)
        return USAGE_ERROR
    return code


def open_streams() -> None:
    """Reopen closed standard streams and make all of them accept any text."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        # The lowest free descriptors are the closed ones: no other file may take them.
        while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(null)
        sys.stdin, sys.stdout, sys.stderr = (
            stream or open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - open as long as the process
            for number, (stream, mode) in enumerate(((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w")))
        )
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A name or a log line may contain what the terminal cannot encode.
            stream.reconfigure(errors="replace")


def flushed(stream: TextIO) -> bool:
    try:
        stream.flush()
    except OSError:
        return False
    return True


def silence(stream: TextIO) -> None:
    """Discard what is still buffered, so that the interpreter does not report it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def is_user_error(error: Exception) -> bool:
    """Whether the message is meant for the user. The classes are looked up, not imported, as their modules are heavy."""
    if isinstance(error, OSError):
        return True
    families = (
        ("gradtop.tui.cli.errors", "UsageError"),
        ("gradtop.trainer.record.errors", "RecordError"),
        ("gradtop.trainer.config", "ConfigProblems"),
    )
    known = tuple(getattr(sys.modules[module], name) for module, name in families if module in sys.modules)
    return isinstance(error, known)


def is_lost() -> bool:
    """Whether the current directory was deleted."""
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd() is the same
    except FileNotFoundError:
        return True
    return False


def messages(error: Exception) -> list[str]:
    """The lines to print: a configuration may have several problems, any other error is one line whatever a name in it holds.

    File and run names are stripped of escape sequences.
    """
    from gradtop.trainer.record import clean

    if problems := getattr(error, "problems", ()) or getattr(error.__cause__, "problems", ()):
        return [clean(str(each), 100_000) for each in problems]
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        text = f"{where}{error.strerror}" if where or not is_lost() else LOST
    return [clean(text, 100_000)]


if __name__ == "__main__":
    sys.exit(main())
