from __future__ import annotations

import time
from pathlib import Path

import pytest

from gradtop.trainer.analysis.formatting import coarse_age, moment
from gradtop.tui.reading.facts import WatchedRun
from tests.tui.runs_fixture import NOW, fake_run


def test_ages_are_coarse_and_never_younger_than_the_last() -> None:
    ages = [coarse_age(seconds) for seconds in range(0, 400_000, 7)]
    assert ages[0] == "live"
    assert len(set(ages)) < 80
    assert [coarse_age(s) for s in (1.9, 2, 59, 60, 3599, 3600, 172_800)] == ["live", "2 s ago", "45 s ago", "1 min ago", "45 min ago", "1 h ago", "2 days ago"]
    assert coarse_age(-5) == "live"


def test_a_moment_has_its_date_where_it_was_not_today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        assert moment(NOW - 60, NOW) == "14:29"
        assert moment(NOW - 86_400, NOW) == "24 Nov 14:30"
        assert moment(NOW - 400 * 86_400, NOW) == "21 Oct 2025"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_same_facts_are_the_same_object(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path, created=NOW - 30.1)
    watch = WatchedRun(run, clock=lambda: NOW, monotonic=lambda: 5.0)
    assert watch.read().report is None
    facts = watch.read()
    assert facts.report is not None
    assert watch.read() is facts
    grower.status("training", updated=NOW + 1)
    assert watch.read() is facts
    grower.grow()
    grower.status("training")
    assert watch.read() is not facts


def test_what_is_wrong_is_looked_for_now_and_then_and_at_once_when_the_run_ends(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path, created=NOW - 30.1)
    now = 0.0
    watch = WatchedRun(run, clock=lambda: NOW, monotonic=lambda: now)
    assert watch.read().report is None  # the first frame does not wait for it
    first = watch.read().report
    assert first is not None
    grower.grow(50)
    assert watch.read().report is first
    now = 60.0
    later = watch.read().report
    assert later is not None
    assert later.steps > first.steps
    grower.status("failed", error="out of memory")
    ended = watch.read().report
    assert ended is not None
    assert (ended.text().startswith("✕ failed at step "), ended.healthy) == (True, False)


def test_texts_of_a_run_are_made_safe(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path, steps=5)
    (run.path / "meta.json").write_text('{"name": "\\u001b[31mred\\nname"}')
    grower.status("failed", error="\x1b[2Jboom\x07", warning="a\rb")
    facts = WatchedRun(run, clock=lambda: NOW, monotonic=lambda: 5.0).read()
    assert facts.name == "red name"
    assert facts.status.error == "boom"
    assert facts.status.warning == "a b"


def test_last_words_are_read_for_a_run_that_went_wrong(tmp_path: Path) -> None:
    died, _ = fake_run(tmp_path, state="died", steps=5, log="one\n\ntwo\n" + "".join(f"line {n}\n" for n in range(20)))
    fine, _ = fake_run(tmp_path, "fine", state="done", steps=5)
    assert WatchedRun(died, clock=lambda: NOW).read().last_words[-1] == "line 19"
    assert WatchedRun(fine, clock=lambda: NOW).read().last_words == ()


def test_where_a_resume_goes_on_names_no_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    died, _ = fake_run(tmp_path, state="died", steps=200)
    assert WatchedRun(died, clock=lambda: NOW).read().resumes_from == "its last checkpoint (step 171)"
    for path in died.checkpoints.glob("*.pt"):
        path.unlink()
    assert WatchedRun(died, clock=lambda: NOW).read().resumes_from == "the beginning, as it has no checkpoint"
    died.origin.write_bytes(b"weights")
    assert WatchedRun(died, clock=lambda: NOW).read().resumes_from == "the checkpoint that it was forked from"
