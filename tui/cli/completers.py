"""What each kind of argument can be completed to. Whatever goes wrong, there is nothing to complete."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from functools import partial

from gradtop.tui.cli.locate import runs_directory

Completer = Callable[..., Iterable[str]]
MOST = 2000  # runs


def add_completers(parser: argparse.ArgumentParser, command: str) -> None:
    """By the metavars of its arguments, as their choices and options are known without."""
    from argcomplete.completers import DirectoriesCompleter, FilesCompleter

    files: dict[str, Completer] = {
        "CONFIG": FilesCompleter(["toml"]),
        "FILE": FilesCompleter(),
        "PATH": FilesCompleter(),
        "DIR": DirectoriesCompleter(),
        "DATA": FilesCompleter(),
        "CONFIG|RUN": either(FilesCompleter(["toml"]), run_words),
        "FILE|KEY=DISTRIBUTION": either(FilesCompleter(["toml"]), partial(settings, command=command)),
        "KEY=VALUE": partial(settings, command=command),
        "RUN|METRIC": either(run_words, metric_words),
    }
    for action in parser._actions:  # noqa: SLF001 - argparse lists them nowhere else
        if action.nargs == 0 or action.choices is not None:
            continue
        completer = files.get(str(action.metavar)) or OF_GRADTOP.get(str(action.metavar))
        if command in {"ls", "clean"} and action.metavar == "NAME":
            completer = column_words
        if completer is not None:
            action.completer = quietly(completer)  # type: ignore[attr-defined] # where argcomplete looks for it


def quietly(completer: Completer) -> Completer:
    """The same, nothing where it fails; of words that could steer a terminal, none."""

    def complete(**given: object) -> list[str]:
        try:
            return [word for word in completer(**given) if word.isprintable()]
        except Exception:  # noqa: BLE001 - nobody wants a traceback for a Tab
            return []

    return complete


def either(*completers: Completer) -> Completer:
    return lambda **given: [word for completer in completers for word in completer(**given)]


def options_of(parsed_args: argparse.Namespace) -> argparse.Namespace:
    """With the runs directory, wherever on the line it was given."""
    return argparse.Namespace(runs=getattr(parsed_args, "runs", None) or getattr(parsed_args, "front_runs", None))


def run_words(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The names of the runs, of several of one name and of what a shell would take for an option the ids; the newest first."""
    from collections import Counter

    from gradtop.trainer.record import list_runs, read_meta

    names = {run: read_meta(run).name for run in list_runs(runs_directory(options_of(parsed_args)))[:MOST]}
    count = Counter(names.values())
    return ["last", *(name if count[name] == 1 and not name.startswith("-") else run.id for run, name in names.items())]


def metric_words(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Those that the run on the line has recorded."""
    from gradtop.trainer.record import RunReader, find_run
    from gradtop.tui.reading.metrics import all_metrics

    reader = RunReader(find_run(runs_directory(options_of(parsed_args)), parsed_args.run))
    reader.refresh()
    return list(all_metrics(reader))


def checkpoint_words(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    from gradtop.trainer.record import RunReader, find_run

    named = getattr(parsed_args, "run", None) or getattr(parsed_args, "what", None)
    run = find_run(runs_directory(options_of(parsed_args)), str(named or ""))
    return ["last", "best", *(str(checkpoint.step) for checkpoint in RunReader(run).checkpoints())]


def tag_words(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    from gradtop.trainer.record import list_runs, read_meta

    return sorted({tag for run in list_runs(runs_directory(options_of(parsed_args)))[:MOST] for tag in read_meta(run).tags})


def column_words(**_: object) -> list[str]:
    from gradtop.trainer.analysis.run_fields import FIELDS
    from gradtop.trainer.metrics import FURTHER

    return [*FIELDS, *FURTHER, *config_keys("")]


def column_lists(prefix: str, **_: object) -> list[str]:
    """The next one of several names with commas between them."""
    from gradtop.trainer.analysis.run_fields import CHANGE

    before = prefix.rpartition(",")[0]
    return [f"{before},{word}" if before else word for word in [*column_words(), CHANGE]]


def filter_words(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    from gradtop.trainer.analysis.run_fields import FIELDS
    from gradtop.trainer.record import RunState

    name, colon, _value = prefix.partition(":")
    if not colon:
        return [f"{field}:" for field in FIELDS]
    values = {"tag": tag_words, "name": run_words}.get(name)
    if name == "state":
        return [f"{name}:{state}" for state in RunState]
    return [f"{name}:{value}" for value in values(parsed_args)] if values is not None else []


def condition_words(prefix: str, **_: object) -> list[str]:
    from gradtop.tui.cli.conditions import findings, metric_names, states

    name, colon, _value = prefix.partition(":")
    if colon:
        return [f"{name}:{value}" for value in {"state": states, "finding": findings}.get(name, list)()]
    return ["epoch=", "step=", "state:", "finding:", *sorted(metric_names())]


def settings(prefix: str, command: str, **_: object) -> list[str]:
    """Keys of the configuration with a =; after it the values, where there are but a few."""
    from gradtop.trainer.config.schema import find_spec, section

    key, equals, _value = prefix.partition("=")
    if not equals:
        return [f"{key}=" for key in config_keys(command)]
    spec = find_spec(key)
    if spec is None:
        return []
    values = section(spec.section).kinds if spec.name == "kind" else spec.choices or (("true", "false") if spec.type == "bool" else ())
    return [f"{key}={value}" for value in values]


def config_keys(command: str) -> list[str]:
    """Those of a run that the command starts; of `set` those that can be changed live."""
    from gradtop.trainer.config import LIVE_KINDS
    from gradtop.trainer.config.schema import all_keys, find_spec
    from gradtop.trainer.job import DEFAULT_JOB, job_commands

    job = job_commands().get(command)
    keys = all_keys(job.name if job is not None else DEFAULT_JOB)
    if command != "set":
        return list(keys)
    return [key for key in keys if key in LIVE_KINDS or ((spec := find_spec(key)) is not None and spec.effect == "live")]


OF_GRADTOP: dict[str, Completer] = {
    "RUN": run_words,
    "A": run_words,
    "B": run_words,
    "CHECKPOINT": checkpoint_words,
    "TAG": tag_words,
    "A,B": column_lists,
    "FILTER": filter_words,
    "CONDITION": condition_words,
    "DEVICE": lambda **_: ["cpu", "cuda", "cuda:0", "mps"],
}
