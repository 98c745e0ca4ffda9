"""A fork trains on from what its checkpoint holds: bit for bit where nothing was changed, and else as it says."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support import wait_until
from tests.worker.runs import TINY, SignalAtLook, differences, events, newest_state, rows
from tests.worker.test_learning import OPTIMIZERS, SCHEDULES
from tests.worker.test_live import train as steered
from trainer import checkpoint, loop, optim
from trainer.checkpoint import State
from trainer.config import Config, apply_overrides, consequences, dump_config, load_config, parse_config
from trainer.launch import create_run, find_checkpoint, fork_problems
from trainer.optim import planned_lr
from trainer.record import Run, RunReader, list_runs, new_run, read_meta, read_status
from trainer.session import Session
from trainer.worker import work
from tui.commands.configuration import changed_config

BASE = parse_config(TINY.format(epochs=3))
PER_EPOCH = 8
# What is counted anew in a fork, and what says where it stands in time.
ITS_OWN = {"seconds", "best", "best_accuracy", "newest", "without_better"}


def begun(folder: Path, *settings: str, steps: int = 11) -> Run:
    """A run that was stopped after so many of its 24 steps: in the middle of its second epoch, unless told otherwise."""
    run = new_run(folder / "runs", dump_config(apply_overrides(BASE, settings)), {})
    steered(run, {}, stop=steps)
    assert read_status(run).step == steps
    return run


def fork(parent: Run, *changes: str, wanted: str = "last", runs: Path | None = None) -> Run:
    """As the command and the form make one."""
    old, new, differs = changed_config(parent, changes)
    found = find_checkpoint(parent, wanted)
    assert fork_problems(old, new, found) == []
    return create_run(runs or parent.path.parent, new, parent=parent, checkpoint=found.path, changes=differs)


def trained(run: Run, **how: Any) -> Run:
    assert work(run, **how) == 0, read_status(run).error
    return run


def before_training(run: Run, monkeypatch: pytest.MonkeyPatch) -> State:
    """The state of a run when its first step is about to be taken; it is not taken."""
    seen: list[State] = []

    def look(session: Session) -> None:
        seen.append(session.state())

    with monkeypatch.context() as patched:
        patched.setattr(loop, "train", look)
        trained(run)
    return seen[0]


def state_of(run: Run) -> State:
    """What its newest checkpoint holds of the training itself."""
    return {key: value for key, value in newest_state(run).items() if key not in ITS_OWN}


def loaded(path: Path) -> State:
    return checkpoint.load(path)


def said(run: Run) -> tuple[list[str], list[str]]:
    """What was kept and what was dropped, by the event."""
    (event,) = events(run, "forked")
    return list(event["kept"]), list(event["dropped"])  # type: ignore[call-overload]


def lr_of_step(run: Run, step: int) -> float:
    return next(lr for at, lr in rows(run, "steps", "lr") if at == step)


def planned(config: Config, step: int, per_epoch: int = PER_EPOCH) -> float:
    total = config.training.steps or config.training.epochs * per_epoch
    return dict(planned_lr(config.schedule, config.optimizer, total_steps=total, steps_per_epoch=per_epoch))[step]


UNCHANGED = (
    [[f"optimizer.kind={kind}", *settings] for kind, settings in OPTIMIZERS.items()]
    + [[f"schedule.kind={kind}", *settings, *(["training.epochs=8"] if "milestones" in str(settings) else [])] for kind, settings in SCHEDULES.items()]
    + [["training.ema=0.9"], ["training.accumulate=2"], ["training.clip=0.1", "augment.rotation=20"], ["training.precision=bf16"]]
)


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
    assert {"all weights", "the optimizer's state", "the place in the epoch and the order of the data"} <= set(kept)


def test_a_fork_makes_up_for_an_evaluation_that_its_parent_was_stopped_in(tmp_path: Path) -> None:
    """A plateau must not miss one."""
    parent = begun(tmp_path, "schedule.kind=plateau", "schedule.patience=0", "schedule.factor=0.3", steps=2 * PER_EPOCH)
    assert newest_state(parent)["evaluated"] == PER_EPOCH
    child = trained(fork(parent))
    trained(parent, resume=True)

    assert [event["epoch"] for event in events(child, "epoch")] == [2, 3]
    assert rows(child, "evals", "loss") == rows(parent, "evals", "loss")[1:]
    assert rows(child, "steps", "loss", "lr") == rows(parent, "steps", "loss", "lr")[16:]


@pytest.mark.parametrize("settings", [[], ["training.ema=0.8"], ["optimizer.kind=sgd"]], ids=" ".join)
@pytest.mark.parametrize("wanted", ["last", "best", "8"])
def test_its_first_step_finds_the_weights_and_moments_of_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: list[str], wanted: str
) -> None:
    parent = begun(tmp_path, *settings)
    child = fork(parent, "optimizer.lr=3e-4", wanted=wanted)
    held = loaded(find_checkpoint(parent, wanted).path)

    found = before_training(child, monkeypatch)

    for name in ("step", "model", "ema", "random"):
        assert differences(held[name], found[name]) == [], name
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
    steered(parent, {5: {"optimizer.lr": 0.02, "model.dropout": 0.5}}, stop=11)
    child = trained(fork(parent))
    trained(parent, resume=True)

    config = load_config(child.config)
    assert (config.optimizer.lr, config.model.dropout) == (0.02, 0.5)  # type: ignore[union-attr]
    assert lr_of_step(child, 12) == planned(config, 12) == pytest.approx(lr_of_step(parent, 12))
    assert [loss for _, loss in rows(child, "steps", "loss")] == pytest.approx([loss for _, loss in rows(parent, "steps", "loss")[11:]])


def test_another_batch_size_goes_on_at_the_next_epoch_and_says_so(tmp_path: Path) -> None:
    parent = begun(tmp_path)
    child = trained(fork(parent, "training.batch_size=16"))

    # One epoch of four steps is behind it; the second, which was begun, is trained whole.
    assert [int(step) for step, in rows(child, "steps")] == list(range(5, 13))
    kept, dropped = said(child)
    assert kept == ["all weights", "the optimizer's state"]
    assert dropped == ["the place in the epoch: training goes on at the beginning of epoch 2"]
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
    expected = [] if kept else [f"the optimizer's state: {before} has no {after}'s"]
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
    assert differences(optim.state_by_name(held), optim.state_by_name(found)) == []
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
    if content is None:
        torch.save(newest_state(parent)["model"], given)
    else:
        given.write_bytes(content)
    child = fork(parent, wanted=str(given))

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
    moments = optim.state_by_name(held["optimizer"]), optim.state_by_name(found["optimizer"])
    assert set(moments[1]) == {"linear1.weight", "linear1.bias"}
    assert differences({name: moments[0][name] for name in moments[1]}, moments[1]) == []
    assert said(child) == (
        ["2 of 4 weights", "the optimizer's state of 2 parameters", "the place in the epoch and the order of the data"],
        ["2 weights have another shape: head.bias, head.weight", "the optimizer's state of 2 parameters"],
    )


def test_another_hidden_size_takes_a_restart_and_would_drop_what_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = begun(tmp_path)
    old = load_config(parent.config)
    new = apply_overrides(old, ["model.hidden=6"])
    found = find_checkpoint(parent)
    assert fork_problems(old, new, found) == ["model.hidden: this changes what training starts from, and takes a restart"]
    child = create_run(parent.path.parent, new, parent=parent, checkpoint=found.path)

    state = before_training(child, monkeypatch)

    assert differences(loaded(found.path)["model"]["head.bias"], state["model"]["head.bias"]) == []
    kept, dropped = said(child)
    assert kept == ["1 of 4 weights", "the optimizer's state of 1 parameters", "the place in the epoch and the order of the data"]
    assert dropped == ["3 weights have another shape: head.weight, linear1.bias, linear1.weight", "the optimizer's state of 3 parameters"]


def test_a_running_mean_that_is_new_begins_at_the_weights_and_one_that_goes_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without, having = begun(tmp_path), begun(tmp_path, "training.ema=0.8")
    gains, loses, keeps = fork(without, "training.ema=0.8"), fork(having, "training.ema=0"), fork(having, "training.ema=0.5")

    found = before_training(gains, monkeypatch)
    mean = {name.removeprefix("module."): value for name, value in found["ema"].items() if name != "n_averaged"}
    assert differences(mean, found["model"]) == []
    assert said(gains)[1] == ["the running mean of the weights begins at them"]
    assert before_training(loses, monkeypatch)["ema"] is None
    assert said(loses)[1] == ["the running mean of the weights, which training.ema = 0 does without"]
    held = loaded(find_checkpoint(having).path)
    assert differences(held["ema"], before_training(keeps, monkeypatch)["ema"]) == []
    assert "the running mean of the weights" in said(keeps)[0]


def end_badly(run: Run, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Train so many steps, which leave records and no checkpoint."""

    def never(*_: object) -> None: ...

    def die() -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("trainer.keeper.Keeper.submit", never)
        assert work(run, signals=SignalAtLook(after, die)) == 1
    assert len(rows(run, "steps")) > 5
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
    steered(parted, {}, stop=15)
    parted.origin.unlink()

    trained(parted, resume=True)

    assert differences(newest_state(whole)["model"], newest_state(parted)["model"]) == []
    assert rows(whole, "steps", "loss") == rows(parted, "steps", "loss")


