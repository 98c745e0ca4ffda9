"""What a fork with changes takes over and what it drops, as its event says, and as was told before."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import pytest
import torch

from gradtop.trainer.config import apply_overrides, consequences, load_config
from gradtop.trainer.config.fork_preview import Consequences
from gradtop.trainer.config.load import to_toml
from gradtop.trainer.launch import create_run, find_checkpoint, fork_problems
from gradtop.trainer.optim.optimizer import state_by_name
from gradtop.trainer.record import Run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.server.requests import ANSWERS, answer
from tests.training.forks import (
    PER_EPOCH,
    before_training,
    begun,
    fork,
    loaded,
    lr_of_step,
    planned,
    said,
    trained,
)
from tests.training.kinds import OPTIMIZERS, SCHEDULES
from tests.training.runs import differences, events, newest_state, rows


def test_another_batch_size_goes_on_at_the_next_epoch_and_says_so(tmp_path: Path) -> None:
    parent = begun(tmp_path)
    child = trained(fork(parent, "training.batch_size=16"))

    # One epoch of four steps is behind it; the second, which was begun, is trained whole.
    assert [int(step) for step, in rows(child, "steps")] == list(range(5, 13))
    assert read_status(child).began == 4
    kept, dropped = said(child)
    assert kept == ["all weights", "the optimizer's state"]
    assert dropped == ["the position in the epoch: training continues at the beginning of epoch 2"]
    config = load_config(child.config)
    assert lr_of_step(child, 5) == planned(config, 5, per_epoch=4)


@pytest.mark.parametrize(("before", "after", "kept"), [("adam", "adamw", True), ("adamw", "adam", True), ("adamw", "sgd", False), ("sgd", "adam", False), ("adam", "nadam", False)])
def test_another_optimizer_begins_without_what_it_has_no_use_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, kept: bool
) -> None:
    parent = begun(tmp_path, f"optimizer.kind={before}")
    child = fork(parent, f"optimizer.kind={after}")
    held = loaded(find_checkpoint(parent).path)

    found = before_training(child, monkeypatch)

    assert differences(held["model"], found["model"]) == []
    assert (differences(held["optimizer"]["state"], found["optimizer"]["state"]) == []) == kept
    assert bool(found["optimizer"]["state"]) == kept
    expected = [] if kept else [f"the optimizer's state: {before} → {after}"]
    assert said(child)[1] == expected
    assert ("the optimizer's state" in said(child)[0]) == kept


@pytest.mark.parametrize("kind", ["adamw", "muon", "sgd"])
def test_weight_decay_that_spares_biases_finds_the_moments_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The parameters are then in other groups, and have other numbers."""
    parent = begun(tmp_path, f"optimizer.kind={kind}")
    child = fork(parent, "optimizer.decay_all=false", "optimizer.weight_decay=0.5")
    held = loaded(find_checkpoint(parent).path)["optimizer"]

    found = before_training(child, monkeypatch)["optimizer"]

    assert [group["param_names"] for group in found["param_groups"]] != [group["param_names"] for group in held["param_groups"]]
    assert differences(state_by_name(held), state_by_name(found)) == []
    decay = {name: group["weight_decay"] for group in found["param_groups"] for name in group["param_names"]}
    assert decay == {name: 0.0 if name.endswith("bias") else 0.5 for name in decay}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_what_a_fork_thaws_trains_with_every_optimizer(tmp_path: Path, kind: str) -> None:
    parent = begun(tmp_path, f"optimizer.kind={kind}", "freeze.kind=backbone")
    held = loaded(find_checkpoint(parent).path)["model"]
    child = trained(fork(parent, "freeze.kind=none"))

    assert said(child)[1] == []
    assert set(differences(held, newest_state(child)["model"])) == {f".{name}" for name in held}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the checkpoint origin.pt cannot be read"),
        (b"no checkpoint", "the checkpoint origin.pt cannot be read"),
        (None, "the checkpoint origin.pt is not one that gradtop wrote"),
    ],
    ids=["nothing", "text", "a state dict"],
)
def test_a_file_that_is_no_checkpoint_is_told_of_before_training(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    parent, given = begun(tmp_path), tmp_path / "given.pt"
    torch.save(newest_state(parent)["model"], given)
    child = fork(parent, wanted=str(given))
    if content is not None:
        child.origin.unlink()
        child.origin.write_bytes(content)

    assert work(child) == 1

    assert read_status(child).error.startswith(sentence)
    assert "\n" not in read_status(child).error


def test_other_classes_begin_with_a_new_head_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = begun(tmp_path)
    child = fork(parent, "data.classes=5")
    held = loaded(find_checkpoint(parent).path)

    found = before_training(child, monkeypatch)

    assert set(differences(held["model"], found["model"])) == {".head.weight", ".head.bias"}
    assert found["model"]["head.weight"].shape == (5, 8)
    moments = state_by_name(held["optimizer"]), state_by_name(found["optimizer"])
    assert set(moments[1]) == {"linear1.weight", "linear1.bias"}
    assert differences({name: moments[0][name] for name in moments[1]}, moments[1]) == []
    assert said(child) == (
        ["2 of 4 weights", "the optimizer's state of 2 parameters", "the position in the epoch and the data order"],
        ["2 weights have a different shape: head.bias (3 in the file, 5 here), head.weight (3×8 in the file, 5×8 here)", "the optimizer's state of 2 parameters"],
    )


def test_another_hidden_size_takes_a_restart_and_would_drop_what_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = begun(tmp_path)
    old = load_config(parent.config)
    new = apply_overrides(old, ["model.hidden=6"])
    found = find_checkpoint(parent)
    assert fork_problems(old, new, found) == ["model.hidden: this changes what training starts from, and requires a restart"]
    child = create_run(parent.path.parent, new, parent=parent, checkpoint=found.path)

    state = before_training(child, monkeypatch)

    assert differences(loaded(found.path)["model"]["head.bias"], state["model"]["head.bias"]) == []
    kept, dropped = said(child)
    assert kept == ["1 of 4 weights", "the optimizer's state of 1 parameters", "the position in the epoch and the data order"]
    assert dropped == ["3 weights have a different shape: head.weight (3×8 in the file, 3×6 here), linear1.bias (8 in the file, 6 here), linear1.weight (8×16 in the file, 6×16 here)", "the optimizer's state of 3 parameters"]


def test_a_running_mean_that_is_new_begins_at_the_weights_and_one_that_goes_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without, having = begun(tmp_path), begun(tmp_path, "training.ema=0.8")
    gains, loses, keeps = fork(without, "training.ema=0.8"), fork(having, "training.ema=0"), fork(having, "training.ema=0.5")

    found = before_training(gains, monkeypatch)
    mean = {name.removeprefix("module."): value for name, value in found["ema"].items() if name != "n_averaged"}
    assert differences(mean, found["model"]) == []
    assert said(gains)[1] == ["the EMA of the weights, which restarts from the weights"]
    assert "ema" not in before_training(loses, monkeypatch)
    assert said(loses)[1] == ["the EMA of the weights, as training.ema is 0"]
    held = loaded(find_checkpoint(having).path)
    assert differences(held["ema"], before_training(keeps, monkeypatch)["ema"]) == []
    assert "the EMA of the weights" in said(keeps)[0]


@pytest.mark.parametrize(("change", "streak"), [("optimizer.lr=1e-5", 11), ("training.batch_size=4", 0)])
def test_overflows_in_a_row_are_counted_on_with_the_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, streak: int
) -> None:
    monkeypatch.setattr(torch.amp, "GradScaler", functools.partial(torch.amp.GradScaler, init_scale=2.0**120))
    parent = begun(tmp_path, "training.precision=fp16")

    assert before_training(fork(parent, change), monkeypatch)["guard"] == {"streak": streak, "skipped": 0, "told": 0}


