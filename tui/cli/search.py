"""`gradtop search`: starts a search as any job, and controls one that exists."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradtop.trainer.home import at_home
from gradtop.tui.cli import job
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import chosen_run, opened
from gradtop.tui.cli.output import print_line

if TYPE_CHECKING:
    from gradtop.trainer.record import Run, RunReader

CONTROLS = ("add", "stop_trial", "extend", "best_config")


def configure(parser: argparse.ArgumentParser) -> None:
    job.configure(parser)
    parser.add_argument("--space", action="append", default=[], metavar="FILE|KEY=DISTRIBUTION", help="the space: a TOML file, or one key; may be repeated")
    parser.add_argument("--add", action="append", default=[], metavar="KEY=VALUE", help="of a search: add a trial with this value; may be repeated for one trial")
    parser.add_argument("--stop-trial", type=int, metavar="N", help="of a search: stop this trial")
    parser.add_argument("--extend", type=int, metavar="N", help="of a search: N more trials")
    parser.add_argument("--best-config", metavar="FILE", help="of a search: write the configuration of the best trial")


def run(options: argparse.Namespace) -> int:
    asked = [name for name in CONTROLS if getattr(options, name) not in (None, [])]
    if asked:
        if options.space or options.changes:
            raise UsageError(f"--{asked[0].replace('_', '-')} is of a search that exists, and takes no --space and no settings")
        return control(options)
    if options.space:
        from gradtop.trainer.jobs.search.written import space_override
        from gradtop.trainer.trials.space import NotASpace
        from gradtop.trainer.trials.written import space_of

        try:
            options.changes = [*options.changes, space_override(space_of(options.space))]
        except NotASpace as wrong:
            raise UsageError(f"--space: {wrong}") from None
    if options.objectives is not None:
        from gradtop.trainer.trials.written import listed

        options.objectives = listed(options.objectives)
    return job.run(options)


def control(options: argparse.Namespace) -> int:
    """Carry out what is asked of a search that exists; returns the exit code."""
    from gradtop.trainer.record.typed import typed

    found = chosen_run(options)
    reader = opened(found)
    if reader.meta.search:  # `last` is one of its trials
        reader = opened(found := type(found)(found.path.parent / reader.meta.search))
    if reader.meta.job != "search":
        raise UsageError(f"{reader.meta.name} is not a search; start one on it: gradtop search {typed(found)} --space KEY=DISTRIBUTION")
    code = 0
    if options.add:
        code = max(code, ask(found, reader, "add_trial", params=values_of(options.add)))
    if options.stop_trial is not None:
        code = max(code, ask(found, reader, "stop_trial", trial=options.stop_trial))
    if options.extend is not None:
        code = max(code, ask(found, reader, "extend", trials=options.extend))
    if options.best_config is not None:
        code = max(code, write_best(found, reader, at_home(options.best_config)))
    return code


def values_of(words: list[str]) -> dict[str, Any]:
    """Raises UsageError for a word that is not key=value."""
    import tomli

    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--add {word!r} is not KEY=VALUE, such as optimizer.lr=1e-3")
        try:
            found[key.strip()] = tomli.loads(f"value = {text}")["value"]
        except ValueError:
            found[key.strip()] = text.strip()
        if isinstance(found[key.strip()], list):
            found[key.strip()] = text.strip()
    return found


def ask(search: Run, reader: RunReader, command: str, **arguments: object) -> int:
    """Send a command to the search, and print the answer; returns the exit code."""
    from gradtop.trainer.jobs.search import asking

    try:
        answer = asking.ask(search, command, arguments)
    except OSError as error:
        print_line(f"gradtop: {error}", sys.stderr)
        return 1
    done = {"add_trial": "a trial was added", "stop_trial": f"trial {arguments.get('trial')} stops", "extend": f"{answer.get('trials')} trials in total"}
    print_line(f"{reader.meta.name}: {done[command]}")
    return 0


def write_best(search: Run, reader: RunReader, path: Path) -> int:
    """Write the configuration of the best trial, of a Pareto front that of its best by the first objective; returns the exit code."""
    from gradtop.trainer.config import dump_config, load_config
    from gradtop.trainer.jobs.search.outcome import outcome_of
    from gradtop.trainer.jobs.search.result import best_trials
    from gradtop.trainer.trials.recorded import read_trials

    best = best_trials(outcome_of(reader.status.result), read_trials(reader.run))
    if not best:
        print_line(f"gradtop: {reader.meta.name} has no completed trial yet", sys.stderr)
        return 1
    if path.exists():
        raise UsageError(f"{path} exists; name a new file")
    config = load_config(search.path.parent / best[0].run / "run.toml")
    asked = load_config(search.config).training.threads
    # Its share of the threads was the search's, and no result of it.
    config = config.model_copy(update={"training": config.training.model_copy(update={"threads": asked})})
    try:
        path.write_text(dump_config(config), encoding="utf-8")
    except OSError as error:
        print_line(f"gradtop: {path}: cannot be written: {error.strerror}", sys.stderr)
        return 1
    others = f", by the first objective the best of the {len(best)} of the Pareto front" if len(best) > 1 else ""
    print_line(f"The configuration of trial {best[0].number}{others}, written to {path}: gradtop train {path}")
    return 0
