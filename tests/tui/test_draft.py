from __future__ import annotations

from pathlib import Path

import pytest

from trainer.config import Config, FieldSpec, Mlp, Sgd, load_config, to_tables
from trainer.record import Change
from tui.draft import Difference, Draft, make_base, save_config
from tui.parts.tune import applied_live


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
    assert draft.differences() == [Difference("optimizer.lr", "1e-3", "3e-4")]
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


def test_more_than_a_running_worker_can_take_is_not_live() -> None:
    draft = Draft(Config())
    draft.type("optimizer.lr", "3e-4")
    draft.type("training.batch_size", "128")
    assert draft.live_changes() == {}
    assert [change.effect for change in draft.changes()] == ["live", "fork"]


def test_the_base_is_the_configuration_with_what_was_applied_live() -> None:
    base, problem = make_base(to_tables(Config()), [("optimizer.lr", 0.5), ("optimizer.lr", 3e-4), ("training.from_the_future", 1)])
    assert problem == ""
    assert base is not None
    assert base.optimizer.lr == 3e-4


def test_a_configuration_that_cannot_be_used_is_told() -> None:
    base, problem = make_base({"optimizer": {"lr": -1}, "model": {"kind": "cnn", "colour": 3}})
    assert base is None
    assert problem.split("\n") == [
        "run.toml: optimizer.lr: must be a number > 0, not -1",
        "run.toml: model.colour: unknown key; there are: kind, channels, depth, kernel_size, stride, padding, norm, activation, dropout",
    ]


def test_live_changes_are_those_that_the_worker_confirmed() -> None:
    events: list[dict[str, object]] = [
        {"kind": "epoch", "changes": {"optimizer.lr": 1.0}},
        {"kind": "command", "ok": True, "changes": {"optimizer.lr": 0.5}},
        {"kind": "command", "ok": False, "changes": {"optimizer.lr": 0.7}},
        {"kind": "command", "ok": True, "changes": "nonsense"},
        {"kind": "command", "ok": True},
        {"kind": "command", "ok": True, "changes": {"optimizer.lr": 0.25}},
    ]
    assert applied_live(events) == [("optimizer.lr", 0.5), ("optimizer.lr", 0.25)]


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
    assert [Change(one.key, one.old, one.new) for one in draft.changes()] == [Change("training.seed", 0, 7)]
