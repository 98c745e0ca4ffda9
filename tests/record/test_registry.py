"""The one registry of streams: what is declared is what is written, and nobody else knows a name."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gradtop.trainer.job import job_names
from gradtop.trainer.record import (
    Column,
    RunReader,
    SegmentWriter,
    StreamReader,
    StreamWriter,
    list_ranks,
    list_streams,
)
from gradtop.trainer.record.export import export_run
from gradtop.trainer.record.streams.registry import (
    CPU,
    DTYPE,
    EVALS,
    GRAD_NORM,
    LAYERS,
    REGISTRY,
    STEPS,
    SYSTEM,
    UPDATE_RATIO,
    WEIGHT_NORM,
    bins,
    count_bins,
    of_parameter,
    parameter_of,
    shown_by,
)
from gradtop.trainer.record.streams.segment_writer import split_stem
from gradtop.tui.reading.metrics import all_metrics
from tests.forked import forked
from tests.record.support import make_run
from tests.sources import parsed

ROOT = Path(__file__).parents[2]
DECLARED = {REGISTRY[name].name for name in REGISTRY} | {column.name for stream in REGISTRY.values() for column in stream.columns}
PER_PARAMETER = tuple(f"{column.name}/" for stream in REGISTRY.values() if stream.per_parameter for column in stream.columns)
# Calls whose arguments name streams or columns.
NAMING = {"stream", "ranks", "StreamReader", "SegmentWriter", "StreamWriter", "open", "put", "put_many", "series", "series_of", "last_finite", "columns_of"}
# What is subscripted by words that mean something else: events, checkpoints, parameter groups, configurations, answers.
OTHER = {"event", "state", "group", "schedule", "answer", "request", "note", "card", "chart", "param_groups", "training", "values", "groups"}
# Words that are of streams alone, not of a job, too.
UNMISTAKABLE = {word for word in DECLARED if "_" in word and word not in job_names()} | {EVALS, "histograms"}
# Where the words mean something else: fields of the status, of an epoch's event, of the table of parameters, of parameter groups.
ELSEWHERE = {
    ("trainer/jobs/quantize/__init__.py", "batch_sizes"),  # a field
    ("trainer/jobs/lr_range/work.py", "lr"),
    ("trainer/jobs/lr_range/work.py", "samples_per_s"),
    ("trainer/monitor/epoch_means.py", "samples_per_s"),
    ("trainer/record/events.py", "samples_per_s"),
    ("trainer/training/gauges.py", "grad_norm"),
    ("trainer/training/gauges.py", "samples_per_s"),
    ("tui/cli/follow.py", "samples_per_s"),
    ("tui/cli/params.py", "count"),
}


def words(node: ast.AST) -> Iterator[ast.Constant]:
    """Constant strings of an argument, those in a list or a tuple too."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        for each in node.elts:
            yield from words(each)


def names_streams(target: ast.expr) -> bool:
    return any("streams" in (getattr(each, "id", "") or getattr(each, "attr", "")) for each in ast.walk(target))


def literals(name: str, tree: ast.Module) -> Iterator[ast.Constant]:
    """Strings that stand where the name of a stream or a column is meant."""
    nodes = list(ast.walk(tree))
    reads_streams = any(
        (isinstance(node, ast.Attribute) and node.attr == "stream") or (isinstance(node, ast.ImportFrom) and "streams.registry" in (node.module or "")) for node in nodes
    )
    for node in nodes:
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
            if called in NAMING or (called == "Column" and name.startswith("trainer/")):
                for argument in node.args:
                    yield from (word for word in words(argument) if word.value in DECLARED)
            for keyword in node.keywords:
                if keyword.arg == "streams":
                    yield from (word for word in words(keyword.value) if word.value in DECLARED)
        if isinstance(node, ast.Assign | ast.AnnAssign) and names_streams(node.targets[0] if isinstance(node, ast.Assign) else node.target):
            yield from (word for word in words(node.value) if word.value in DECLARED) if node.value else ()
        if reads_streams and isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value in DECLARED:
            receiver = ast.unparse(node.value)
            if not any(word in receiver for word in OTHER):
                yield node.slice
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (
            node.value in UNMISTAKABLE or node.value.startswith(PER_PARAMETER)
        ):
            yield node


def test_no_stream_and_no_column_is_named_by_a_literal() -> None:
    with parsed() as trees:
        for name in ("trainer/record/streams/registry.py", "trainer/metrics.py"):
            del trees[name]
        found = [f"{name}:{node.lineno}: {node.value!r}" for name, tree in trees.items() for node in literals(name, tree) if (name, node.value) not in ELSEWHERE]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'reader.stream("steps")',
        'reader.stream(STEPS).series_of(["loss", LR])',
        'writer.put("evals", 1, 2.0, ())',
        'streams = ("plan",)',
        'Job(streams=("plan",))',
        'last = reader.stream(STEPS).last()["loss"]',
        'Column("lr")',
        'name = f"grad_norm/{parameter}"',
        'hits = "samples_per_s"',
    ],
)
def test_such_a_literal_is_found(source: str) -> None:
    assert list(literals("trainer/any.py", ast.parse(source)))


