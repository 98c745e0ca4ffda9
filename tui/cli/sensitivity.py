"""`gradtop sensitivity`: starts a sensitivity analysis as any job, with ranges and pairs as options."""

from __future__ import annotations

import argparse

from gradtop.trainer.home import at_home
from gradtop.tui.cli import job
from gradtop.tui.cli.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    job.configure(parser)
    parser.add_argument("--vary", action="append", default=[], metavar="FILE|KEY=DISTRIBUTION", help="the ranges: a TOML file, or one key; may be repeated")
    parser.add_argument("--pairs", action="append", default=[], metavar="KEY,KEY", help="two keys whose values are combined in a grid; may be repeated")
    parser.add_argument("--normalised", action="store_true", help="rank by deviation per decade of a logarithmic range, per unit of a linear one")
    parser.add_argument("--search", metavar="RUN", help="the search whose importances are shown beside (default: newest one of the same configuration)")


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.trials.space import NotASpace
    from gradtop.trainer.trials.written import inline, space_of

    changes = list(options.changes)
    if options.vary:
        try:
            changes.append(f"sensitivity.vary={inline(space_of(options.vary))}")
        except NotASpace as wrong:
            raise UsageError(f"--vary: {wrong}") from None
    if options.pairs:
        changes.append(f"sensitivity.pairs={inline(options.pairs)}")
    if options.normalised:
        changes.append("sensitivity.normalised=true")
    if options.search is not None:
        changes.append(f"sensitivity.search={search_of(options)}")
    options.changes = changes
    return job.run(options)


def search_of(options: argparse.Namespace) -> str:
    """The id of the search that --search names. Raises UsageError where it is none, or in another directory."""
    from gradtop.trainer.record.typed import with_runs
    from gradtop.tui.cli.locate import chosen_run, name_of, opened, runs_directory

    found = chosen_run(argparse.Namespace(**{**vars(options), "run": options.search}))
    if opened(found).meta.job != "search":
        raise UsageError(f"--search: {name_of(opened(found))} is not a search; {with_runs('gradtop ls job:search', found.path.parent)} lists those there are")
    path = at_home(options.run)
    runs = runs_directory(options) if options.runs or path.is_file() or path.suffix == ".toml" else chosen_run(options).path.parent
    if found.path.parent.resolve() != runs.resolve():
        raise UsageError(f"--search: {name_of(opened(found))} is not in {runs}, where the analysis is recorded")
    return found.id
