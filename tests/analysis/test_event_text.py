from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.analysis.event_text import clock, event_line, event_lines, leap_text
from gradtop.trainer.record import EventKind
from tests.tui.runs_fixture import NOW

VALUES = st.none() | st.booleans() | st.floats() | st.text(max_size=30) | st.lists(st.integers(), max_size=3)
NAMES = st.sampled_from(["kind", "reason", "frozen", "count", "changes", "old", "kept", "evaluations", "time", "message", "ok", "epoch", "step", "val_loss", "val_accuracy", "best", "state", "command", "id", "x"])


@pytest.mark.parametrize(
    ("event", "text", "tone"),
    [
        ({"kind": "epoch", "epoch": 6, "val_loss": 0.134, "val_accuracy": 0.98, "best": True}, "epoch 6  best val loss 0.134  accuracy 0.98", "success"),
        ({"kind": "epoch", "epoch": 7, "val_loss": 0.2, "best": False}, "epoch 7  val loss 0.2", "text"),
        ({"kind": "epoch", "epoch": 2, "val_loss": 2.52, "val_accuracy": 0.29, "metrics": {"perplexity": 12.4, "bits_per_character": 3.6}, "best": True}, "epoch 2  best val loss 2.52  perplexity 12.4", "success"),
        ({"kind": "epoch", "epoch": 2, "val_loss": 2.52, "val_accuracy": 0.29, "metrics": {"perplexity": 12.4}, "monitor": "accuracy"}, "epoch 2  val loss 2.52  accuracy 0.29  perplexity 12.4", "text"),
        ({"kind": "checkpoint", "step": 1032}, "checkpoint step-001032", "muted"),
        ({"kind": "command", "command": "pause", "ok": True, "step": 12}, "pause: paused after step 12", "text"),
        ({"kind": "command", "command": "continue", "ok": True, "was_paused": True}, "continue: training continues", "text"),
        ({"kind": "command", "command": "checkpoint", "ok": True, "path": "step-000007.pt"}, "checkpoint: checkpoint step-000007.pt", "text"),
        ({"kind": "command", "command": "stop", "ok": True, "step": 7}, "stop: stopping after step 7, then writing a checkpoint", "text"),
        ({"kind": "command", "command": "stop", "ok": True, "step": 7, "unsaved": True}, "stop: stopping after step 7", "text"),
        ({"kind": "command", "command": "stop", "ok": True, "was_queued": True}, "stop: removed from the queue", "text"),
        ({"kind": "command", "command": "set", "ok": False, "reason": "no such key"}, "set: no such key", "warning"),
        ({"kind": "warning", "message": "the disk is full"}, "the disk is full", "warning"),
        ({"kind": "end", "state": "failed", "reason": "out of memory"}, "failed: out of memory", "error"),
        ({"kind": "end", "state": "done"}, "done", "text"),
        ({"kind": "forked", "step": 360, "kept": ["all weights", "the order of the data"], "dropped": ["the head"]}, "continues from step 360: kept all weights, the order of the data; dropped: the head", "success"),
        ({"kind": "resumed", "step": 32, "path": "step-000032.pt"}, "resumed at step 32 from step-000032.pt", "success"),
        ({"kind": "freeze", "step": 0, "frozen": ["a", "b"], "count": 5}, "5 parameters are frozen: a, b …", "text"),
        ({"kind": "freeze", "step": 90, "frozen": [], "count": 0}, "no parameter is frozen", "text"),
        ({"kind": "early_stopping", "step": 90, "evaluations": 5}, "stopped early: no lower val loss in 5 evaluations", "warning"),
        ({"kind": "data", "message": "test is not used"}, "data: test is not used", "text"),
        ({"kind": "statistics", "layers": ["a", "b", "c"], "count": 5, "evaluating": False}, "batch norm a, b, c and 2 more keep mean 0 and variance 1 as running statistics, as their momentum is 0: an evaluation does not normalize as training does", "warning"),
        ({"kind": "statistics", "layers": ["a"], "count": 1, "evaluating": True}, "batch norm a is in evaluation mode while training, with running statistics of mean 0 and variance 1: it normalizes nothing", "warning"),
        ({"kind": "left_out", "count": 2, "samples": 1200, "path": "cat/7.jpg", "reason": "truncated"}, "2 of 1\u202f200 samples cannot be read; in training others of their classes are used instead; the first is cat/7.jpg (truncated)", "warning"),
        ({"kind": "init", "message": "2 of 8 were missing"}, "weights: 2 of 8 were missing", "text"),
        (
            {"kind": "command", "command": "set", "ok": True, "step": 120, "changes": {"optimizer.lr": 3e-4}, "old": {"optimizer.lr": 1e-3}},
            "set: optimizer.lr 1e-3 → 3e-4 from step 121 on",
            "text",
        ),
        ({"kind": "start", "steps": 900, "epochs": 3, "per_epoch": 300, "device": "cpu"}, "training starts: 3 epochs of 300 steps on cpu", "text"),
        ({"kind": "start", "steps": 900, "epochs": 0, "per_epoch": 300, "device": "cuda:0"}, "training starts: 900 steps on cuda:0", "text"),
        (
            {"kind": "threads", "step": 120, "threads": 1, "changes": {"training.threads": 1}, "old": {"training.threads": 0}, "pace": "nan", "pace_before": 7.0},
            "the CPU is busy (7 samples/s): trying training.threads 0 → 1 from step 121 on",
            "warning",
        ),
        (
            {"kind": "threads", "step": 150, "threads": 1, "changes": {}, "old": {}, "pace": 60.0, "pace_before": 7.0, "tokens_per_sample": 100},
            "training.threads=1 is kept: 6k tokens/s, 700 before",
            "warning",
        ),
        ({"kind": "threads", "step": 150, "threads": 1, "changes": {}, "old": {}, "pace": 60.0, "pace_before": 7.0}, "training.threads=1 is kept: 60 samples/s, 7 before", "warning"),
        (
            {"kind": "threads", "step": 150, "threads": 0, "changes": {"training.threads": 0}, "old": {"training.threads": 1}, "pace": 5.0, "pace_before": 7.0},
            "no faster (5 samples/s, 7 before): training.threads 1 → 0 from step 151 on",
            "warning",
        ),
        ({"kind": "black_box", "step": 9, "what": "the loss is not finite", "parameter": "fc.weight", "wrong": True}, "black box: step 9: the loss is not finite; fc.weight is the first non-finite one", "error"),
        (
            {"kind": "lr_range", "step": 91, "steps": 100, "suggestions": {"valley": 1e-3, "steep": 2e-3}, "diverged_at": 1.5},
            "range test: valley 1e-3 · steepest 2e-3; diverged at lr 1.5",
            "success",
        ),
        ({"kind": "lr_range", "step": 3, "steps": 100, "suggestions": {}, "diverged_at": None}, "range test: no suggestion", "warning"),
        ({"kind": "weather", "steps": 5, "ms": 1.23456}, "weather  steps 5  ms 1.235", "text"),
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


@given(st.sampled_from(EventKind), st.dictionaries(NAMES, VALUES, max_size=8))
def test_every_kind_has_a_sentence_whatever_its_fields_hold(kind: EventKind, fields: dict[str, object]) -> None:
    assert event_line({**fields, "kind": kind}).text


def test_no_module_reads_the_sentence_of_an_event() -> None:
    """`message` is free text: where it stands as a key, it is shown."""
    root = Path(__file__).parents[2]
    found = {str(path.relative_to(root)) for folder in ("trainer", "tui") for path in root.glob(f"{folder}/**/*.py") if '"message"' in path.read_text()}
    assert found <= {"trainer/analysis/event_text.py", "trainer/record/events.py"}


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


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (1e-3, 1e-4, "from 1e-3 to 1e-4 (1/10)"),  # 10.000000000000002 in float64
        (1e-4, 1e-3, "from 1e-4 to 1e-3 (10×)"),
        (9.1e-4, 2.3e-5, "from 9.1e-4 to 2.3e-5 (1/39.6)"),
        (0.0, 1e-3, "from 0 to 1e-3"),
    ],
)
def test_a_leap_of_the_learning_rate_is_told_with_its_factor(before: float, after: float, text: str) -> None:
    assert leap_text(before, after) == text
