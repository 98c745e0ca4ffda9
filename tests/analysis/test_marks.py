from __future__ import annotations

from collections.abc import Mapping

import pytest

from gradtop.trainer.analysis.marks import event_marks, short


def changed(step: int, old: Mapping[str, object], new: Mapping[str, object], *, ok: bool = True) -> dict[str, object]:
    return {"kind": "command", "command": "set", "ok": ok, "step": step, "changes": new, "old": old}


def test_a_live_change_is_marked_with_old_and_new() -> None:
    assert event_marks([changed(120, {"optimizer.lr": 1e-3}, {"optimizer.lr": 3e-4})]) == ((120.0, "lr 1e-3→3e-4"),)


def test_of_several_changes_the_learning_rate_is_named_and_what_follows_from_it_is_not_counted() -> None:
    old = {"optimizer.lr": 1e-3, "schedule.min_lr": 1e-5, "training.clip": 0.0}
    new = {"optimizer.lr": 5e-4, "schedule.min_lr": 5e-6, "training.clip": 1.0}
    assert event_marks([changed(7, old, new)]) == ((7.0, "lr 1e-3→5e-4 +1"),)


def test_what_goes_with_a_schedule_that_takes_the_place_of_another_is_not_counted() -> None:
    old = {"optimizer.lr": 3e-4, "schedule.kind": "cosine", "schedule.warmup_steps": 100}
    new = {"optimizer.lr": 1e-3, "schedule.kind": "constant", "schedule.warmup_steps": 0}
    assert event_marks([changed(7, old, new)]) == ((7.0, "lr 3e-4→1e-3 +1"),)


def test_a_kind_is_called_by_its_section() -> None:
    assert event_marks([changed(7, {"schedule.kind": "cosine"}, {"schedule.kind": "constant"})]) == ((7.0, "schedule cosine→constant"),)


def test_what_changes_nothing_in_the_training_has_no_mark() -> None:
    events: list[dict[str, object]] = [
        changed(7, {}, {"optimizer.lr": 1.0}, ok=False),
        {"kind": "command", "command": "pause", "ok": True},
        {"kind": "threads", "step": 7, "threads": 1, "changes": {"training.threads": 1}, "old": {"training.threads": 0}},
        {"kind": "checkpoint", "step": 3},
        {"kind": "freeze", "step": 0, "frozen": ["a", "b"], "count": 2},
        {"kind": "command", "ok": True, "step": True, "changes": {"optimizer.lr": 1.0}},
        {"kind": "resumed", "step": float("nan")},
        {"kind": "forked"},
    ]
    assert event_marks(events) == ()


def test_forks_resumes_freezes_and_an_early_end_are_marked_in_the_order_of_steps() -> None:
    events: list[dict[str, object]] = [
        {"kind": "early_stopping", "step": 90},
        {"kind": "forked", "step": 10},
        {"kind": "resumed", "step": 30},
        {"kind": "freeze", "step": 40, "frozen": ["a", "b"], "count": 2},
        {"kind": "freeze", "step": 50, "frozen": [], "count": 0},
    ]
    assert event_marks(events) == (
        (10.0, "forked"), (30.0, "resumed"), (40.0, "frozen"), (50.0, "unfrozen"), (90.0, "stopped early"),
    )


def test_what_falls_on_one_step_shares_a_mark() -> None:
    events = [changed(7, {}, {"training.clip": 1.0}), {"kind": "resumed", "step": 7}, {"kind": "resumed", "step": 7}]
    assert event_marks(events) == ((7.0, "clip 1 +1"),)


def test_many_marks_are_thinned_and_the_newest_stays() -> None:
    marks = event_marks([changed(step, {}, {"training.clip": float(step)}) for step in range(1, 101)])
    assert 1 < len(marks) <= 12
    assert marks[-1] == (100.0, "clip 100")
    assert list(marks) == sorted(marks)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-3, "1e-3"), (2.5e-4, "2.5e-4"), (0.9, "0.9"), (0.01, "0.01"), (1e-8, "1e-8"), (0.0, "0"), (True, "on"), (64, "64"),
        ([0.9, 0.999], "0.9,0.999"), (None, "none"), ("constant", "constant"),
    ],
)  # fmt: skip
def test_values_are_written_short(value: object, text: str) -> None:
    assert short(value) == text


def test_words_of_a_run_are_safe_to_draw() -> None:
    assert "\x1b" not in event_marks([changed(7, {}, {"training.\x1b[31mclip": "\x1b[2J"})])[0][1]
