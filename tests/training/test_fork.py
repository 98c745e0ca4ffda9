"""A fork trains on from what its checkpoint holds: bit for bit where nothing was changed, whatever becomes of its parent."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest
import torch

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.config import apply_overrides, dump_config, load_config, to_tables
from gradtop.trainer.launch import create_run, find_checkpoint
from gradtop.trainer.record import RecordError, Run, RunReader, list_runs, new_run, read_meta, read_status
from gradtop.trainer.runtime.worker import work
from tests.support import wait_until
from tests.training.forks import (
    BASE,
    PER_EPOCH,
    before_training,
    begun,
    fork,
    loaded,
    lr_of_step,
    planned,
    said,
    state_of,
    trained,
)
from tests.training.kinds import OPTIMIZERS, SCHEDULES
from tests.training.live_changes import train_with
from tests.training.runs import SignalAtLook, differences, events, newest_state, rows

# Each optimizer and each schedule once: their states are kept and loaded apart.
UNCHANGED = (
    [
        [f"optimizer.kind={optimizer}", *OPTIMIZERS[optimizer], f"schedule.kind={schedule}", *settings, *(["training.epochs=8"] if "milestones" in str(settings) else [])]
        for optimizer, (schedule, settings) in zip(itertools.cycle(OPTIMIZERS), SCHEDULES.items(), strict=False)
    ]
    + [["training.accumulate=2"], ["training.clip=0.1", "augment.rotation=20", "training.early_stopping=9"], ["training.precision=bf16", "training.ema=0.9"]]
)
assert len(SCHEDULES) >= len(OPTIMIZERS)


@pytest.mark.parametrize("settings", UNCHANGED, ids=" ".join)
def test_an_unchanged_fork_goes_on_as_its_parent_does_bit_for_bit(tmp_path: Path, settings: list[str]) -> None:
    parent = begun(tmp_path, *settings, steps=5 if "accumulate" in settings[0] else 11)
    child = trained(fork(parent))
    trained(parent, resume=True)

    assert differences(state_of(child), state_of(parent)) == []
    first = int(rows(child, "steps")[0][0])
    assert rows(child, "steps", "loss", "lr") == rows(parent, "steps", "loss", "lr")[first - 1 :]
    kept, dropped = said(child)
    assert dropped == []
    assert {"all weights", "the optimizer's state", "the position in the epoch and the data order"} <= set(kept)


def test_a_fork_makes_up_for_an_evaluation_that_its_parent_was_stopped_in(tmp_path: Path) -> None:
    """A plateau must not miss one."""
    parent = begun(tmp_path, "schedule.kind=plateau", "schedule.patience=0", "schedule.factor=0.3", steps=2 * PER_EPOCH)
    assert newest_state(parent)["evaluated"] == PER_EPOCH
    child = trained(fork(parent))
    trained(parent, resume=True)

    assert [event["epoch"] for event in events(child, "epoch")] == [2, 3]
    assert rows(child, "evals", "loss") == rows(parent, "evals", "loss")[1:]
    assert rows(child, "steps", "loss", "lr") == rows(parent, "steps", "loss", "lr")[16:]


@pytest.mark.parametrize(("wanted", "settings"), [("last", ["training.ema=0.8"]), ("best", []), ("8", ["optimizer.kind=sgd"]), ("8", ["training.ema=0.8"])])
def test_its_first_step_finds_the_weights_and_moments_of_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: list[str], wanted: str
) -> None:
    parent = begun(tmp_path, *settings)
    child = fork(parent, "optimizer.lr=3e-4", wanted=wanted)
    held = loaded(find_checkpoint(parent, wanted).path)

    found = before_training(child, monkeypatch)

    for name in ("step", "model", "ema", "random"):
        assert differences(held.get(name), found.get(name)) == [], name
    assert differences(held["optimizer"]["state"], found["optimizer"]["state"]) == []
    assert [group["lr"] for group in found["optimizer"]["param_groups"]] == [planned(load_config(child.config), held["step"] + 1)]


RATES = ["optimizer.lr=3e-4", "schedule.kind=linear", "schedule.warmup_steps=20", "training.epochs=5", "training.steps=40"]


@pytest.mark.parametrize("change", RATES)
def test_the_next_step_has_the_learning_rate_that_the_new_schedule_gives_it(tmp_path: Path, change: str) -> None:
    parent = begun(tmp_path)
    child = trained(fork(parent, change))

    config = load_config(child.config)
    found = {int(step): lr for step, lr in rows(child, "steps", "lr")}
    assert found == {step: planned(config, step) for step in range(12, read_status(child).steps + 1)}
    assert found[12] != planned(load_config(parent.config), 12)
    assert said(child)[1] == []


def test_a_fork_of_a_run_whose_rate_was_changed_live_takes_that_rate(tmp_path: Path) -> None:
    parent = new_run(tmp_path / "runs", dump_config(BASE), {})
    train_with(parent, {5: {"optimizer.lr": 0.02, "model.dropout": 0.5}}, stop=11)
    child = trained(fork(parent))
    trained(parent, resume=True)

    config = load_config(child.config)
    assert (config.optimizer.lr, to_tables(config)["model"]["dropout"]) == (0.02, 0.5)
    assert lr_of_step(child, 12) == planned(config, 12) == pytest.approx(lr_of_step(parent, 12))
    assert [loss for _, loss in rows(child, "steps", "loss")] == pytest.approx([loss for _, loss in rows(parent, "steps", "loss")[11:]])


def end_badly(run: Run, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Train so many steps, which leave records and no checkpoint."""

    def never(*_: object) -> None: ...

    def die() -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("gradtop.trainer.checkpoint.writer.CheckpointWriter.submit", never)
        signals = SignalAtLook(after, die)
        signals.name = ""  # no signal came: what fails with one is a run that was stopped
        assert work(run, signals=signals) == 1
    assert rows(run, "steps")  # fewer than `after`, where waiting took some of the looks
    assert checkpoint.saved_steps(run.checkpoints) == []


