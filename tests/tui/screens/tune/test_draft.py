from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.config import Config, CustomModel, FieldSpec, Mlp, Sgd, load_config, to_tables
from gradtop.trainer.record import CheckpointInfo, RecordedChange
from gradtop.tui.screens.tune.draft import Draft, make_base, save_config
from gradtop.tui.screens.tune.effect import Way, consequences_of, way_of
from gradtop.tui.screens.tune.form_rows import field_row
from gradtop.tui.screens.tune.texts import Difference


def field(draft: Draft, key: str) -> FieldSpec:
    return draft.fields()[key]


def test_a_new_draft_changes_nothing() -> None:
    draft = Draft(Config())
    assert draft.config == Config()
    assert not draft.changes_something
    assert draft.live_changes() == {}


def test_what_is_typed_is_checked_and_told_as_a_difference() -> None:
    draft = Draft(Config())
    draft.type("optimizer.lr", "3e-4")
    assert draft.config is not None
    assert draft.config.optimizer.lr == 3e-4
    assert draft.differences() == [Difference("optimizer.lr", "1e-3", "3e-4", "live")]
    assert draft.live_changes() == {"optimizer.lr": 3e-4}


def test_another_way_to_write_a_number_is_no_difference() -> None:
    draft = Draft(Config())
    draft.type("optimizer.lr", "0.0010")
    assert not draft.changes_something


def test_a_wrong_text_has_its_problem_and_the_others_theirs() -> None:
    draft = Draft(Config())
    draft.type("optimizer.lr", "fast")
    draft.type("training.epochs", "0")
    assert draft.config is None
    assert set(draft.problems) == {"optimizer.lr", "training.epochs"}
    assert [each.key for each in draft.differences()] == ["optimizer.lr", "training.epochs"]
    draft.type("optimizer.lr", "1e-3")
    draft.type("training.epochs", "30")
    assert draft.config == Config()


def test_a_new_kind_brings_its_fields_and_what_was_typed_comes_back_with_the_old_kind() -> None:
    draft = Draft(Config())
    draft.type("model.channels", "8, 8")
    draft.type("model.kind", "mlp")
    assert "model.hidden" in draft.fields()
    assert "model.channels" not in draft.fields()
    assert draft.config is not None
    assert draft.config.model == Mlp()
    draft.type("model.kind", "cnn")
    assert draft.text(field(draft, "model.channels")) == "8, 8"


def test_a_kind_keeps_what_it_shares_with_the_old_one() -> None:
    draft = Draft(Config())
    draft.type("optimizer.lr", "0.05")
    draft.type("optimizer.kind", "sgd")
    assert draft.config is not None
    assert draft.config.optimizer == Sgd(lr=0.05, weight_decay=0.01)


def test_what_can_be_live_is_live_and_the_rest_stays() -> None:
    draft = Draft(Config())
    draft.type("optimizer.lr", "3e-4")
    draft.type("training.batch_size", "128")
    assert draft.live_changes() == {"optimizer.lr": 3e-4}
    assert draft.strongest() == "fork"
    draft.type("training.seed", "3")
    assert draft.strongest() == "restart"


def test_a_constant_schedule_and_frozen_patterns_are_live_and_other_kinds_are_not() -> None:
    draft = Draft(Config())
    draft.type("schedule.kind", "constant")
    draft.type("freeze.kind", "pattern")
    draft.type("freeze.patterns", "*.weight")
    assert draft.strongest() == "live"
    assert draft.live_changes() == {"freeze.kind": "pattern", "freeze.patterns": ["*.weight"], "schedule.kind": "constant"}
    draft.type("freeze.kind", "backbone")
    assert draft.strongest() == "fork"
    assert draft.live_changes() == {"schedule.kind": "constant"}


def test_a_new_learning_rate_asks_for_the_schedule_but_where_it_is_constant_or_becomes_so() -> None:
    draft = Draft(Config())
    draft.type("optimizer.lr", "3e-4")
    assert draft.asks_for_the_schedule()
    draft.type("schedule.kind", "constant")
    assert not draft.asks_for_the_schedule()
    assert draft.live_changes() == {"optimizer.lr": 3e-4, "schedule.kind": "constant"}
    # Another kind waits in the form for a fork: the schedule that runs is asked for all the same.
    draft.type("schedule.kind", "one_cycle")
    assert draft.asks_for_the_schedule()
    assert draft.live_changes() == {"optimizer.lr": 3e-4}


def test_what_was_typed_stays_over_another_base() -> None:
    draft = Draft(Config())
    draft.type("optimizer.lr", "3e-4")
    draft.type("training.batch_size", "128")
    base, _ = make_base(to_tables(Config()), {"optimizer.lr": 3e-4})
    assert base is not None
    assert [each.key for each in draft.rebased(Draft(base)).differences()] == ["training.batch_size"]


def checkpoint(step: int, epoch: int) -> CheckpointInfo:
    return CheckpointInfo(step, epoch, path=Path(f"step-{step:06d}.pt"))