def test_a_fork_of_a_fork_goes_on_from_there(tmp_path: Path) -> None:
    parent = begun(tmp_path)
    child = fork(parent, "optimizer.lr=0.01")
    steered(child, {}, stop=14)
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


def topics(sentences: object) -> set[str]:
    """What sentences of what is kept and dropped are about."""
    words = {"weights": r"weights", "mean": "running mean", "optimizer": "optimizer's state", "place": "place in the epoch", "plateau": "plateau"}
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
    ["training.precision=bf16"],
    ["freeze.kind=backbone"],
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
    return {"plain": begun(folder), "plateau and mean": begun(folder, "schedule.kind=plateau", "training.ema=0.9")}


@pytest.mark.parametrize("kind", ["plain", "plateau and mean"])
@pytest.mark.parametrize("changes", CHANGES, ids=" ".join)
def test_what_is_told_before_is_about_what_the_event_tells_after(
    parents: dict[str, Run], monkeypatch: pytest.MonkeyPatch, kind: str, changes: list[str]
) -> None:
    parent = parents[kind]
    child = fork(parent, *changes)
    told = consequences(load_config(parent.config), load_config(child.config))

    before_training(child, monkeypatch)

    kept, dropped = said(child)
    assert topics(told.dropped) == topics(dropped), (told, dropped)
    assert topics(told.kept) == topics(kept), (told, kept)


def test_lineage_has_parent_checkpoint_and_changes(tmp_path: Path) -> None:
    parent = begun(tmp_path)
    child = fork(parent, "optimizer.lr=3e-4", "training.ema=0.5", wanted="8")

    meta = read_meta(child)
    assert (meta.parent, meta.parent_checkpoint) == (parent.id, "step-000008.pt")
    assert {each.key: (each.old, each.new) for each in meta.changes} == {"optimizer.lr": (1e-3, 3e-4), "training.ema": (0, 0.5)}