def test_a_fork_that_is_killed_before_its_first_checkpoint_begins_again_where_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = begun(tmp_path)
    whole, killed = trained(fork(parent, "optimizer.lr=0.01")), fork(parent, "optimizer.lr=0.01")
    end_badly(killed, monkeypatch, after=9)
    shutil.rmtree(parent.path)

    trained(killed, resume=True)

    assert differences(state_of(whole), state_of(killed)) == []
    assert rows(whole, "steps", "loss", "lr") == rows(killed, "steps", "loss", "lr")
    assert events(killed, "warning") == []


def test_a_fork_outlives_its_parent_and_is_resumed_from_its_own_checkpoints(tmp_path: Path) -> None:
    parent = begun(tmp_path)
    whole, parted = trained(fork(parent)), fork(parent)
    shutil.rmtree(parent.path)
    train_with(parted, {}, stop=15)
    parted.origin.unlink()

    trained(parted, resume=True)

    assert differences(newest_state(whole)["model"], newest_state(parted)["model"]) == []
    assert rows(whole, "steps", "loss") == rows(parted, "steps", "loss")


def test_a_fork_of_a_fork_goes_on_from_there(tmp_path: Path) -> None:
    parent = begun(tmp_path)
    child = fork(parent, "optimizer.lr=0.01")
    train_with(child, {}, stop=14)
    grandchild = trained(fork(child, "optimizer.lr=0.02"))

    meta = read_meta(grandchild)
    assert (meta.parent, meta.parent_checkpoint) == (child.id, "step-000014.pt")
    assert [(each.key, each.old, each.new) for each in meta.changes] == [("optimizer.lr", 0.01, 0.02)]
    assert [int(step) for step, in rows(grandchild, "steps")] == list(range(15, 25))
    assert lr_of_step(grandchild, 15) == planned(load_config(grandchild.config), 15)


