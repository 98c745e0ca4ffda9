"""The runs directory: making, finding, renaming and removing runs."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from gradtop.trainer.analysis.index import RunIndex, RunsView
from gradtop.trainer.record import (
    AmbiguousRun,
    Meta,
    RecordedChange,
    RecordError,
    Run,
    RunBusy,
    RunNotFound,
    RunState,
    Status,
    find_run,
    list_runs,
    new_run,
    process_start,
    read_meta,
    rename_run,
    this_host,
    trash_run,
    write_meta,
    write_status,
)
from tests.record.support import forbid, make_run

NOON = time.mktime((2026, 11, 24, 12, 0, 0, 0, 0, -1))


def test_a_new_run_is_the_users_alone_and_whole(tmp_path: Path) -> None:
    run = new_run(tmp_path / "a" / "runs", "x = 1\n", {"parent": "p", "changes": [{"key": "lr", "old": 1, "new": 2}]}, now=NOON)
    assert run.id.startswith("20261124-1200-")
    for folder in (run.path, run.streams, run.control, run.leases, run.checkpoints):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert run.config.read_text() == "x = 1\n"
    meta = read_meta(run)
    assert (meta.name, meta.created, meta.parent, meta.changes) == (run.id[14:], NOON, "p", (RecordedChange("lr", 1, 2),))
    assert json.loads(run.status.read_text())["state"] == "created"
    assert not [path for path in run.path.iterdir() if path.name.startswith(".")]


def test_runs_of_one_name_in_one_minute_are_told_apart(tmp_path: Path) -> None:
    runs = [new_run(tmp_path, "", {}, name="heron", now=NOON) for _ in range(3)]
    assert [run.id[14:] for run in runs] == ["heron", "heron-2", "heron-3"]
    assert [read_meta(run).name for run in runs] == ["heron", "heron-2", "heron-3"]


def test_many_runs_without_a_name_in_one_minute_have_names_of_their_own(tmp_path: Path) -> None:
    assert len({new_run(tmp_path, "", {}, now=NOON).path for _ in range(200)}) == 200


@pytest.mark.parametrize("name", ["../../etc", "a/b", "a b", "größe 🙂", ".hidden", "x" * 300, "--help", "a\nb\x1b[31m", "/"])
def test_a_name_of_any_kind_stays_inside_the_runs_directory(tmp_path: Path, name: str) -> None:
    run = new_run(tmp_path, "", {}, name=name, now=NOON)
    assert run.path.parent == tmp_path
    assert [found.path for found in list_runs(tmp_path)] == [run.path]
    assert run.id.isprintable()
    assert " " not in run.id


def test_a_place_where_no_run_can_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match=r"file.*cannot be created.*--runs"):
        new_run(tmp_path / "file" / "runs", "", {})


def test_a_run_that_cannot_be_filled_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="not valid Unicode"):
        new_run(tmp_path, 'root = "\udcff"\n', {})
    assert list(tmp_path.iterdir()) == []


def test_runs_are_listed_newest_first_and_what_is_no_run_is_left_out(tmp_path: Path) -> None:
    old = new_run(tmp_path, "", {}, name="zebra", now=NOON)
    new = new_run(tmp_path, "", {}, name="adder", now=NOON)  # the same minute, an earlier name
    newest = new_run(tmp_path, "", {}, name="mole", now=NOON + 60)
    for number, run in enumerate((old, new, newest)):
        os.utime(run.config, (NOON + number, NOON + number))
    (tmp_path / "notes").mkdir()
    (tmp_path / ".trash").mkdir()
    (tmp_path / "README").write_text("")
    (tmp_path / "my-copy").mkdir()
    (tmp_path / "my-copy" / "run.toml").write_text("")
    os.utime(tmp_path / "my-copy" / "run.toml", (NOON - 3600, NOON - 3600))
    assert [run.id for run in list_runs(tmp_path)] == [newest.id, new.id, old.id, "my-copy"]
    assert list_runs(tmp_path / "nowhere") == []


def test_a_run_is_found_by_what_a_person_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heron = new_run(tmp_path, "", {}, name="quiet-heron", now=NOON)
    heron_too = new_run(tmp_path, "", {}, name="quiet-hare", now=NOON + 60)
    finch = new_run(tmp_path, "", {}, name="amber-finch", now=NOON + 120)
    rename_run(finch, "baseline ★")
    for typed, run in (
        (heron.id, heron),
        ("quiet-heron", heron),
        ("quiet-her", heron),
        ("20261124-1200", heron),
        ("20261124-1202", finch),
        ("baseline ★", finch),
        ("base", finch),
        ("last", finch),
        (str(heron_too.path), heron_too),
    ):
        assert find_run(tmp_path, typed) == run
    monkeypatch.chdir(tmp_path)
    assert find_run(tmp_path / "elsewhere", heron.id) == heron
    assert find_run(tmp_path / "elsewhere", f"./{heron.id}") == heron
    with pytest.raises(AmbiguousRun, match=r"'quiet' is ambiguous: it matches 2 runs: .*quiet-hare, .*quiet-heron"):
        find_run(tmp_path, "quiet")


@pytest.mark.parametrize(("typed", "said"), [("nobody", "No run 'nobody'"), ("", "No run ''"), ("./nobody", "no run in this directory"), (".", "no run in this directory")])
def test_a_run_that_is_not_there_is_said_with_what_there_is(tmp_path: Path, typed: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunNotFound, match=said):
        find_run(tmp_path / "runs", typed)


def test_without_any_run_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    for typed in ("last", "x"):
        with pytest.raises(RunNotFound, match="gradtop train"):
            find_run(tmp_path, typed)


def test_the_name_that_fits_whole_wins_over_names_that_begin_with_it(tmp_path: Path) -> None:
    short = new_run(tmp_path, "", {}, name="fox", now=NOON)
    new_run(tmp_path, "", {}, name="fox-2", now=NOON)
    assert find_run(tmp_path, "fox") == short


def test_a_renamed_run_keeps_its_directory_and_what_else_is_known_of_it(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    before = Meta(name="quiet-heron", created=NOON, parent="p", changes=(RecordedChange("a", 1, [2]),), command=("gradtop", "train"), git_dirty=True, versions={"torch": "2"})
    write_meta(run, before)
    assert read_meta(run) == before
    rename_run(run, "  baseline [b]  ")
    assert read_meta(run).name == "baseline [b]"
    assert read_meta(run).changes == before.changes
    for name in ("", "  ", "a\nb", "a/b", "last", "x" * 61, "\x1b[31m"):
        with pytest.raises(RecordError, match="1 to 60"):
            rename_run(run, name)
    assert read_meta(run).name == "baseline [b]"


def test_a_removed_run_lies_in_the_trash(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    where = trash_run(run)
    assert where == run.path.parent / ".trash" / run.id
    assert (where / "run.toml").exists()
    assert list_runs(run.path.parent) == []
    again = Run(run.path)
    again.path.mkdir()
    again.config.write_text("")
    assert trash_run(again).name == f"{run.id}.2"
    with pytest.raises(RecordError, match="cannot be moved"):
        trash_run(run)


def test_a_run_that_lives_is_not_removed(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    host, boot = this_host()
    alive = Status(state=RunState.PAUSED, pid=os.getpid(), pid_started=process_start(os.getpid()), host=host, boot=boot, updated=time.time())
    write_status(run, alive)
    with pytest.raises(RunBusy, match="is paused: stop it first"):
        trash_run(run)
    assert run.path.exists()


def test_a_link_in_a_loop_of_links_hides_no_run(tmp_path: Path) -> None:
    run = new_run(tmp_path, "", {}, now=NOON)
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")
    (tmp_path / "self").symlink_to("self")
    assert list_runs(tmp_path) == [run]
    assert new_run(tmp_path, "", {}, name="another", now=NOON) in list_runs(tmp_path)


def test_a_run_that_may_not_be_looked_into_is_in_the_list_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, run, foreign = new_run(tmp_path, "", {}, name="closed", now=NOON), new_run(tmp_path, "", {}, name="open", now=NOON), tmp_path / "lost+found"
    foreign.mkdir()
    forbid(monkeypatch, closed.path, foreign)
    assert set(list_runs(tmp_path)) == {closed, run}
    index = RunIndex(tmp_path)
    index.refresh()
    assert {row.name: row.words for row in index.rows(RunsView())} == {"closed": "status.json cannot be read: Permission denied; meta.json cannot be read: Permission denied", "open": ""}
    # A name that is taken there is taken.
    assert new_run(tmp_path, "", {}, name="closed", now=NOON + 60).id.endswith("closed-2")
