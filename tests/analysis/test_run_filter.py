"""The filter of lists of runs, its orders, and what is looked up for them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from gradtop.trainer.analysis.index import RunIndex, RunsView
from gradtop.trainer.analysis.run_filter import number_of, parse
from gradtop.trainer.analysis.run_order import groups
from gradtop.trainer.record import (
    Column,
    Run,
    RunState,
    SegmentWriter,
    Status,
    label_run,
    new_run,
    read_status,
    write_status,
)
from gradtop.trainer.record.config_values import read_values
from tests.tui.runs_fixture import NOW

TOML = """\
job = "train"

[data]
kind = "{data}"

[model]
kind = "mlp"
sizes = [64, 32]

[model.arguments]
width = 7

[optimizer]
kind = "adamw"
lr = {lr}

[training]
batch_size = 32
deterministic = true
"""


def made(runs: Path, name: str, *, lr: float = 1e-3, data: str = "digits", created: float = NOW, **status: object) -> Run:
    run = new_run(runs, TOML.format(lr=lr, data=data), {"name": name, "created": created}, name=name, now=created)
    write_status(run, Status(state=RunState.DONE, started=created, updated=created, model="mlp")._replace(**status))  # type: ignore[arg-type]
    return run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Four runs, the oldest first: slow, quick, other (of other data) and broken (failed)."""
    folder = tmp_path / "runs"
    slow = made(folder, "slow", lr=1e-4, created=NOW - 400, best_val_loss=0.3, val_loss=0.31, loss=0.2, accuracy_at_best=0.91, seconds=7200.0)
    label_run(slow, add=["base", "sweep"], note="warm-up was too short")
    made(folder, "quick", lr=1e-2, created=NOW - 300, best_val_loss=0.2, val_loss=0.4, loss=0.05, accuracy_at_best=0.95, seconds=65.0)
    made(folder, "other", lr=5e-3, data="mnist", created=NOW - 200, best_val_loss=0.1, val_loss=0.1, loss=0.1, accuracy_at_best=0.97, seconds=600.0)
    made(folder, "broken", lr=10, created=NOW - 100, state=RunState.FAILED, error="out of memory")
    return folder


def opened(runs: Path) -> RunIndex:
    index = RunIndex(runs, clock=lambda: NOW)
    index.refresh()
    return index


def found(runs: Path, typed: str, sort: str = "newest", *, reverse: bool = False) -> Sequence[str]:
    index, view = opened(runs), RunsView(sort, typed, reverse)
    index.gather(view)
    assert not index.problem(view)
    return [row.name for row in index.rows(view)]


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("", "broken other quick slow"),
        ("optimizer.lr>1e-3", "broken other quick"),
        ("lr>=1e-2 lr<1", "quick"),
        ("optimizer.lr=0.01", "quick"),
        ("lr!=0.01", "broken other slow"),
        ("state:failed", "broken"),
        ("state!=failed", "other quick slow"),
        ("tag:base", "slow"),
        ("tag=bas", ""),
        ("tag!=base", "broken other quick"),
        ("data:digits loss<0.1", "quick"),
        ("data=mnist", "other"),
        ('note:"too short"', "slow"),
        ("note:WARM", "slow"),
        ("accuracy>=95%", "other quick"),
        ("duration>1h30m", "slow"),
        ("duration<10m", "quick"),
        ("best<0.25 digits", ""),
        ("model.arguments.width=7 batch_size=32", "broken other quick slow"),
        ("model.sizes:64", "broken other quick slow"),
        ("training.deterministic=true", "broken other quick slow"),
        ("MEMORY failed", "broken"),
        ("too short sweep", "slow"),
        ("name:qui", "quick"),
        ("lr>", "broken other quick slow"),
        (":", ""),
        ("started<2001-01-01", ""),
        (f"started:{time.strftime('%Y-%m-%d', time.localtime(NOW))}", "broken other quick slow"),
    ],
)
def test_every_condition_must_hold(runs: Path, typed: str, names: str) -> None:
    index, view = opened(runs), RunsView(filter=typed)
    index.gather(view)
    assert [row.name for row in index.rows(view)] == names.split()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("optimzer.lr>1", "no run has the key optimzer.lr; did you mean optimizer.lr?"),
        ("stat:failed", "no run has the key stat; did you mean state?"),
        ("model.lr=3", "no run has the key model.lr; did you mean optimizer.lr?"),
        ("perplexity<20", "no run has the key perplexity"),
        ("lr>fast", "lr> is followed by a number, not 'fast'"),
        ("duration>long", "duration> is followed by a duration such as 90s, 10m or 2h, not 'long'"),
        ("lr>", "lr> needs a value"),
        ("lr>1", ""),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(runs: Path, typed: str, sentence: str) -> None:
    index, view = opened(runs), RunsView(filter=typed)
    index.gather(view)
    assert index.problem(view) == sentence
    assert sentence in {"", "lr> needs a value"} or not index.rows(view)


def test_runs_of_different_data_are_ranked_apart_whichever_value_is_lower(runs: Path) -> None:
    assert found(runs, "", "best") == ["other", "quick", "slow", "broken"]  # the group with the newest run first
    assert found(runs, "", "accuracy") == ["other", "quick", "slow", "broken"]
    assert found(runs, "", "best", reverse=True) == ["other", "slow", "quick", "broken"]
    made(runs, "later", created=NOW - 50, best_val_loss=0.25)
    assert found(runs, "", "best") == ["quick", "later", "slow", "other", "broken"]
    index, view = opened(runs), RunsView("best")
    index.gather(view)
    assert groups(index.rows(view), "best") == 2
    assert groups(index.rows(view), "lr") == groups(index.rows(view), "newest") == 0


