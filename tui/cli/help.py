"""`gradtop help PAGE`."""

from __future__ import annotations

import shutil
import sys

from gradtop.tui.cli.output import colours_wanted, print_line, unicode_wanted
from gradtop.tui.pages import read_page

WIDEST = 120  # longer lines of text are hard to read


def print_page(name: str) -> None:
    """Rendered on a terminal, as Markdown into a pipe or a file. Raises OSError."""
    text = read_page(name)
    if not (sys.stdout.isatty() and colours_wanted(sys.stdout) and unicode_wanted(sys.stdout)):
        print_line(text.rstrip())
        return
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    theme = Theme({"markdown.code": "bold"})  # without a background, which only dark terminals suit
    Console(theme=theme, width=min(WIDEST, shutil.get_terminal_size().columns)).print(Markdown(text, code_theme="ansi_dark", hyperlinks=False))