def test_what_is_declared_is_what_a_segment_says(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = StreamWriter(run)
    for name, stream in REGISTRY.items():
        if not stream.per_parameter:
            writer.open(name)
    assert writer.close()
    for name, stream in REGISTRY.items():
        if not stream.per_parameter:
            schema = json.loads((run.streams / f"{name}.0.json").read_text())
            assert [(c["name"], c["unit"], c["sparse"]) for c in schema["columns"][2:]] == [(c.name, c.unit, c.sparse) for c in stream.columns]
            assert (schema["dtype"], schema["rank"]) == (DTYPE, 0)
            assert (run.streams / f"{name}.0.roll").exists() == stream.rollup


def test_a_segment_is_read_by_numpy_with_the_type_that_it_says(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = SegmentWriter(run, STEPS, [Column("a")])
    writer.append(3, 1e9, [0.5])
    writer.close()
    schema = json.loads((run.streams / "steps.0.json").read_text())
    records = np.fromfile(run.streams / "steps.0.bin", schema["dtype"]).reshape(-1, len(schema["columns"]))
    assert records.tolist() == [[3.0, 1e9, 0.5]]


def test_columns_of_parameters_are_taken_apart_as_they_are_made() -> None:
    assert of_parameter(GRAD_NORM, "stem/odd.weight") == "grad_norm/stem/odd.weight"
    assert parameter_of(GRAD_NORM, "grad_norm/stem/odd.weight") == "stem/odd.weight"
    assert parameter_of(WEIGHT_NORM, "grad_norm/stem.weight") is None
    assert {column.name for column in REGISTRY[LAYERS].columns} == {GRAD_NORM, WEIGHT_NORM, UPDATE_RATIO}
    assert count_bins(bins(12)) == 12


def test_streams_are_written_by_jobs_and_shown_by_modes_and_commands_that_there_are() -> None:
    for stream in REGISTRY.values():
        assert all((ROOT / "trainer" / "jobs" / job).is_dir() for job in stream.jobs)
        assert all((ROOT / "tui" / "screens" / reader).is_dir() or (ROOT / "tui" / "cli" / f"{reader}.py").is_file() for reader in stream.shown_by)
    assert shown_by("schedule") == (STEPS, "plan")


# Two processes, one of each rank, of which one has imported PyTorch for both.
SAMPLING = """
import os
import torch
from gradtop.trainer.config.monitor import MonitorConfig
from gradtop.trainer.monitor import Monitor
from gradtop.trainer.record import Run, StreamReader, StreamWriter
from tests.support import wait_until

first = os.fork()
run, rank = Run(path), 0 if first else 1
writer = StreamWriter(run, rank=rank)
monitor = Monitor(torch.nn.Linear(2, 2), MonitorConfig(enabled=False), writer, torch.device("cpu"), first_step=11 + rank)
monitor.begin()
def both():
    readers = [StreamReader(run, "system", rank=each) for each in (0, 1)]
    return all([reader.refresh() and reader.count for reader in readers])
wait_until(both, why="records of both ranks")
monitor.close()
writer.close()
if not first:
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) == 0
"""


def test_two_ranks_that_write_at_once_are_both_read(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    forked(SAMPLING, path=str(run.path))

    assert {path.name for path in run.streams.iterdir() if path.match("system*.json")} == {"system.0.json", "system.r1.0.json"}
    assert list_streams(run) == [STEPS, SYSTEM]
    assert list_ranks(run, STEPS) == [0]
    assert list_ranks(run, SYSTEM) == [0, 1]
    reader = RunReader(run)
    for rank, stream in enumerate(reader.ranks(SYSTEM)):
        stream.refresh()
        assert stream.rank == rank
        assert {row[0] for row in stream.rows()} == {10.0 + rank}
        assert stream.series(CPU).x
    assert {f"{CPU}", f"{CPU}@1"} <= all_metrics(reader).keys()
    assert {"system.csv", "system.r1.csv"} <= {path.name for path in export_run(run, "csv", tmp_path / "csv").paths}


def test_segments_of_a_rank_supersede_those_of_this_rank_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    for rank, first, steps in ((0, 0, (1, 2, 3)), (1, 0, (1, 2, 3)), (1, 2, (2, 3))):
        writer = SegmentWriter(run, SYSTEM, [Column(CPU)], first_step=first, rank=rank)
        for step in steps:
            writer.append(step, 1e9, [first])
        writer.close()
    zero, one = (StreamReader(run, SYSTEM, rank=rank) for rank in (0, 1))
    zero.refresh()
    one.refresh()
    assert [row[0::2] for row in zero.rows()] == [(1.0, 0.0), (2.0, 0.0), (3.0, 0.0)]
    assert [row[0::2] for row in one.rows()] == [(1.0, 0.0), (2.0, 2.0), (3.0, 2.0)]
    assert len(one.segments) == 2


@pytest.mark.parametrize(("stem", "parts"), [("system", ("system", 0)), ("system.r12", ("system", 12)), ("a.rb", ("a.rb", 0)), (".r1", (".r1", 0)), ("a.r0", ("a.r0", 0))])
def test_the_rank_is_told_from_the_name(stem: str, parts: tuple[str, int]) -> None:
    assert split_stem(stem) == parts