def test_a_fork_of_a_run_that_still_trains_leaves_it_alone_and_keeps_its_checkpoint(tmp_path: Path) -> None:
    undisturbed = new_run(tmp_path / "runs", dump_config(BASE), {})
    trained(undisturbed)
    parent = new_run(tmp_path / "runs", dump_config(apply_overrides(BASE, ["training.keep_checkpoints=1"])), {})
    made: list[Run] = []

    class Forks(SignalAtLook):
        """No signal; but once, in the middle of the training, a fork."""

        @property
        def received(self) -> int:
            self._left -= 1
            if self._left == 0:
                wait_until(RunReader(parent).checkpoints, why="a checkpoint")
                made.append(fork(parent, "optimizer.lr=0.01"))
            return 0

        @received.setter
        def received(self, value: int) -> None:
            raise AssertionError("no real signal is expected")

    trained(parent, signals=Forks(20))
    (child,) = made
    step = int(loaded(child.origin)["step"])
    shutil.rmtree(parent.checkpoints)
    trained(child)

    assert rows(parent, "steps", "loss", "lr") == rows(undisturbed, "steps", "loss", "lr")
    assert 0 < step < 3 * PER_EPOCH
    assert int(rows(child, "steps")[0][0]) == step + 1


def test_a_fork_into_another_runs_directory_is_whole_by_itself(tmp_path: Path) -> None:
    parent = begun(tmp_path)
    child = fork(parent, runs=tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "runs")

    trained(child)

    assert list_runs(tmp_path / "elsewhere") == [child]
    assert read_meta(child).parent == parent.id


def test_lineage_has_parent_checkpoint_and_changes(tmp_path: Path) -> None:
    parent = begun(tmp_path)
    child = fork(parent, "optimizer.lr=3e-4", "training.ema=0.5", wanted="8")

    meta = read_meta(child)
    assert (meta.parent, meta.parent_checkpoint) == (parent.id, "step-000008.pt")
    assert {each.key: (each.old, each.new) for each in meta.changes} == {"optimizer.lr": (1e-3, 3e-4), "training.ema": (0, 0.5)}


def replaced(run: Run, how: str) -> None:
    """Put something else where the fork keeps its checkpoint."""
    kept = run.path / "kept.pt"
    run.origin.rename(kept)
    match how:
        case "a dangling link":
            run.origin.symlink_to("nowhere.pt")
        case "a FIFO":
            os.mkfifo(run.origin)
        case "a device":
            run.origin.symlink_to("/dev/zero")
        case "a folder":
            run.origin.mkdir()
        case "half a file":
            run.origin.write_bytes(kept.read_bytes()[:2000])


@pytest.mark.parametrize("how", ["missing", "a dangling link", "a FIFO", "a device", "a folder", "half a file"])
def test_a_fork_whose_checkpoint_cannot_be_read_fails_and_never_trains_from_the_beginning(tmp_path: Path, how: str) -> None:
    parent = begun(tmp_path)
    child = fork(parent)
    replaced(child, how)

    assert work(child) == 1

    status = read_status(child)
    assert status.step == 0
    assert status.error.startswith("the checkpoint origin.pt cannot be read (")
    assert status.error.endswith(f"put origin.pt back, or fork {parent.id} again")
    assert events(child, "start") == []


def test_a_fork_from_a_relative_link_goes_on_from_the_file_that_it_leads_to(tmp_path: Path) -> None:
    parent = begun(tmp_path)
    held = find_checkpoint(parent).path
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "kept.pt"
    link.symlink_to(Path("..") / held.relative_to(tmp_path))

    child = create_run(tmp_path / "elsewhere", load_config(parent.config), parent=parent, checkpoint=link)

    assert child.origin.is_file()
    assert not child.origin.is_symlink()
    assert child.origin.samefile(held)


def test_a_checkpoint_that_is_no_ordinary_file_cannot_be_forked(tmp_path: Path) -> None:
    parent = begun(tmp_path)
    pipe = tmp_path / "pipe.pt"
    os.mkfifo(pipe)

    with pytest.raises(RecordError, match="cannot copy the checkpoint: not a regular file"):
        create_run(tmp_path / "elsewhere", load_config(parent.config), parent=parent, checkpoint=pipe)
    assert list_runs(tmp_path / "elsewhere") == []


def test_a_fork_that_would_keep_no_weight_is_refused_before_its_first_step(tmp_path: Path) -> None:
    parent = begun(tmp_path)
    child = fork(parent)
    held = loaded(child.origin)
    held["model"] = {f"old.{name}": value for name, value in held["model"].items()}
    child.origin.unlink()
    torch.save(held, child.origin)

    assert work(child) == 1

    status = read_status(child)
    assert status.error.startswith("no weight of the checkpoint fits the model, so that a fork would keep none of 4")
    assert (status.step, events(child, "start"), events(child, "forked")) == (0, [], [])
