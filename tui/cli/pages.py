"""The documentation pages that are installed with gradtop, and `gradtop help PAGE`."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

# Page and summary; the files are docs/PAGE.md, which `.src/gradtop/docs` links into the package.
PAGES = {
    "commands": "every command with its options",
    "keys": "every key, and how to remap them",
    "configuration": "models, data, optimizers, schedules; changing a run",
    "fields": "every configuration key: default, bounds, effect of a change",
    "monitoring": "what is measured, at what cost; non-finite values",
    "run-directory": "files, streams and events of a run",
    "json": "output of --json",
    "troubleshooting": "installation, failed runs, terminals and ssh",
    "benchmarks": "measurements and limits",
}
WIDEST = 120  # longer lines of text are hard to read
COMMENT = re.compile(r"^<!--.*?-->\n+", re.MULTILINE)


def read_page(name: str) -> str:
    """The Markdown of a page, without the marks of the generator. Raises OSError."""
    text = (Path(__file__).parents[2] / "docs" / f"{name}.md").read_text(encoding="utf-8")
    return COMMENT.sub("", text)


def print_page(name: str) -> None:
    """Rendered on a terminal, as Markdown into a pipe or a file. Raises OSError."""
    from gradtop.tui.cli.output import colours_wanted, say, unicode_wanted

    text = read_page(name)
    if not (sys.stdout.isatty() and colours_wanted(sys.stdout) and unicode_wanted(sys.stdout)):
        say(text.rstrip())
        return
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    theme = Theme({"markdown.code": "bold"})  # without a background, which only dark terminals suit
    Console(theme=theme, width=min(WIDEST, shutil.get_terminal_size().columns)).print(Markdown(text, code_theme="ansi_dark", hyperlinks=False))
