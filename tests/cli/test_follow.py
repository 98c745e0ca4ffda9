"""Following a run line by line, to whatever end it comes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.record import EventReader, Run, RunState, Status, append_event, new_run, read_status, write_status
from gradtop.trainer.record.death import Death, write_death
from gradtop.tui.cli import output
from gradtop.tui.cli.follow import LOOKS_AGAIN, TITLES, follow
from tests.cli.conftest import Gradtop
from tests.tui.runs_fixture import DEAD_PID, STEPS_PER_EPOCH, Grower, fake_run, living_run

Story = Callable[[], object]


@pytest.fixture
def living(tmp_path: Path) -> tuple[Run, Grower]:
    """A run at the end of its first epoch, which a living process trains."""
    return living_run(tmp_path / "runs", steps=STEPS_PER_EPOCH, epochs=3)


def told(run: Run, *story: Story, events: EventReader | None = None) -> int:
    """Follow the run; each time the follower waits, the next part of the story happens."""
    left = list(story)

    def wait(_seconds: float) -> None:
        assert left, "the following goes on after the story's end"
        left.pop(0)()

    return follow(run, run.path.parent, events=events, wait=wait)


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_each_epoch_is_a_line_and_the_end_a_sentence(living: tuple[Run, Grower], capsys: pytest.CaptureFixture[str]) -> None:
    run, grower = living

    def epoch() -> None:
        grower.grow(STEPS_PER_EPOCH)
        grower.status("training", updated=time.time())

    assert told(run, epoch, epoch, lambda: grower.status("done")) == 0
    out, err = capsys.readouterr()
    title, first, second, third, end = out.splitlines()
    assert title.split() == " ".join(TITLES).replace("val", "◆val").split()
    assert [line.split()[0] for line in (first, second, third)] == ["1/3", "2/3", "3/3"]
    assert max(map(len, (title, first, second, third))) <= 79
    assert end.startswith("quiet-heron is done after 0:13; best val loss 0.")
    assert err == ""


def test_a_line_tells_what_the_event_of_its_epoch_says_however_late_records_and_status_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="heron")
    for epoch, means in ((1, {"loss": 4.0, "lr": 0.1, "samples_per_s": 550.0}), (2, {"loss": "nan", "lr": 0.05, "samples_per_s": None})):
        append_event(run, "epoch", epoch=epoch, epochs=2, step=10 * epoch, **means, val_loss=float("nan"), val_accuracy=0.5)
    write_status(run, Status(state=RunState.DONE, loss=77.0, lr=77.0, samples_per_s=77.0))
    assert told(run) == 0
    assert lines(capsys.readouterr().out)[1:3] == [
        ["1/2", "10", "4", "nan", "0.5000", "0.1", "550", "–"],
        ["2/2", "20", "nan", "nan", "0.5000", "0.05", "–", "–"],
    ]


def test_what_happened_before_a_resume_is_not_told_again(living: tuple[Run, Grower], capsys: pytest.CaptureFixture[str]) -> None:
    run, grower = living
    events = EventReader(run)
    events.refresh()

    def epoch() -> None:
        append_event(run, "resumed", step=172)
        grower.grow(STEPS_PER_EPOCH)

    assert told(run, epoch, lambda: grower.status("stopped"), events=events) == 0
    out = capsys.readouterr().out
    assert "resumed at step 172\n" in out
    assert " 2/3 " in out
    assert " 1/3 " not in out
    assert out.splitlines()[-1].startswith("quiet-heron was stopped after step 344; best val loss ")
    assert out.endswith(". Continue from its last checkpoint (step 343): gradtop resume quiet-heron\n")


def test_a_run_that_fails_says_why_and_where_the_log_is(living: tuple[Run, Grower], capsys: pytest.CaptureFixture[str]) -> None:
    run, grower = living
    assert told(run, lambda: grower.status("failed", error="the data is missing: put it\nthere")) == 1
    err = capsys.readouterr().err.splitlines()
    assert err == ["gradtop: quiet-heron failed: the data is missing: put it there", f"The worker's log: runs/{run.id}/worker.log"]


def test_a_run_that_dies_is_said_with_its_last_words(living: tuple[Run, Grower], capsys: pytest.CaptureFixture[str]) -> None:
    run, grower = living
    run.log.write_text("epoch 1\n\nKilled\n")
    assert told(run, lambda: grower.status("training", pid=DEAD_PID), *[lambda: None] * LOOKS_AGAIN) == 1
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "gradtop: quiet-heron died after step 172. Continue from its last checkpoint (step 171): gradtop resume quiet-heron"
    assert err[1:3] == ["  epoch 1", "  Killed"]


def test_how_a_run_died_is_said_though_it_is_written_a_moment_later(living: tuple[Run, Grower], capsys: pytest.CaptureFixture[str]) -> None:
    run, grower = living

    def see() -> None:
        grower.grow(10)  # recorded after the last status
        write_death(run, Death(DEAD_PID, read_status(run).pid_started, code=3))

    assert told(run, lambda: grower.status("training", pid=DEAD_PID), see) == 1
    assert "died after step 181 (exited with code 3 without saying why). Continue from" in capsys.readouterr().err


def test_a_run_that_is_deleted_is_said(living: tuple[Run, Grower], capsys: pytest.CaptureFixture[str]) -> None:
    run, _ = living
    assert told(run, lambda: shutil.rmtree(run.path)) == 1
    assert capsys.readouterr().err == f"gradtop: runs/{run.id} was deleted.\n"


def test_a_run_whose_status_stays_unreadable_is_not_followed_for_ever(living: tuple[Run, Grower], capsys: pytest.CaptureFixture[str]) -> None:
    run, _ = living
    run.status.unlink()
    run.status.mkdir()
    moments = iter([0.0, 1.0, 59.0, 61.0])
    assert follow(run, run.path.parent, wait=lambda _: None, clock=lambda: next(moments)) == 1
    assert capsys.readouterr().err == "gradtop: nobody can tell how quiet-heron stands: status.json cannot be read: it is not a regular file.\n"


def test_a_run_that_never_begins_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, _ = fake_run(tmp_path / "runs", "new-moth", state="created", steps=0)
    moments = iter([0.0, 1.0, 59.0, 61.0])
    assert follow(run, run.path.parent, wait=lambda _: None, clock=lambda: next(moments)) == 1
    assert capsys.readouterr().err == "gradtop: new-moth has not been started. Start it: gradtop resume new-moth\n"


def test_ctrl_c_leaves_the_run_alone_and_says_how_to_come_back(living: tuple[Run, Grower], capsys: pytest.CaptureFixture[str]) -> None:
    run, _ = living

    def interrupt() -> None:
        raise KeyboardInterrupt

    assert told(run, interrupt) == 130
    assert capsys.readouterr().out.endswith(
        "quiet-heron continues in the background. Watch: gradtop watch quiet-heron · stop: gradtop stop quiet-heron\n"
    )
    assert list(run.control.iterdir()) == []


def test_warnings_and_what_was_steered_are_told(living: tuple[Run, Grower], capsys: pytest.CaptureFixture[str]) -> None:
    run, grower = living

    def happen() -> None:
        append_event(run, "warning", message="\x1b[31mthe disk\nis full")
        append_event(run, "command", id="x", command="set", ok=True, message="optimizer.lr 1e-3 → 3e-4")
        append_event(run, "checkpoint", step=3)

    assert told(run, happen, lambda: grower.status("done")) == 0
    out, err = capsys.readouterr()
    assert err == "the disk is full\n"
    assert "\nset: optimizer.lr 1e-3 → 3e-4\n" in out
    assert "checkpoint" not in out


def test_a_worker_without_a_sign_of_life_is_told_of_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, grower = fake_run(tmp_path / "runs", "calm-ibex", state="silent", steps=10, created=time.time())
    assert told(run, lambda: None, lambda: None, lambda: grower.status("done")) == 0
    assert capsys.readouterr().err == "gradtop: no heartbeat from the worker; the worker or its disk may hang\n"


class Terminal:
    """Standard output as a terminal, which remembers all that was written."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        return

    def fileno(self) -> int:
        raise OSError


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_a_line_is_rewritten_in_place_on_a_terminal_that_can(living: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    run, grower = living
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr("gradtop.tui.terminal.original_environment", lambda: {"TERM": term})
    output.environment.cache_clear()
    grower.status("training", updated=time.time())
    assert told(run, lambda: grower.status("paused", updated=time.time()), lambda: grower.status("done")) == 0
    if term == "dumb":
        assert "\x1b" not in terminal.text
        assert "\r" not in terminal.text
    else:
        assert "\r\x1b[K33 %  step 172/516  loss 0.1" in terminal.text
        assert "\r\x1b[Kpaused\r\x1b[K" in terminal.text
        assert terminal.text.endswith("\r\x1b[Kquiet-heron is done after 0:04; best val loss 0.245, accuracy 0.6221 (epoch 1).\n")


def test_while_data_are_prepared_the_line_says_how_far_and_how_long(living: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch) -> None:
    run, grower = living
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr("gradtop.tui.terminal.original_environment", lambda: {"TERM": "xterm"})
    output.environment.cache_clear()
    preparing = {"doing": "looking through the masks", "done": 200, "of": 800, "since": 10.0, "at": 20.0}
    grower.status("starting", updated=time.time())
    write_status(run, read_status(run)._replace(preparing=preparing))

    def train() -> None:
        grower.status("training", updated=time.time())
        write_status(run, read_status(run)._replace(preparing=preparing))

    assert told(run, train, lambda: grower.status("done")) == 0
    assert "\r\x1b[K25 %  looking through the masks: 200 of 800, 0:30 left" in terminal.text
    assert terminal.text.count("masks") == 1


def test_watch_without_a_terminal_follows(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from gradtop.tui.cli.main import main

    assert main(["watch", "amber"]) == 0
    assert [row[0] for row in lines(capsys.readouterr().out)] == ["epoch", "1/2", "2/2", "amber-finch"]
    assert main(["watch"]) == 1
    assert "brave-otter failed: out of memory" in capsys.readouterr().err


def test_watch_prefers_the_newest_run_that_lives(runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from gradtop.tui.cli import home

    now = time.time()
    living, grower = fake_run(runs, "quiet-heron", steps=10, created=now - 9000)
    assert home.newest_live(runs) == living
    grower.status("training", pid=DEAD_PID)
    assert home.newest_live(runs) is None
    newer, grower = fake_run(runs, "calm-ibex", state="silent", steps=10, created=now - 500)
    assert home.newest_live(runs) == newer


def test_the_last_lines_say_what_is_wrong_with_the_run(gradtop: Gradtop, tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path / "runs", "calm-ibex", state="died", steps=300)
    write_status(run, read_status(run)._replace(dropped=12))
    said = gradtop("watch", "calm-ibex")
    assert said.code == 1
    assert "\n  ▲ 12 records were lost: the curves have gaps" in said.err
    assert "died at step" not in said.err


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ("[training]\nlabel_smoothing = 0.1", "loss is with label smoothing 0.1"),
        ("[training]\nlabel_smoothing = 0.1\n[augment]\nmixup = 0.2\ncutmix = 1.0", "loss is with label smoothing 0.1 and mixup 0.2 and CutMix 1"),
    ],
)
def test_a_loss_that_is_not_the_plain_one_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str], sections: str, said: str) -> None:
    run = new_run(tmp_path / "runs", sections, {}, name="heron")
    append_event(run, "epoch", epoch=1, epochs=1, step=10, loss=4.0, val_loss=1.0, val_accuracy=0.5)
    write_status(run, Status(state=RunState.DONE))
    assert told(run) == 0
    assert said in capsys.readouterr().out.splitlines()
