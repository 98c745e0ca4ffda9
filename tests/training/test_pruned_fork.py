"""A fork from a pruned checkpoint: what was pruned stays zero, whatever optimizer, EMA, resume and further forks do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gradtop.trainer.analysis.formatting import number
from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.prune.measure import measure
from gradtop.trainer.launch import create_run, find_checkpoint, fork_problems
from gradtop.trainer.launch.run_config import changed_config
from gradtop.trainer.optim.optimizer import state_by_name
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.server.previews import compare_weights
from gradtop.trainer.training.build import build_to_measure, read_valid_config
from gradtop.trainer.training.session import Session
from gradtop.trainer.training.trial_steps import Notes
from tests.training.forks import copied, said, trained
from tests.training.runs import SignalAtLook, check_alike, every_checkpoint, newest_state, stop_and_resume
from tests.training.runs import trained as watched_training

CNN = """
[model]
kind = "cnn"
channels = [6, 6]

[data]
kind = "fake"
samples = 60
classes = 3
image_size = 8
channels = 1

[optimizer]
{optimizer}

[training]
epochs = 2
batch_size = 8
device = "cpu"
threads = 1
deterministic = true
seed = 3
{training}
"""
# With what moves weights that have no gradient: momentum that was there before, weight decay, an update of whole matrices.
OPTIMIZERS = {
    "sgd": 'kind = "sgd"\nlr = 0.05\nmomentum = 0.9\nnesterov = true\nweight_decay = 0.01',
    "adamw": 'kind = "adamw"\nlr = 0.01\nweight_decay = 0.1',
    "muon": 'kind = "muon"\nlr = 0.01\nweight_decay = 0.1',
}


def pruned(folder: Path, choice: str, *, optimizer: str = "sgd", training: str = "") -> Run:
    """A pruning run that has written its choice of a run that trained for two epochs."""

    def train(at: Path) -> Run:
        run = new_run(at / "runs", CNN.format(optimizer=OPTIMIZERS[optimizer], training=training), {})
        with every_checkpoint():
            return trained(run)

    return pruning(copied(folder, ("pruned", optimizer, training), train), choice)


def pruning(run: Run, choice: str) -> Run:
    _, config, changes = changed_config(run, [], job="prune")
    made = create_run(run.path.parent, config, parent=run, checkpoint=find_checkpoint(run).path, changes=changes)
    measure(made, {"write": choice})
    return made


def fork(parent: Run, *changes: str, runs: Path | None = None) -> Run:
    old, new, differs = changed_config(parent, ["training.epochs=4", *changes], job="train")
    found = find_checkpoint(parent)
    assert fork_problems(old, new, found) == []
    assert new.job == "train"
    return create_run(runs or parent.path.parent, new, parent=parent, checkpoint=found.path, changes=differs)


def masks_of(run: Run) -> dict[str, Tensor]:
    found: dict[str, Tensor] = torch.load(find_checkpoint(run).path, weights_only=True)["pruning"]["masks"]
    return found


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_was_pruned_is_zero_after_every_step_and_all_else_trains(tmp_path: Path, optimizer: str) -> None:
    parent = pruned(tmp_path, "layer_l1:0.6", optimizer=optimizer, training="ema = 0.9\nclip = 0.5")
    masks = masks_of(parent)
    assert set(masks) == {"conv1.weight", "conv2.weight", "head.weight"}
    seen: list[bool] = []

    def watch(session: Session) -> None:
        def look(*_: object) -> None:
            assert session.compute.ema is not None
            averaged = dict(session.compute.ema.module.named_parameters())
            for name, parameter in session.model.named_parameters():
                if name in masks:
                    assert parameter.grad is not None
                    assert not bool(parameter.grad[~masks[name]].any())  # whose norm is clipped and shown
                    seen.append(not bool(averaged[name][~masks[name]].any()))

        session.optimizer.register_step_pre_hook(look)

    session = watched_training(fork(parent), watch)
    assert seen
    assert all(seen)
    before = torch.load(find_checkpoint(parent).path, weights_only=True)["model"]
    for name, parameter in session.model.named_parameters():
        kept = masks.get(name, torch.ones_like(parameter).bool())
        assert not bool(parameter[~kept].any())
        assert bool((parameter != before[name])[kept].any())


def test_stopped_and_resumed_it_is_what_it_would_have_been(tmp_path: Path) -> None:
    parent = pruned(tmp_path, "global_l1:0.5", optimizer="adamw", training="ema = 0.9")
    whole, parted = fork(parent, runs=tmp_path / "whole"), fork(parent, runs=tmp_path / "parted")
    trained(whole)
    stop_and_resume(parted, 3, 6)
    check_alike(whole, parted)
    assert not bool(newest_state(parted)["model"]["head.weight"][~masks_of(parted)["head.weight"]].any())
    assert all(torch.equal(kept, masks_of(parent)[name]) for name, kept in masks_of(parted).items())


def test_killed_after_steps_that_no_checkpoint_has_it_is_still_what_it_would_have_been(tmp_path: Path) -> None:
    parent = pruned(tmp_path, "layer_l1:0.5", training="ema = 0.9")
    whole, killed = fork(parent, runs=tmp_path / "whole"), fork(parent, runs=tmp_path / "killed")
    trained(whole)
    signals = SignalAtLook()

    def stopping(session: Session) -> None:
        update = session.compute.update

        def updated() -> None:
            update()
            if session.step >= 27:
                signals.come()

        session.compute.update = updated  # type: ignore[method-assign]

    with every_checkpoint():
        watched_training(killed, stopping, signals=signals)
    # As a kill leaves it: the steps since the end of the epoch are recorded, and their checkpoint is not written.
    newest = find_checkpoint(killed)
    assert newest.step % 8
    newest.path.unlink()
    assert find_checkpoint(killed).step == 24
    assert work(killed, resume=True) == 0
    check_alike(whole, killed)


def test_a_fork_of_the_fork_keeps_it_and_one_can_let_it_go(tmp_path: Path) -> None:
    parent = pruned(tmp_path, "global_l1:0.5")
    first = trained(fork(parent))
    kept, dropped = said(first)
    assert kept[-1] == f"the pruning mask: 50.0 % of {number(1530)} prunable weights stay zero"
    assert dropped == []
    assert read_status(first).masked == 765
    second = trained(fork(first, "training.epochs=5"))
    assert said(second)[0][-1] == kept[-1]
    assert masks_of(second).keys() == masks_of(parent).keys()
    free = trained(fork(second, "training.epochs=6", "training.keep_pruned=false"))
    assert said(free)[1] == ["the pruning mask, as training.keep_pruned is false: the pruned weights train again, from zero"]
    assert read_status(free).masked == 0
    assert masks_of(free) == {}
    gone = ~masks_of(parent)["conv2.weight"]
    assert bool(newest_state(free)["model"]["conv2.weight"][gone].all())


def test_pruned_once_more_no_weight_comes_back(tmp_path: Path) -> None:
    first = pruned(tmp_path, "random:0.5")
    again = pruning(trained(fork(first)), "random:0.7")
    for name, kept in masks_of(again).items():
        assert not bool((kept & ~masks_of(first)[name]).any())
        assert int(kept.sum()) < int(masks_of(first)[name].sum())


def test_with_channels_removed_it_trains_resumes_and_is_forked_at_its_new_shapes(tmp_path: Path) -> None:
    parent = pruned(tmp_path, "channel_removal:0.5")
    whole, parted = fork(parent, runs=tmp_path / "whole"), fork(parent, runs=tmp_path / "parted")
    trained(whole)
    stop_and_resume(parted, 5)
    check_alike(whole, parted)
    assert newest_state(parted)["model"]["conv2.weight"].shape == (3, 3, 3, 3)
    assert read_status(parted).parameters == 705
    second = trained(fork(parted, "training.epochs=5"))
    assert newest_state(second)["model"]["conv2.weight"].shape == (3, 3, 3, 3)
    assert compare_weights(read_valid_config(second), str(find_checkpoint(parted).path)) == {"kept": ["all weights"], "dropped": [], "nothing": ""}


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_with_channels_removed_the_optimizer_goes_on_with_what_it_knows_of_those_that_are_left(tmp_path: Path, optimizer: str) -> None:
    parent = pruned(tmp_path, "channel_removal:0.5", optimizer=optimizer)
    whole, smaller = torch.load(parent.origin, weights_only=True), newest_state(parent)
    before, after = (state_by_name(state["optimizer"]) for state in (whole, smaller))
    # Of the first convolution each channel that is left is one of those that were; the second has these as its inputs.
    first, second = (whole["model"][name] for name in ("conv1.weight", "conv2.weight"))
    rows = [next(row for row in range(6) if torch.equal(first[row], left)) for left in smaller["model"]["conv1.weight"]]
    others = [next(row for row in range(6) if torch.equal(second[row][rows], left)) for left in smaller["model"]["conv2.weight"]]
    for key in {"sgd": ("momentum_buffer",), "adamw": ("exp_avg", "exp_avg_sq")}[optimizer]:
        assert torch.equal(after["conv1.weight"][key], before["conv1.weight"][key][rows])
        assert torch.equal(after["conv2.weight"][key], before["conv2.weight"][key][others][:, rows])
        assert torch.equal(after["head.bias"][key], before["head.bias"][key])
    assert all(moment.shape == smaller["model"][name].shape for name, moments in after.items() for moment in moments.values() if moment.dim())
    kept, dropped = said(trained(fork(parent)))
    assert "the optimizer's state" in kept
    assert dropped == []


def test_a_job_on_it_measures_with_the_mask(tmp_path: Path) -> None:
    parent = pruned(tmp_path, "layer_l1:0.5")
    _, config, changes = changed_config(parent, [], job="speed")
    parts = build_to_measure(create_run(tmp_path / "runs", config, parent=parent, checkpoint=find_checkpoint(parent).path, changes=changes), Notes(), config)
    assert parts.compute.mask is not None
    batch = next(iter(parts.batches.epoch(0, skip=0)))
    parts.compute.backward([batch], 0)
    parts.compute.update()
    for name, kept in masks_of(parent).items():
        assert not bool(parts.model.get_parameter(name)[~kept].any())


def test_masks_of_other_weights_are_left_out_and_said(tmp_path: Path) -> None:
    parent = pruned(tmp_path, "layer_l1:0.5")
    shutil.copy(find_checkpoint(parent).path, kept := tmp_path / "kept.pt")
    state = torch.load(kept, weights_only=True)
    state["pruning"]["masks"]["head.weight"] = torch.ones(2, 2).bool()
    torch.save(state, find_checkpoint(parent).path)
    child = fork(parent)
    assert work(child) == 0
    assert said(child)[1] == ["the pruning mask of head.weight, whose shape is another"]


def test_a_run_that_was_never_pruned_has_no_mask(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", CNN.format(optimizer=OPTIMIZERS["sgd"], training=""), {})
    trained(run)
    assert "pruning" not in newest_state(run)
    assert parse_config("").training.keep_pruned
