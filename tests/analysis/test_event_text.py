from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.analysis.event_text import clock, event_line, event_lines
from tests.tui.runs_fixture import NOW

VALUES = st.none() | st.booleans() | st.floats() | st.text(max_size=30) | st.lists(st.integers(), max_size=3)
NAMES = st.sampled_from(["kind", "time", "message", "ok", "epoch", "step", "val_loss", "val_accuracy", "best", "state", "command", "id", "x"])


@pytest.mark.parametrize(
    ("event", "text", "tone"),
    [
        ({"kind": "epoch", "epoch": 6, "val_loss": 0.134, "val_accuracy": 0.98, "best": True}, "epoch 6  val loss 0.134  accuracy 0.98  best", "success"),
        ({"kind": "epoch", "epoch": 7, "val_loss": 0.2, "best": False}, "epoch 7  val loss 0.2", "text"),
        ({"kind": "checkpoint", "step": 1032}, "checkpoint step-001032", "muted"),
        ({"kind": "command", "command": "pause", "ok": True}, "pause: done", "text"),
        ({"kind": "command", "command": "set", "ok": False, "message": "no such key"}, "set: no such key", "warning"),
        ({"kind": "warning", "message": "the disk is full"}, "the disk is full", "warning"),
        ({"kind": "end", "state": "failed", "message": "out of memory"}, "failed: out of memory", "error"),
        ({"kind": "end", "state": "done"}, "done", "text"),
        ({"kind": "forked", "step": 360, "message": "kept all weights; dropped: the head", "kept": ["x"]}, "goes on from step 360: kept all weights; dropped: the head", "success"),
        ({"kind": "resumed", "step": 32, "path": "step-000032.pt"}, "resumed at step 32 from step-000032.pt", "success"),
        ({"kind": "freeze", "step": 0, "message": "2 parameters are frozen: a, b"}, "2 parameters are frozen: a, b", "text"),
        ({"kind": "freeze", "step": 90, "message": "everything trains from now on"}, "everything trains from now on", "text"),
        ({"kind": "early_stopping", "step": 90, "message": "no better loss in 5 evaluations"}, "stopped early: no better loss in 5 evaluations", "warning"),
        ({"kind": "init", "message": "2 of 8 were missing"}, "weights: 2 of 8 were missing", "text"),
        (
            {"kind": "command", "command": "set", "ok": True, "message": "optimizer.lr 1e-3 → 3e-4 from step 121 on", "changes": {"optimizer.lr": 3e-4}},
            "set: optimizer.lr 1e-3 → 3e-4 from step 121 on",
            "text",
        ),
        ({"kind": "start", "message": "training started"}, "start  training started", "text"),
        ({"kind": "profile", "steps": 5, "ms": 1.23456}, "profile  steps 5  ms 1.235", "text"),
        ({}, "event", "text"),
    ],
)  # fmt: skip
def test_events_in_words(event: Mapping[str, object], text: str, tone: str) -> None:
    line = event_line(event)
    assert (line.text, line.tone) == (text, tone)


@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_any_event_has_one_line_of_plain_text(event: dict[str, object]) -> None:
    line = event_line(event)
    assert len(line.text) <= 300
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in line.text)
    assert line.tone in {"text", "muted", "success", "warning", "error"}


@pytest.mark.parametrize("message", ["\x1b[2J\x1b[31mred", "a\r\nb", "\x9b31mx", "\x1b]0;title\x07", "[bold]x[/bold]"])
def test_hostile_text_keeps_its_words_and_loses_its_controls(message: str) -> None:
    text = event_line({"kind": "warning", "message": message}).text
    assert "\x1b" not in text
    assert "\n" not in text
    if message.startswith("["):
        assert text == message


def test_the_newest_event_comes_first() -> None:
    assert [line.text for line in event_lines([{"kind": "a"}, {"kind": "b"}])] == ["b", "a"]


def test_the_clock_is_local_and_a_time_that_is_none_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert clock(NOW) == "23:30:00"
    finally:
        monkeypatch.undo()
        time.tzset()
    for moment in (None, "soon", float("nan"), -1, 1e300, True):
        assert clock(moment) == "--:--:--" or moment is True