# Steps too small to change a weight: the first evaluation stays the best.
STILL = ("optimizer.kind=sgd", "optimizer.lr=1e-30", "optimizer.momentum=0", "training.epochs=9")


def test_early_stopping_goes_on_as_in_the_parent(tmp_path: Path) -> None:
    parent = begun(tmp_path, *STILL, "training.early_stopping=3", steps=20)
    child = trained(fork(parent))
    trained(parent, resume=True)

    assert read_status(child).step == read_status(parent).step == 4 * PER_EPOCH
    assert said(child)[0][-1] == "the best val loss and the patience count of early stopping"
    # What a run shows as its best is its own.
    assert [event["best"] for event in events(child, "epoch")] == [True, False]


def test_a_fork_of_a_training_that_was_stopped_early_has_the_whole_patience_again(tmp_path: Path) -> None:
    parent = trained(begun(tmp_path, *STILL, "training.early_stopping=2"), resume=True)
    assert read_status(parent).step == 3 * PER_EPOCH
    child = trained(fork(parent))

    assert read_status(child).step == 5 * PER_EPOCH
    assert (said(child)[0][-1], said(child)[1]) == (
        "the best val loss of early stopping",
        ["the patience count of early stopping, which had run out"],
    )


@pytest.mark.parametrize(("settings", "since"), [(("training.early_stopping=4",), 2), (("training.early_stopping=2", "data.samples=62"), 0)])
def test_a_loss_is_measured_against_those_on_the_same_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...], since: int
) -> None:
    parent = begun(tmp_path, *STILL, steps=26)
    held = loaded(find_checkpoint(parent).path)
    scores = held["scores"]
    assert scores["to_beat"] == scores["best"]["loss"]
    child = fork(parent, *settings)

    found = before_training(child, monkeypatch)["scores"]

    assert (found["to_beat"], found["without_better"]) == (scores["to_beat"] if since else math.inf, since)
    assert found["best"] is None
    assert ("the best val loss and the patience count of early stopping" in said(child)[1]) == (not since)


