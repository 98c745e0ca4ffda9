"""At 60×20, the smallest that shows everything: the fork's question, two runs side by side, and the line."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gradtop.trainer.record import Inbox, Run, RunState, process_start, read_status, this_host, write_status
from gradtop.tui.dialogs.compare import Compare
from gradtop.tui.screens.tune.fork_dialogs import ChooseCheckpoint
from gradtop.tui.screens.tune.screen import Tune
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import NOW, fake_run

SMALL = (60, 20)


@pytest.fixture
def training(tmp_path: Path) -> Run:
    run, _ = fake_run(tmp_path / "runs", "quiet-heron", created=NOW - 31)
    return run


def queued(tmp_path: Path, name: str, since: float, parent: Run) -> Run:
    """A run that waits for its device, as far as anybody can see."""
    run, _ = fake_run(tmp_path / "runs", name, state="created", steps=0, created=since, parent=parent)
    host, boot = this_host()
    pid, started = os.getpid(), process_start(os.getpid())
    write_status(run, read_status(run)._replace(state=RunState.QUEUED, queued=since, host=host, boot=boot, pid=pid, pid_started=started, updated=NOW))
    return run


def whole(screen: Piloted, words: str) -> bool:
    """Whether the words stand there, wherever the lines are broken and whatever frames them."""
    return words in " ".join(screen.shown().translate(str.maketrans("│╭╮╰╯─", "      ")).split())


async def test_the_question_from_which_checkpoint_to_fork_is_whole(tmp_path: Path, training: Run) -> None:
    async with piloted(tmp_path, training, mode="tune", size=SMALL) as screen:
        tune = screen.mode
        assert isinstance(tune, Tune)
        await screen.until(lambda: tune.draft is not None, "the form")
        await screen.press("ctrl+f")
        await screen.until(lambda: isinstance(screen.app.screen, ChooseCheckpoint), "the question")
        for words in ("fork quiet-heron from", "newest best", "keeps all weights, the optimizer's state, the position in the epoch and the data order", "enter forks, esc cancels"):
            await screen.until(lambda words=words: whole(screen, words), words)  # type: ignore[misc]
        await screen.press("escape")
        assert screen.app.screen is tune


async def test_two_runs_side_by_side_are_scrolled(tmp_path: Path, training: Run) -> None:
    fake_run(tmp_path / "runs", "amber-finch", state="done", created=NOW - 20, parent=training, lr=3e-4, batch_size=128)
    async with piloted(tmp_path, training, mode="runs", size=SMALL) as screen:
        await screen.shows("amber-finch")
        await screen.press("j", "x")
        await screen.until(lambda: isinstance(screen.app.screen, Compare), "both")
        await screen.shows("best accuracy")
        await screen.press(*"jjjjjjjjjjjjjj")
        await screen.shows("settings are the same")
        assert whole(screen, "lr 1e-3 3e-4")


async def test_a_run_in_line_says_its_place_and_s_takes_it_out(tmp_path: Path, training: Run) -> None:
    first, second = (queued(tmp_path, name, NOW - since, training) for name, since in (("amber-finch", 20), ("tidy-wren", 10)))
    async with piloted(tmp_path, training, mode="runs", size=SMALL) as screen:
        await screen.shows("queued 2")
        assert "queued 1" in screen.shown()
        await screen.press("j", "j")
        await screen.shows("2nd in the queue, behind quiet-heron and amber-finch")
        assert not screen.app.can("pause")
        await screen.press("s")
        await screen.shows("Remove tidy-wren from the queue?")
        await screen.press("y")
        inbox = Inbox(second)
        await screen.until(lambda: [command.name for command in inbox.poll()] == ["stop"], "the command")
        write_status(second, read_status(second)._replace(state=RunState.STOPPED, queued=0.0, updated=time.time()))
        await screen.until(lambda: "queued 2" not in screen.shown(), "a line of one")
        assert first.path.is_dir()


async def test_what_does_not_fit_into_a_line_says_so(tmp_path: Path, training: Run) -> None:
    async with piloted(tmp_path, training, mode="runs", size=SMALL) as screen:
        await screen.shows("y copies the path")
        line = next(line for line in screen.shown().splitlines() if " watched " in line)
        assert line.rstrip().endswith("…")
