"""Forks: what the new directory holds, what is refused, and that what is told before is what the worker then does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gradtop.trainer.config import Config, apply_overrides, consequences, diff_config, parse_config
from gradtop.trainer.launch import create_run, find_checkpoint, fork_problems
from gradtop.trainer.record import (
    CheckpointInfo,
    RecordError,
    Run,
    RunReader,
    RunState,
    Status,
    list_runs,
    read_meta,
    read_status,
    write_status,
)
from gradtop.trainer.runtime.worker import work
from tests.record.support import forbid
from tests.training.runs import TINY, events, every_checkpoint, tiny_run

BASE = parse_config(TINY.format(epochs=2))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two epochs of eight steps."""
    run = tiny_run(tmp_path_factory.mktemp("runs"), epochs=2)
    with every_checkpoint():
        assert work(run) == 0
    return run


def forked(parent: Run, runs: Path, *changes: str) -> tuple[Run, Config]:
    config = apply_overrides(BASE, ["training.epochs=3", *changes])
    checkpoint = find_checkpoint(parent).path
    made = create_run(runs, config, parent=parent, checkpoint=checkpoint, changes=diff_config(BASE, config))
    return made, config


def test_a_fork_keeps_the_checkpoint_without_another_copy_of_it(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    made, _ = forked(trained, trained.path.parent)
    checkpoint = find_checkpoint(trained)
    assert made.origin.samefile(checkpoint.path)
    meta = read_meta(made)
    assert (meta.parent, meta.parent_checkpoint) == (trained.id, "step-000016.pt")
    assert [(change.key, change.old, change.new) for change in meta.changes] == [("training.epochs", 2, 3)]


def test_a_fork_without_a_checkpoint_of_its_own_is_forked_where_it_began(trained: Run, tmp_path: Path) -> None:
    made, config = forked(trained, tmp_path)
    (origin,) = RunReader(made).forkable()
    assert (origin.path, origin.step, origin.epoch, origin.best) == (made.origin, 16, 2, False)
    assert find_checkpoint(made) == origin

    again = create_run(tmp_path, config, parent=made, checkpoint=origin.path)
    assert again.origin.samefile(find_checkpoint(trained).path)
    assert fork_problems(config, BASE, origin) == [
        "training.epochs is 2, and the checkpoint of step 16 has 2 behind it: nothing is left to train; give more epochs"
    ]

    assert work(again) == 0
    assert [one.path.parent for one in RunReader(again).forkable()] == [again.checkpoints]


def test_a_file_that_somebody_kept_elsewhere_is_forked_without_its_note(trained: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept.pt"
    kept.write_bytes(find_checkpoint(trained).path.read_bytes())
    made = create_run(tmp_path, BASE, parent=trained, checkpoint=kept)
    assert [one.path for one in RunReader(made).forkable()] == [made.origin]


def test_where_a_file_can_have_no_second_name_it_is_copied(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    made, _ = forked(trained, tmp_path)
    assert made.origin.read_bytes() == find_checkpoint(trained).path.read_bytes()


def test_a_checkpoint_that_has_gone_leaves_no_run_behind(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot copy the checkpoint"):
        create_run(tmp_path / "runs", BASE, parent=trained, checkpoint=tmp_path / "step-000009.pt")
    assert list_runs(tmp_path / "runs") == []


def test_checkpoints_are_found_by_word_step_and_file(trained: Run) -> None:
    found = find_checkpoint(trained)
    assert found.step == 16
    for wanted in ("16", "step-16", "step-000016.pt", str(found.path)):
        assert find_checkpoint(trained, wanted).path == found.path
    assert find_checkpoint(trained, "best").best
    with pytest.raises(RecordError, match=r"has no checkpoint '7'\. Use last, best, the path of a file, or one of the steps 8, 16"):
        find_checkpoint(trained, "7")


def test_checkpoints_without_a_readable_note_are_not_said_to_be_none(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    (run.checkpoints / "step-000016.pt").write_bytes(b"weights")
    (run.checkpoints / "step-000016.json").write_text("{")
    with pytest.raises(RecordError, match=r"has checkpoints, and none of the JSON files beside them can be read\. Name one, such as .*step-000016\.pt"):
        find_checkpoint(run)


def test_a_run_without_a_checkpoint_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"has no checkpoint yet\. Write one: gradtop checkpoint"):
        find_checkpoint(tiny_run(tmp_path))


def test_a_run_that_ended_without_a_checkpoint_is_not_asked_for_one(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    write_status(run, Status(state=RunState.STOPPED, step=3))
    with pytest.raises(RecordError, match=rf"^{run.id} has ended and has no checkpoint\. Start it again: gradtop rerun {run.id} --runs {tmp_path}$"):
        find_checkpoint(run)


def test_checkpoints_that_may_not_be_read_are_not_said_to_be_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run(tmp_path)
    (run.checkpoints / "step-000016.pt").write_bytes(b"weights")
    forbid(monkeypatch, run.checkpoints)
    with pytest.raises(RecordError, match=rf"^{run.id}: checkpoints cannot be read: Permission denied\.$"):
        find_checkpoint(run)


def test_a_run_that_failed_without_a_checkpoint_says_why(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    write_status(run, Status(state=RunState.FAILED, error="data.root: pictures holds no images"))
    with pytest.raises(RecordError, match=r"failed before it had a checkpoint: data\.root: pictures holds no images"):
        find_checkpoint(run)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([], "training.epochs is 2, and the checkpoint of step 16 has 2 behind it: nothing is left to train"),
        (["training.steps=16"], "training.steps is 16, and the checkpoint has 16 behind it"),
        (["training.steps=8", "training.batch_size=16"], "training.steps is 8, and the checkpoint has 8 behind it"),
        (["training.epochs=3", "training.seed=4"], "training.seed: this changes what training starts from, and requires a restart"),
        (["training.epochs=3"], ""),
        (["training.steps=17"], ""),
    ],
)
def test_a_fork_that_cannot_train_is_refused(changes: list[str], words: str) -> None:
    checkpoint = CheckpointInfo(16, 2, path=Path("step-000016.pt"))
    said = "; ".join(fork_problems(BASE, apply_overrides(BASE, changes), checkpoint))
    assert said.startswith(words)
    assert bool(said) == bool(words)


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["optimizer.lr=3e-4"],
        ["optimizer.kind=adam"],
        ["optimizer.kind=sgd"],
        ["optimizer.amsgrad=true"],
        ["training.batch_size=4"],
        ["training.accumulate=2"],
        ["training.ema=0.9"],
        ["data.classes=5"],
        ["schedule.kind=plateau"],
    ],
    ids=" ".join,
)
def test_what_is_told_before_is_what_the_worker_does(trained: Run, tmp_path: Path, changes: list[str]) -> None:
    made, config = forked(trained, tmp_path, *changes)
    told = consequences(BASE, config)
    assert work(made) == 0, read_status(made).error
    (event,) = events(made, "forked")
    kept, dropped = list(event["kept"]), list(event["dropped"])  # type: ignore[call-overload]
    assert ("all weights" in told.kept) == ("all weights" in kept)
    for words in ("the optimizer's state", "the EMA of the weights", "the position in the epoch"):
        assert any(words in each for each in told.dropped) == any(words in each for each in dropped), (told, event)
    assert ("the optimizer's state" in told.kept) == ("the optimizer's state" in kept)
    assert read_status(made).state == "done"


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ("[data]\nkind = 'image_folder'\nroot = 'pictures'", "all weights (outputs by the names of their classes)"),
        ("[model]\nkind = 'mlp'\n[data]\nkind = 'table'\nfile = 'houses.csv'\ntarget = ['price']\n[task]\nkind = 'regression'", "all weights"),
        ("", "all weights"),
    ],
)
def test_outputs_of_classes_that_only_files_know_are_said_to_go_by_name(tables: str, words: str) -> None:
    config = parse_config(tables)
    assert consequences(config, apply_overrides(config, ["optimizer.lr=1e-4"])).kept[0] == words