def topics(sentences: object) -> set[str]:
    """What sentences of what is kept and dropped are about."""
    words = {"weights": r"weights", "mean": "EMA", "optimizer": "optimizer's state", "place": "position in the epoch", "plateau": "plateau", "patience": "early stopping", "freezing": "freezing"}
    found = set()
    for sentence in sentences:  # type: ignore[attr-defined]
        about = [name for name, word in words.items() if word in sentence.partition(":")[0]]
        found |= {"mean"} if "mean" in about else {"optimizer"} if "optimizer" in about else set(about)
    return found


CHANGES = [
    *([f"optimizer.kind={kind}"] for kind in OPTIMIZERS),
    *([f"schedule.kind={kind}", *settings] for kind, settings in SCHEDULES.items() if kind != "multistep"),
    ["optimizer.amsgrad=true"],
    ["optimizer.decay_all=false"],
    ["training.batch_size=4", "training.accumulate=2"],
    ["training.batch_size=59"],
    ["training.batch_size=30"],
    ["training.ema=0.9"],
    ["training.monitor=accuracy"],
    ["training.precision=bf16"],
    ["freeze.kind=backbone"],
    ["freeze.kind=backbone", "freeze.unfreeze_epoch=2"],
    ["data.classes=4"],
    ["data.samples=61"],
    ["data.samples=64"],
    ["data.samples=65"],
    ["data.image_size=6"],
    ["data.kind=digits", "training.epochs=2"],
    ["data.kind=digits", "training.epochs=2", "training.batch_size=359"],
]


@pytest.fixture(scope="module")
def parents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("parents")
    settings = {"plain": (), "plateau, mean and patience": ("schedule.kind=plateau", "training.ema=0.9", "training.early_stopping=5")}
    return {name: begun(folder, *given) for name, given in settings.items()}


# A plain parent has nothing that the other lacks: what begins there alone, and one of each other way.
PLAIN = [each for each in CHANGES if each[0].partition("=")[0] not in {"optimizer.kind", "optimizer.amsgrad", "optimizer.decay_all", "training.precision"}] + [
    ["optimizer.kind=adam"], ["optimizer.kind=muon"], ["optimizer.decay_all=false"],
]  # fmt: skip
TOLD = [("plateau, mean and patience", each) for each in CHANGES] + [("plain", each) for each in PLAIN if not each[0].startswith("schedule.") or each[0].endswith(("plateau", "constant"))]


@pytest.mark.parametrize(("kind", "changes"), TOLD, ids=lambda each: each if isinstance(each, str) else " ".join(each))
def test_what_is_told_before_is_about_what_the_event_tells_after(
    parents: dict[str, Run], monkeypatch: pytest.MonkeyPatch, kind: str, changes: list[str]
) -> None:
    parent = parents[kind]
    child = fork(parent, *changes)
    old, new, checkpoint = load_config(parent.config), load_config(child.config), find_checkpoint(parent)
    weights = answer(ANSWERS["fork_weights"], {"tables": to_toml(new), "checkpoint": str(checkpoint.path)})
    told = consequences(old, new, epoch=checkpoint.epoch)

    before_training(child, monkeypatch)

    kept, dropped = said(child)
    assert topics(told.dropped) == topics(dropped), (told, dropped)
    assert topics(told.kept) == topics(kept), (told, kept)
    assert [weights["nothing"], weights["kept"][0]] == ["", kept[0]]
    exact = consequences(old, new, epoch=checkpoint.epoch, weights=Consequences(tuple(weights["kept"]), tuple(weights["dropped"])))
    assert exact.kept[0] == kept[0]
    assert set(weights["dropped"]) <= set(dropped)
    assert [each for each in exact.dropped if "freezing" in each] == [each for each in dropped if "freezing" in each]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"a": 1}, "the checkpoint kept.pt is not one that gradtop wrote"),
        ({"linear.weight": torch.ones(2)}, "the checkpoint kept.pt is not one that gradtop wrote"),
        ({"step": 1, "format": 1, "model": {}}, "the checkpoint kept.pt has the format 1, this version reads 2"),
        ({"step": 1, "format": 2, "model": 5}, "the checkpoint kept.pt holds no weights"),
        ({"step": 1, "format": 2, "model": {"x": 5}}, "the checkpoint kept.pt holds no weights"),
    ],
)
def test_a_file_of_which_a_fork_keeps_nothing_refuses_it_before_it_starts(parents: dict[str, Run], tmp_path: Path, state: dict[str, object], why: str) -> None:
    torch.save(state, tmp_path / "kept.pt")
    found = answer(ANSWERS["fork_weights"], {"tables": to_toml(load_config(parents["plain"].config)), "checkpoint": str(tmp_path / "kept.pt")})
    assert found["nothing"].startswith(why)
