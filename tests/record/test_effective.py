from __future__ import annotations

from gradtop.trainer.record import effective


def test_without_changes_the_tables_stay_the_same_object() -> None:
    tables = {"training": {"clip": 0.0}}
    assert effective(tables, {}) is tables


def test_changes_take_the_place_of_what_run_toml_says_and_leave_it_alone() -> None:
    tables: dict[str, dict[str, object]] = {"optimizer": {"kind": "adamw", "lr": 1e-3}, "training": {"clip": 0.0}}
    changed = effective(tables, {"optimizer.lr": 3e-4, "training.clip": 1.0, "augment.flip": 0.5})
    assert changed == {"optimizer": {"kind": "adamw", "lr": 3e-4}, "training": {"clip": 1.0}, "augment": {"flip": 0.5}}
    assert tables["optimizer"]["lr"] == 1e-3


def test_a_new_kind_begins_with_nothing_of_the_old_one_wherever_it_stands() -> None:
    tables = {"schedule": {"kind": "cosine", "min_lr": 1e-5, "warmup_steps": 10}}
    assert effective(tables, {"schedule.kind": "constant"}) == {"schedule": {"kind": "constant"}}
    assert effective({}, {"freeze.patterns": ["*.bias"], "freeze.kind": "pattern"}) == {
        "freeze": {"kind": "pattern", "patterns": ["*.bias"]}
    }


def test_a_kind_that_went_and_came_back_has_its_defaults_and_nothing_of_run_toml() -> None:
    tables = {"freeze": {"kind": "pattern", "patterns": ["stem.*"], "unfreeze_epoch": 3}}
    assert effective(tables, {"freeze.kind": "pattern"}) == {"freeze": {"kind": "pattern"}}


def test_nonsense_of_another_version_does_no_harm() -> None:
    assert effective({"training": 3}, {"training.clip": 1.0, "odd": 2}) == {"training": 3, "odd": {}}