def test_any_key_and_any_metric_of_evaluations_sorts_and_filters(runs: Path) -> None:
    (quick,) = (row.run for row in opened(runs).rows(RunsView()) if row.name == "quick")
    writer = SegmentWriter(quick, "evals", [Column("epoch"), Column("loss"), Column("perplexity", sparse=True)])
    writer.append(10, NOW, [1, 0.4, 12.5])
    writer.append(20, NOW, [2, 0.3, float("nan")])
    writer.close()
    assert found(runs, "perplexity<20") == ["quick"]
    assert found(runs, "", "perplexity")[0] == "quick"
    assert found(runs, "", "optimizer.lr") == ["slow", "other", "quick", "broken"]
    assert found(runs, "", "duration")[:3] == ["slow", "other", "quick"]


def test_a_live_change_counts_and_what_was_looked_up_before_it_does_not(runs: Path) -> None:
    index, view = opened(runs), RunsView(filter="optimizer.lr=7 state:done")
    index.gather(view)
    assert not index.rows(view)
    (slow,) = (row.run for row in index.rows(RunsView()) if row.name == "slow")
    write_status(slow, read_status(slow)._replace(changes={"optimizer.lr": 7.0}))
    index.look_again(slow)
    assert index.refresh()
    assert [row.name for row in index.rows(view)] == ["slow"]


def test_what_a_filter_needs_is_read_in_slices_and_never_taken_for_missing_before(runs: Path) -> None:
    for number in range(60):
        made(runs, f"more{number}", created=NOW - 1000 - number)
    index, view = opened(runs), RunsView(filter="optimizer.lr>1")
    index.gather(view, 0.0)
    looks = [index.is_whole]
    assert not index.problem(view)
    while not looks[-1]:
        index.refresh(0.0)
        looks.append(index.is_whole)
    assert len(looks) > 2
    assert [row.name for row in index.rows(view)] == ["broken"]


def test_a_finding_can_be_looked_for(runs: Path) -> None:
    assert found(runs, "finding:failed") == ["broken"]
    assert found(runs, "finding:memory state:done") == []


def test_pinned_runs_stand_on_top_in_every_order_and_their_children_begin_a_family(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    old = made(folder, "old", created=NOW - 900, best_val_loss=0.9)
    run = new_run(folder, "", {"name": "child", "created": NOW - 800, "parent": old.id}, name="child", now=NOW - 800)
    write_status(run, Status(state=RunState.DONE, updated=NOW))
    made(folder, "new", created=NOW - 100, best_val_loss=0.1)
    label_run(old, pinned=True)
    index = opened(folder)
    assert [row.branch + row.name for row in index.rows(RunsView())] == ["old", "new", "child"]
    for sort in ("best", "name"):
        view = RunsView(sort)
        index.gather(view)
        assert index.rows(view)[0].name == "old"
    label_run(old, pinned=False)
    index.look_again(old)
    assert index.refresh()
    assert [row.branch + row.name for row in index.rows(RunsView())] == ["new", "old", "└child"]


def test_values_are_found_in_any_run_toml_without_parsing_the_plain_ones(tmp_path: Path) -> None:
    keys = ("optimizer.lr", "model.sizes", "model.arguments.width", "data.*", "data.kind", "training.none", "a.b")
    plain = read_values(new_run(tmp_path / "plain", TOML.format(lr="1e-3", data="digits"), {}), keys)
    assert plain == {
        "optimizer.lr": 1e-3, "model.sizes": [64, 32], "model.arguments.width": 7, "data.*": {"kind": "digits"}, "data.kind": "digits", "training.none": None, "a.b": None,
    }  # fmt: skip
    by_hand = 'optimizer = {lr = 1e-3}\ndata.kind = "digits"\n[model]\nsizes = [\n64,\n32]\narguments = {width = 7}\nnote = """\n[optimizer]\nlr = 9\n"""\n'
    assert read_values(new_run(tmp_path / "hand", by_hand, {}), keys) == plain
    assert read_values(new_run(tmp_path / "none", "[[[", {}), keys) == dict.fromkeys(keys)
    odd = '[optimizer]\nlr = nan\n[data]\nkind = "a\\u00e9"\n'
    assert read_values(new_run(tmp_path / "odd", odd, {}), ("data.kind", "optimizer.lr"))["data.kind"] == "aé"
    found = read_values(new_run(tmp_path / "long", "[training]\nseed = 12345678901234567\n", {}), ("training.seed",))
    assert (found["training.seed"], type(found["training.seed"])) == (12345678901234567, int)


def test_numbers_are_read_as_people_write_them() -> None:
    assert [number_of(text) for text in ("1e-3", "-2", "95%", "inf", "x", "")] == [1e-3, -2.0, 0.95, float("inf"), None, None]
    assert [number_of(text, "s") for text in ("90s", "1h30m", "2d", "12", "h")] == [90.0, 5400.0, 172800.0, 12.0, None]
    assert parse('a "b c" "lr>1"').words == ("a", "b c", "lr>1")
