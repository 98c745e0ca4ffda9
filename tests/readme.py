"""Rewrites the parts of README.md that are made from declarations: `python -m tests.readme`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from gradtop.trainer.config import table
from gradtop.tui import keys
from gradtop.tui.cli import main as cli

README = Path(__file__).parents[1] / "README.md"
PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)


def modes() -> str:
    lines = ["| key | mode | what it shows |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{mode.number}` | {mode.title} | {mode.help} |" for mode in keys.MODES)]) + "\n"


def commands() -> str:
    lines = ["| command | what it does |", "|---|---|", "| `gradtop` | Open the screen on the newest live run, else on the list of runs. |"]
    return "\n".join([*lines, *(f"| `gradtop {name}` | {summary[0].upper()}{summary[1:]}. |" for name, summary in cli.COMMANDS.items())]) + "\n"


MADE: dict[str, Callable[[], str]] = {"modes": modes, "commands": commands, "keys": keys.markdown, "fields": table.markdown}


def renewed(text: str) -> str:
    """The text with its generated parts made anew; raises KeyError for a part that nothing makes."""
    return PART.sub(lambda part: f"{part[1]}\n{MADE[part[2]]()}\n{part[3]}", text)


def main() -> int:
    before = README.read_text(encoding="utf-8")
    after = renewed(before)
    README.write_text(after, encoding="utf-8")
    print("README.md is up to date" if after == before else "README.md was renewed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
