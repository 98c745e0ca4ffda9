from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from gradtop.trainer.analysis.compare import compare
from gradtop.trainer.analysis.formatting import THIN, changed_values, setting_text
from gradtop.trainer.analysis.index import RunIndex, RunsView
from gradtop.trainer.analysis.text import changes_text
from gradtop.trainer.record import (
    Meta,
    RecordedChange,
    Run,
    RunState,
    Status,
    new_run,
    process_start,
    queue_order,
    rename_run,
    this_host,
    trash_run,
    write_meta,
    write_status,
)
from tests.tui.runs_fixture import NOW, fake_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def ended(runs: Path, name: str, *, created: float = NOW, parent: str = "", best: float | None = None) -> Run:
    run = new_run(runs, "", {"name": name, "created": created, "parent": parent}, name=name, now=created)
    write_status(run, Status(state=RunState.DONE, started=created, updated=created, best_val_loss=best))
    return run


def index(runs: Path) -> RunIndex:
    found = RunIndex(runs, clock=lambda: NOW)
    found.refresh()
    return found


def names(index: RunIndex, view: RunsView = RunsView()) -> list[str]:  # noqa: B008 - frozen
    return [row.branch + row.name for row in index.rows(view)]


def test_families_stand_together_the_newest_first(runs: Path) -> None:
    old = ended(runs, "old", created=NOW - 5000)
    ended(runs, "alone", created=NOW - 4000)
    middle = ended(runs, "middle", created=NOW - 3000, parent=old.id)
    ended(runs, "young", created=NOW - 1000, parent=middle.id)
    assert names(index(runs)) == ["old", "└middle", "  └young", "alone"]


def test_runs_that_name_each_other_as_parents_are_listed_all_the_same(runs: Path) -> None:
    one, other = ended(runs, "one", created=NOW - 100), ended(runs, "other", created=NOW - 50)
    write_meta(one, Meta(name="one", created=NOW - 100, parent=other.id))
    write_meta(other, Meta(name="other", created=NOW - 50, parent=one.id))
    assert sorted(name.strip("├└") for name in names(index(runs))) == ["one", "other"]


def test_the_best_come_first_and_those_without_a_finite_value_last(runs: Path) -> None:
    for name, best in (("none", None), ("nan", math.nan), ("worse", 0.5), ("better", 0.1)):
        ended(runs, name, best=best)
    assert names(index(runs), RunsView("best"))[:2] == ["better", "worse"]
    assert names(index(runs), RunsView("name")) == ["better", "nan", "none", "worse"]


@pytest.mark.parametrize("leap", [-1e6, 1e6])
def test_a_clock_that_leaps_kills_no_run_of_another_host(runs: Path, leap: float) -> None:
    wall, steady = NOW, 50.0
    run = new_run(runs, "", {})
    found = RunIndex(runs, clock=lambda: wall, monotonic=lambda: steady)

    def state_after(seconds: float, updated: float) -> str:
        nonlocal wall, steady
        wall, steady = wall + seconds, steady + seconds
        write_status(run, Status(state=RunState.TRAINING, pid=1, host="elsewhere", updated=updated))
        found.refresh()
        return found.rows(RunsView())[0].state

    assert state_after(0, NOW) == state_after(1, NOW + 1) == "training"
    wall += leap
    assert state_after(30, NOW + 1) == state_after(1, NOW + 32) == "training"
    assert state_after(61, NOW + 32) == "died"


def test_a_row_that_did_not_change_is_the_same_object(runs: Path) -> None:
    ended(runs, "still")
    run, grower = fake_run(runs, "moves", steps=10, created=NOW - 1)
    found = index(runs)
    before = {row.name: row for row in found.rows(RunsView())}
    grower.grow(200)
    grower.status("training")
    assert found.refresh()
    after = {row.name: row for row in found.rows(RunsView())}
    assert after["still"] is before["still"]
    assert after["moves"] is not before["moves"]
    assert after["moves"].status.step == 210
    assert run.id == after["moves"].run.id


