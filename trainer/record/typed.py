"""What to type for a run in a command that a sentence names, so that it works as it stands."""

from __future__ import annotations

import os
import re
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from gradtop.trainer.home import at_home
from gradtop.trainer.record.text import clean

if TYPE_CHECKING:
    from gradtop.trainer.record.layout import Run


STAMPED = r"\d{8}-\d{4}-[\w.-]*\w"  # the id of another run, as it is made (STAMP in layout.py)
WORD = r"""(?:\$?'[^']*'|"'"|[^\s'";,$])+"""  # as `quoted` makes it


def usual_runs() -> Path:
    """The runs directory without --runs. Raises FileNotFoundError where the current directory was deleted."""
    return at_home(os.environ.get("GRADTOP_RUNS") or "runs").absolute()


def is_usual(runs: Path) -> bool:
    """Whether commands find it without --runs."""
    try:
        return runs.absolute() == usual_runs()
    except FileNotFoundError:
        return False


def quoted(name: str) -> str:
    """One word for a shell. What `clean` would take out of it stands there as \\xNN, so that it steers no terminal and still leads to the file."""
    if clean(name, len(name)) == name:
        return quote(name)
    return "$'" + "".join(chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\x{byte:02x}" for byte in os.fsencode(name)) + "'"


def with_runs(words: str, runs: Path) -> str:
    """The words of a command, with --runs where it would look elsewhere without."""
    return words if is_usual(runs) else f"{words} --runs {quoted(str(runs))}"


def typed(run: Run) -> str:
    """The id of a run, with --runs where it is not in the usual directory."""
    return with_runs(recorded(run), run.path.parent)


def recorded(run: Run) -> str:
    """The id of a run in a sentence that is recorded: where the directory is, and who looks from where, is known only when it is shown."""
    return quoted(run.id)


def placed(sentence: str, run: Run) -> str:
    """A sentence of a run's records with --runs in its commands on this run and on those beside it, where they lie now; without where it is not needed."""
    if "gradtop " not in sentence:
        return sentence
    commands = re.compile(rf"(gradtop [a-z-]+ (?:{re.escape(recorded(run))}|{STAMPED}))(?: --runs {WORD})?(?![\w-])")
    return commands.sub(lambda found: with_runs(found[1], run.path.parent), sentence)
