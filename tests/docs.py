"""Regenerates from the declarations what is stored of them: the tables of README.md and docs/, and sections.json. `python -m tests.docs`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from gradtop.trainer.analysis.findings.rules import RULES
from gradtop.trainer.analysis.run_fields import FIELDS
from gradtop.trainer.config import sections, table
from gradtop.trainer.fields import outline
from gradtop.trainer.metrics import (
    LABEL_SETS,
    METRICS,
    PIXELS,
    SAMPLES,
    TOKENS,
    TOP5_ACCURACY,
    VALUES,
    metric_of,
    top_of,
)
from gradtop.trainer.record.streams.registry import REGISTRY
from gradtop.tui import keys
from gradtop.tui.cli import main as cli
from gradtop.tui.dialogs import overlay
from gradtop.tui.pages import PAGES

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
FILES = (README, *sorted(DOCS.glob("*.md")))
PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)


def modes() -> str:
    lines = ["| key | mode | what it shows |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{mode.number}` | {mode.title} | {mode.help} |" for mode in keys.MODES)]) + "\n"


def commands() -> str:
    lines = ["| command | |", "|---|---|", "| `gradtop` | Open the screen on the newest live run, or on the list of runs. |"]
    return "\n".join([*lines, *(f"| `gradtop {name}` | {summary[0].upper()}{summary[1:]}. |" for name, summary in cli.commands().items())]) + "\n"


def columns() -> str:
    return "\n".join(["| name | what it is |", "|---|---|", *(f"| `{field.name}` | {field.help} |" for field in FIELDS.values())]) + "\n"


def pages() -> str:
    return "".join(f"- [{name}](docs/{name}.md): {summary}\n" for name, summary in PAGES.items())


def command_reference() -> str:
    return "\n".join("\n".join(_command(name)) for name in cli.commands())


def _command(name: str) -> Iterator[str]:
    """From the parser itself, as its printed help differs between versions of Python."""
    parser = cli.parser_for(name)
    actions = [action for action in parser._actions if action.dest not in {"help", "runs"} and action.help != argparse.SUPPRESS]
    words = [_usage(action) for action in actions if not action.option_strings]
    yield f"## gradtop {name}"
    yield ""
    yield f"`{' '.join(['gradtop', name, *words])}`: {parser.description}"
    yield ""
    if actions:
        yield from ("| argument | |", "|---|---|")
        for action in actions:
            written = _usage(action) if not action.option_strings else ", ".join(_option(action, option) for option in action.option_strings)
            yield f"| `{written}` | {action.help} |".replace("CONFIG|RUN", "CONFIG\\|RUN")
        yield ""
    if parser.epilog:
        yield "```text"
        yield from parser.epilog.rstrip().splitlines()
        yield "```"
        yield ""


def _usage(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest)
    return {"?": f"[{name}]", "*": f"[{name} …]", "+": f"{name} …"}.get(str(action.nargs), name)


def _option(action: argparse.Action, option: str) -> str:
    if action.nargs == 0:
        return option
    return f"{option} {action.metavar or (','.join(map(str, action.choices)) if action.choices else action.dest.upper())}"


def streams() -> str:
    lines = ["| stream | what it records | columns after step and time | written by |", "|---|---|---|---|"]
    for stream in REGISTRY.values():
        columns = ", ".join(f"`{column.name}{'/NAME' * stream.per_parameter}`{f' ({column.unit})' * bool(column.unit)}" for column in stream.columns)
        who = ", ".join(f"`{job}`" for job in stream.jobs) + " (every rank)" * stream.every_rank
        lines.append(f"| `{stream.name}` | {stream.help} | {columns} | {who} |")
    return "\n".join(lines) + "\n"


def metrics() -> str:
    lines = ["| `training.monitor` | best | what it is |", "|---|---|---|"]
    best = {"min": "lowest", "max": "highest"}
    return "\n".join([*lines, *(f"| `{metric.name}` | {best[metric.mode]} | {metric.help} |" for metric in METRICS.values())]) + "\n"


def added_metrics() -> str:
    """Those that training.metrics can add, by the tasks that they fit."""
    tasks = {SAMPLES: "classification", LABEL_SETS: "multi_label", VALUES: "regression", PIXELS: "segmentation", TOKENS: "language_model"}
    lines = ["| `training.metrics` | best | tasks | what it is |", "|---|---|---|---|"]
    best = {"min": "lowest", "max": "highest"}
    for metric in (*(each for each in METRICS.values() if each.added and each.name != TOP5_ACCURACY), metric_of("top3_accuracy")):
        name = "topK_accuracy" if top_of(metric.name) else metric.name
        lines.append(f"| `{name}` | {best[metric.mode]} | {', '.join(tasks[each] for each in metric.added if each in tasks)} | {metric.help.replace('the 3 with', 'the K with')} |")
    return "\n".join(lines) + "\n"


def findings() -> str:
    """The rules by mode, from their docstrings."""
    lines = ["| finding | what it says | threshold | source | mode |", "|---|---|---|---|---|"]
    for rule in RULES:
        what, _, rest = " ".join((rule.look.__doc__ or "").split()).partition(" Threshold: ")
        threshold, _, source = rest.partition(" Source: ")
        lines.append(f"| `{rule.name}` | {what} | {threshold} | {source} | {rule.mode} |")
    return "\n".join(lines) + "\n"


def overlay_keys() -> str:
    """Those of the overlay alone."""
    lines = ["| key | what it does |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{key.name}` | {key.help} |" for key in overlay.OWN)]) + "\n"


GENERATED: dict[str, Callable[[], str]] = {
    "modes": modes,
    "commands": commands,
    "pages": pages,
    "command_reference": command_reference,
    "keys": keys.markdown,
    "overlay_keys": overlay_keys,
    "streams": streams,
    "metrics": metrics,
    "added_metrics": added_metrics,
    "fields": table.markdown,
    "columns": columns,
    "findings": findings,
}
# What takes training to make, and is made by a command of its own.
MEASURED = {"ill"}


def regenerated(text: str) -> str:
    """The text with its generated parts up to date; raises KeyError for an unknown part."""
    return PART.sub(lambda part: part[0] if part[2] in MEASURED else f"{part[1]}\n{GENERATED[part[2]]()}\n{part[3]}", text)


def main() -> int:
    changed = False
    for file in (*FILES, outline.FILE):
        before = file.read_text(encoding="utf-8")
        after = regenerated(before) if file != outline.FILE else outline.dump_outline(sections())
        if after != before:
            file.write_text(after, encoding="utf-8")
            changed = True
            print(f"updated {file.resolve().relative_to(ROOT)}")
    if not changed:
        print("everything is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