def test_another_name_is_seen_at_once_by_the_run_and_by_those_that_came_from_it(runs: Path) -> None:
    parent = ended(runs, "old", created=NOW - 100)
    ended(runs, "child", parent=parent.id)
    for number in range(60):  # more than one refresh looks at
        ended(runs, f"other{number}", created=NOW - 9000 - number)
    found = index(runs)
    for _ in range(3):
        found.refresh()
    rename_run(parent, "new")
    found.look_again(parent)
    assert found.refresh()
    rows = {row.name: row for row in found.rows(RunsView())}
    assert "new" in rows
    assert rows["child"].change == "as new"


def test_a_run_that_is_gone_leaves_the_list(runs: Path) -> None:
    run = ended(runs, "gone")
    ended(runs, "stays")
    found = index(runs)
    trash_run(run)
    found.look_again(run)
    assert found.refresh()
    assert names(found) == ["stays"]
    assert len(found) == 1


def test_a_run_that_is_seen_before_it_has_its_files_is_listed_once_it_has(runs: Path) -> None:
    listed = index(runs)
    whole = ended(runs, "new", created=NOW)
    aside = whole.path.rename(runs.parent / "aside")
    whole.path.mkdir()
    listed.refresh()
    assert names(listed) == []
    before = runs.stat()
    for file in (aside / "run.toml", aside / "meta.json", aside / "status.json"):
        file.rename(whole.path / file.name)
    assert runs.stat().st_mtime_ns == before.st_mtime_ns  # nothing tells of it
    listed.refresh()
    assert names(listed) == ["new"]


def test_a_silent_worker_is_silent_from_the_first_look_on(runs: Path) -> None:
    _run, grower = fake_run(runs, "calm-ibex", steps=10, created=NOW - 500)
    grower.status("training", updated=NOW - 120)
    found = index(runs)
    found.refresh()
    assert [row.state for row in found.rows(RunsView())] == ["silent"]


def test_the_last_words_follow_what_was_changed(runs: Path) -> None:
    fake_run(runs, "grey-lynx", state="died", steps=5, changes=[("optimizer.lr", 1e-3, 2e-3)], log="one\nKilled\n")
    (row,) = index(runs).rows(RunsView())
    assert (row.change, row.words) == ("lr 1e-3 → 2e-3   Killed", "Killed")


def test_last_words_that_are_cut_are_still_the_end_of_what_is_told(runs: Path) -> None:
    fake_run(runs, "grey-lynx", state="failed", steps=5, changes=[("optimizer.lr", 1e-3, 2e-3)], error="no " * 200)
    (row,) = index(runs).rows(RunsView())
    assert row.words.endswith("…")
    assert row.change == f"lr 1e-3 → 2e-3   {row.words}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-3, "1e-3"), (2.5e-6, "2.5e-6"), (0.01, "0.01"), (0.9, "0.9"), (0.0, "0"), (1e10, "1e10"), (-5e-3, "-5e-3"), (True, "true"), ((0.9, 1e-3), "[0.9, 1e-3]"), (None, "none"), ({"width": 8, "act": "gelu"}, "{width = 8, act = gelu}")],
)
def test_a_value_of_a_configuration_reads_as_in_the_form(value: object, text: str) -> None:
    assert setting_text(value) == text


def test_of_a_table_of_arguments_the_entries_that_changed_are_told() -> None:
    old, new = {"width": 32, "act": "gelu", "inner": {"rate": 0.5}}, {"act": "gelu", "inner": {"rate": 0.25}, "depth": 2}
    assert changes_text([RecordedChange("model.arguments", old, new)]) == "model.arguments.width 32 → none, model.arguments.inner.rate 0.5 → 0.25, model.arguments.depth none → 2"
    assert list(changed_values("optimizer.lr", 1, 2)) == [("optimizer.lr", 1, 2)]


