"""wait: what each condition is looked for in, and the exit code of each end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, RunReader, RunState, Status, new_run, write_status
from gradtop.tui.cli.conditions import parse_condition
from gradtop.tui.cli.wait import BEGINS_WITHIN, Verdict, wait_for
from tests.cli.conftest import Gradtop
from tests.tui.runs_fixture import DEAD_PID, STEPS_PER_EPOCH, Grower, living_run


@pytest.fixture
def living(tmp_path: Path) -> tuple[Run, Grower]:
    """A run at the end of its first epoch, which a living process trains."""
    return living_run(tmp_path / "runs", steps=STEPS_PER_EPOCH, epochs=3)


def waited(runs: Sequence[Run], until: Sequence[str], *story: Callable[[], object], timeout: float | None = None, step: float = 1.0) -> list[Verdict]:
    """Wait for the runs; at each look the next part of the story happens, and `step` seconds pass."""
    left, now = list(story), 0.0

    def wait(_seconds: float) -> None:
        nonlocal now
        assert left, "the waiting goes on after the story's end"
        left.pop(0)()
        now += step

    readers = [RunReader(run) for run in runs]
    return wait_for(readers, [parse_condition(text) for text in until], timeout, lambda _reader, _verdict: None, wait=wait, clock=lambda: now)


def nothing() -> None:
    pass


@pytest.mark.parametrize(("state", "code"), [("done", 0), ("stopped", 0), ("failed", 1), ("died", 3)])
def test_without_a_condition_the_code_is_how_the_run_ended(living: tuple[Run, Grower], state: str, code: int) -> None:
    run, grower = living
    end = (lambda: grower.status("training", pid=DEAD_PID)) if state == "died" else (lambda: grower.status(state))
    assert waited([run], [], nothing, end) == [Verdict(code)]


def test_a_condition_holds_as_soon_as_it_is_recorded(living: tuple[Run, Grower]) -> None:
    run, grower = living
    epoch = lambda: grower.grow(STEPS_PER_EPOCH)  # noqa: E731 - a part of a story
    assert waited([run], ["epoch=1"]) == [Verdict(0, "epoch=1", "epoch 1")]
    assert waited([run], ["epoch=2"], nothing, epoch) == [Verdict(0, "epoch=2", "epoch 2")]
    (met,) = waited([run], ["step=516", "accuracy>90%"], epoch)
    assert (met.code, met.condition, met.found) == (0, "accuracy>90%", "accuracy 0.928")  # 1 - 0.9·exp(-0.9·3) - 0.012
    grower.status("paused", updated=time.time() + 3600)
    assert waited([run], ["state:paused"]) == [Verdict(0, "state:paused", "state paused")]
    assert waited([run], ["step=516"]) == [Verdict(0, "step=516", "step 516")]


def test_a_value_between_two_looks_is_not_missed(living: tuple[Run, Grower]) -> None:
    run, grower = living

    def dip() -> None:
        grower.grow(1, loss=0.001)
        grower.grow(500, loss=2.0)

    assert waited([run], ["loss<0.01"], nothing, dip) == [Verdict(0, "loss<0.01", "loss 1e-3")]
    assert waited([run], ["loss>=2"])[0].code == 0
    assert waited([run], ["weight_norm/stem.weight>1e6"], lambda: grower.status("done")) == [Verdict(4)]


def test_a_finding_is_met_by_its_severity_and_by_its_name(living: tuple[Run, Grower]) -> None:
    run, grower = living
    fail = lambda: grower.status("failed", error="boom")  # noqa: E731 - a part of a story
    (met,) = waited([run], ["finding:error"], fail)
    assert (met.code, met.condition) == (0, "finding:error")
    assert "boom" in met.found
    assert waited([run], ["finding:failed"])[0].code == 0
    assert waited([run], ["finding:loss-spike"])[0].code == 1


def test_a_run_that_ended_without_it_has_a_code_of_its_own(living: tuple[Run, Grower]) -> None:
    run, grower = living
    assert waited([run], ["val_loss<1e-9"], lambda: grower.status("stopped")) == [Verdict(4)]
    assert waited([run], ["val_loss<1e-9", "state:ended"]) == [Verdict(0, "state:ended", "state stopped")]


def test_time_passes(living: tuple[Run, Grower]) -> None:
    run, _ = living
    assert waited([run], [], nothing, nothing, timeout=2.0) == [Verdict(124)]
    assert waited([run], ["epoch=1"], timeout=0.0) == [Verdict(0, "epoch=1", "epoch 1")]


def test_a_run_that_nobody_starts_and_one_that_is_deleted_are_not_waited_for(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="heron")
    assert waited([run], [], nothing, step=BEGINS_WITHIN) == [Verdict(4)]
    assert waited([run], [], lambda: run.path.rename(tmp_path / "elsewhere")) == [Verdict(4)]


def test_a_run_whose_status_stays_unreadable_is_not_waited_for(living: tuple[Run, Grower]) -> None:
    run, grower = living
    run.status.write_text("{")
    assert waited([run], [], nothing, step=BEGINS_WITHIN) == [Verdict(4)]
    # Once it can be read, there is something to wait for.
    assert waited([run], [], lambda: grower.status("training"), nothing, lambda: grower.status("done"), step=BEGINS_WITHIN - 1) == [Verdict(0)]


def test_several_runs_are_all_waited_for(living: tuple[Run, Grower], tmp_path: Path) -> None:
    run, grower = living
    other = new_run(tmp_path / "runs", "", {}, name="heron")
    write_status(other, Status(state=RunState.FAILED, error="boom"))
    assert waited([run, other], [], nothing, lambda: grower.status("done")) == [Verdict(0), Verdict(1)]


def test_the_command_says_what_it_found(gradtop: Gradtop, runs: Path) -> None:
    assert gradtop("wait", "amber-finch", "tidy-wren") == gradtop("wait", "amber-finch", "tidy-wren", "amber-finch", "--timeout", "10m")
    said = gradtop("wait", "amber-finch", "tidy-wren")
    assert (said.code, said.out, said.err) == (0, "amber-finch is done.\ntidy-wren was stopped.\n", "")
    said = gradtop("wait", "brave-otter", "amber-finch", "--until", "epoch=2")
    assert (said.code, said.out) == (1, "amber-finch: epoch=2 (epoch 2)\n")
    assert said.err == "gradtop: brave-otter has failed: out of memory on cuda:0 with batch_size 512: try training.batch_size=256; epoch=2 did not come true.\n"
    found = json.loads(gradtop("wait", "tidy-wren", "--until", "epoch=9", "--json").out)
    assert found["code"] == 4
    assert found["runs"][0]["name"] == "tidy-wren"
    assert found["runs"][0]["condition"] is None
    assert len(list(runs.iterdir())) == 3


def test_a_timeout_is_told(gradtop: Gradtop, living: tuple[Run, Grower]) -> None:
    said = gradtop("wait", "quiet-heron", "--until", "epoch=3", "--timeout", "0")
    assert (said.code, said.out) == (124, "")
    assert said.err == "gradtop: quiet-heron is still training after 0:00; no epoch=3.\n"
    assert living[0].path.is_dir()


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("soon", "'soon' is not a condition, such as epoch=5"),
        ("epoch<5", "epoch only grows: write epoch=5"),
        ("val_loss=0.1", "val_loss is measured: compare it by <"),
        ("val_loss<low", "val_loss< is followed by a number, not 'low'"),
        ("val_loss<nan", "val_loss< is followed by a number, not 'nan'"),
        ("val_lss<1", "there is no metric 'val_lss'; did you mean val_loss?"),
        ("zzz<1", "there is no metric 'zzz'. Recorded so far: loss, lr, grad_norm, clipped, samples_per_s, val_loss, accuracy\n"),
        ("finding:zzz", "'zzz' is no finding or severity. Available: error, warning, note, and those that gradtop help findings lists\n"),
        ("state:done!", "'done!' is no state of a run; did you mean done?"),
        ("state>done", "state is followed by a colon, such as state:done"),
        ("finding:eror", "'eror' is no finding or severity; did you mean error?"),
    ],
)
@pytest.mark.usefixtures("runs")
def test_a_condition_that_cannot_be_is_refused_at_once(gradtop: Gradtop, condition: str, sentence: str) -> None:
    said = gradtop("wait", "amber-finch", "--until", condition)
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err


@pytest.mark.usefixtures("runs")
def test_a_timeout_that_is_no_time_is_refused(gradtop: Gradtop) -> None:
    for wrong in ("soon", "-1", "nan", "1e9"):
        said = gradtop("wait", "amber-finch", "--timeout", wrong)
        assert (said.code, said.out) == (2, "")
        assert "is not a duration such as 90s, 10m or 2h" in said.err