def test_a_start_forks_from_the_newest_checkpoint_and_says_why_where_it_cannot() -> None:
    draft = Draft(Config())
    there = [checkpoint(24, 1), checkpoint(48, 2)]
    assert way_of(draft, there, has_run=True) == Way()
    draft.type("training.batch_size", "128")
    assert way_of(draft, there, has_run=True) == Way(there[1])
    assert way_of(draft, there, has_run=False) == Way()
    assert "no checkpoint" in way_of(draft, [], has_run=True).why
    draft.type("training.epochs", "2")
    assert "nothing is left to train" in way_of(draft, there, has_run=True).why
    draft.type("training.epochs", "30")
    draft.type("training.seed", "1")
    assert way_of(draft, there, has_run=True) == Way(why="training.seed needs new weights")


def test_what_a_fork_keeps_and_drops_is_told_before() -> None:
    draft = Draft(Config())
    draft.type("optimizer.kind", "sgd")
    checkpoint = CheckpointInfo(40, 4, path=Path("step-000040.pt"))
    kept, dropped = consequences_of(draft, checkpoint)
    assert "all weights" in kept
    assert "the optimizer's state" in dropped
    assert "freezing" not in dropped
    draft.type("freeze.kind", "backbone")
    draft.type("freeze.unfreeze_epoch", "5")
    assert "the freezing: freeze.unfreeze_epoch = 5, and the fork begins in epoch 5 with nothing frozen" in consequences_of(draft, checkpoint)[1]
    custom = Draft(Config(model=CustomModel(target="mine:model")))
    custom.type("optimizer.kind", "sgd")
    assert consequences_of(custom, checkpoint)[0].startswith("the weights that fit by name and shape")


def test_the_base_is_the_configuration_with_what_was_applied_live() -> None:
    base, problem = make_base(to_tables(Config()), {"optimizer.lr": 3e-4, "training.from_the_future": 1, "schedule.kind": "constant"})
    assert problem == ""
    assert base is not None
    assert base.optimizer.lr == 3e-4
    assert base.schedule.kind == "constant"


def test_a_configuration_that_cannot_be_used_is_told() -> None:
    base, problem = make_base({"optimizer": {"lr": -1}, "model": {"kind": "cnn", "colour": 3}})
    assert base is None
    assert problem.split("\n") == [
        "run.toml: optimizer.lr: must be a number > 0, not -1",
        "run.toml: model.colour: unknown key; there are: kind, channels, depth, kernel_size, stride, padding, norm, activation, dropout",
    ]


def test_a_saved_configuration_is_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    assert save_config(Config(), path, overwrite=False) == (False, "")
    assert load_config(path) == Config()


def test_a_file_is_overwritten_only_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("# precious\n")
    assert save_config(Config(), path, overwrite=False) == (True, "")
    assert path.read_text() == "# precious\n"
    assert save_config(Config(), path, overwrite=True) == (False, "")
    assert load_config(path) == Config()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("overwrite", [True, False])
def test_where_nothing_can_be_saved_is_told(tmp_path: Path, *, overwrite: bool) -> None:
    there, problem = save_config(Config(), tmp_path / "none" / "mine.toml", overwrite=overwrite)
    assert not there
    assert "No such file or directory" in problem
    there, problem = save_config(Config(), tmp_path, overwrite=overwrite)
    assert not there
    assert problem


def test_the_changes_of_a_draft_are_what_a_run_remembers() -> None:
    draft = Draft(Config())
    draft.type("training.seed", "7")
    assert [RecordedChange(one.key, one.old, one.new) for one in draft.changes()] == [RecordedChange("training.seed", 0, 7)]


def test_a_field_says_why_the_run_could_not_begin_until_it_is_changed() -> None:
    draft = Draft(Config(), failure="training.seed: is of no use; take another one")
    seed, other = field(draft, "training.seed"), field(draft, "training.epochs")
    assert (draft.refusal(seed), draft.refusal(other)) == ("is of no use; take another one", "")
    assert not draft.problems
    row = field_row(draft, seed, set())
    assert (row.wrong, row.note) == (True, "refused")
    draft.type("training.seed", "7")
    assert not draft.refusal(seed)
    assert draft.rebased(Draft(Config(), failure="training.epochs must be more")).refusal(other) == "must be more"
    assert not Draft(Config(), failure="training.seeds: are none").refusal(seed)


def test_an_argument_of_a_model_is_typed_into_its_table_and_read_from_it() -> None:
    draft = Draft(Config(model=CustomModel(target="mine:build", arguments={"width": 32, "act": "gelu"})))
    assert draft.type("model.arguments.width", "15") == "model.arguments"
    assert draft.type("model.arguments.inner.rate", "0.25") == "model.arguments"
    assert draft.type("optimizer.lr", "3e-4") == "optimizer.lr"
    assert draft.config is not None
    assert to_tables(draft.config)["model"]["arguments"] == {"width": 15, "act": "gelu", "inner": {"rate": 0.25}}
    assert draft.values_of(["model.arguments.width", "optimizer.lr", "model.arguments.no"]) == {"model.arguments.width": 15, "optimizer.lr": 3e-4}