def test_branches_of_a_tree_are_nested_and_say_which_checkpoint_they_came_from(runs: Path) -> None:
    root = ended(runs, "root", created=NOW - 5000)
    left = ended(runs, "left", created=NOW - 4000, parent=root.id)
    ended(runs, "leaf", created=NOW - 3000, parent=left.id)
    right = ended(runs, "right", created=NOW - 2000, parent=root.id)
    write_meta(right, Meta(name="right", created=NOW - 2000, parent=root.id, parent_checkpoint="step-001203.pt"))
    found = index(runs)
    assert names(found) == ["root", "├left", "│ └leaf", "└right"]
    assert found.rows(RunsView())[3].change == f"from step 1{THIN}203: as root"


def test_runs_that_wait_have_their_place_in_line(runs: Path) -> None:
    host, boot = this_host()
    for name, since in (("second", NOW - 10), ("first", NOW - 20)):
        run = ended(runs, name)
        write_status(run, Status(state=RunState.QUEUED, queued=since, updated=NOW, host=host, boot=boot, pid=os.getpid(), pid_started=process_start(os.getpid())))
    assert {row.name: (row.state, row.place) for row in index(runs).rows(RunsView())} == {"first": ("queued", 1), "second": ("queued", 2)}


def test_the_place_is_that_in_the_line_of_the_same_device_and_host_as_the_waiting_itself_has_it(runs: Path) -> None:
    host, boot = this_host()
    waiting = (("a", "cuda:1", host), ("b", "cpu", host), ("c", "cuda:1", host), ("d", "auto", host), ("e", "cpu", "elsewhere"))
    for place, (name, device, where) in enumerate(waiting):
        run = new_run(runs, f'[training]\ndevice = "{device}"\n', {"name": name}, name=name)
        write_status(
            run,
            Status(state=RunState.QUEUED, queued=NOW + place, updated=NOW, host=where, boot=boot, pid=os.getpid(), pid_started=process_start(os.getpid())),
        )
    found = {row.name: (row.place, row.waits_for) for row in index(runs).rows(RunsView())}
    assert found == {"a": (1, ""), "b": (1, ""), "c": (2, "a on cuda:1"), "d": (4, "a and 2 more"), "e": (1, "")}
    line = queue_order({row.run: row.status for row in index(runs).rows(RunsView())})
    assert {place.run.id.split("-")[-1]: place.place for place in line} == {name: place for name, (place, _) in found.items()}


def test_two_runs_side_by_side_tell_what_differs_and_which_is_better(runs: Path) -> None:
    one, _ = fake_run(runs, "one", steps=400, state="done")
    other, _ = fake_run(runs, "other", steps=1200, state="done", lr=3e-4)
    found = compare(one, other)
    assert found.names == ("one", "other")
    assert [(pair.name, pair.one, pair.other) for pair in found.settings] == [("optimizer.lr", "1e-3", "3e-4")]
    assert {pair.name: pair.better for pair in found.results}["best val loss"] == 1
    assert found.same > 10


def test_of_two_results_that_read_the_same_none_is_called_better(runs: Path) -> None:
    one, other = ended(runs, "one", best=0.026401), ended(runs, "other", best=0.026402)
    assert {pair.name: (pair.one, pair.other, pair.better) for pair in compare(one, other).results}["best val loss"] == ("0.0264", "0.0264", -1)


def test_what_is_left_of_a_deleted_run_says_why_it_ended_before_what_cannot_be_read(runs: Path) -> None:
    run = ended(runs, "deleted")
    write_status(run, Status(state=RunState.FAILED, started=NOW, updated=NOW, error="the run directory was deleted while its worker ran"))
    (run.path / "meta.json").unlink()

    (row,) = index(runs).rows(RunsView())

    assert row.words == "the run directory was deleted while its worker ran; meta.json cannot be read: it is missing"
    assert row.unreadable == "meta.json cannot be read: it is missing"
