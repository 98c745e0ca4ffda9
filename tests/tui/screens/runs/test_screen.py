"""The list of runs: what each row says, live, at every size."""

from __future__ import annotations

import errno
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from gradtop.trainer.record import Inbox, read_meta, read_status, write_meta, write_status
from gradtop.tui.cli.main import parser_for
from gradtop.tui.screens.overview.screen import Overview
from gradtop.tui.screens.runs.screen import Runs
from gradtop.tui.screens.runs.text import COMMANDS
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import NOW, fake_run
from tests.tui.screens.runs.family import Family, go, opened, order


async def test_every_run_has_its_state_its_figures_and_what_was_changed(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.training, mode="runs") as screen:
        await opened(screen)
        shown = screen.shown()
        for words in ("● training", "■ done", "□ stopped", "† died", "✕ failed", "└ tidy-wren", "quiet-heron ◂", "lr 1e-3 → 3e-4"):
            assert words in shown
        assert "Killed by the kernel" in shown
        assert "out of memory" in shown
        assert order(screen) == ["quiet-heron", "brave-otter", "grey-lynx", "amber-finch", "tidy-wren"]


async def test_the_cursor_begins_on_the_watched_run_and_the_line_below_tells_of_its_row(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.stopped, mode="runs", size=(80, 24)) as screen:
        await opened(screen)
        mode = screen.mode
        assert isinstance(mode, Runs)
        assert mode.table.key == family.stopped.id
        await screen.shows("stopped   watched")
        await screen.press("up", "up")
        await screen.shows("Killed by the kernel")
        assert family.died.id in screen.shown()


async def test_what_is_wrong_is_looked_for_in_the_rows_in_view_alone(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await screen.shows("finding")
        mode = screen.mode
        assert isinstance(mode, Runs)
        await screen.until(lambda: mode.view().columns, "the columns that fit")
        assert "finding" in mode.table.shown_columns
        assert "finding" not in mode.view().needs


@pytest.mark.parametrize("filtered", [False, True])
async def test_where_the_directory_has_gone_or_cannot_be_read_that_is_said(
    tmp_path: Path, family: Family, monkeypatch: pytest.MonkeyPatch, filtered: bool
) -> None:
    runs = family.training.path.parent
    async with piloted(tmp_path, None, mode="runs", size=(80, 24)) as screen:
        await screen.shows("quiet-heron")
        if filtered:
            await screen.press("slash", *"heron", "enter")
            await screen.shows("1 of 5")
        runs.rename(runs.with_name("elsewhere"))
        await screen.shows("The runs directory was deleted or moved: ")
        assert "No runs yet" not in screen.shown()
        runs.with_name("elsewhere").rename(runs)
        await screen.shows("quiet-heron")

        scandir = os.scandir

        def refuse(path: object) -> object:  # as for anybody but root, who runs the tests in a container
            if str(path) == str(runs):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return scandir(path)  # type: ignore[call-overload]  # whatever it is called with

        monkeypatch.setattr("os.scandir", refuse)
        (runs / "new").mkdir()  # so that it is listed anew
        await screen.shows("The runs directory cannot be read (Permission denied): ")


async def test_an_empty_list_names_the_commands_that_start_a_run_there(tmp_path: Path) -> None:
    async with piloted(tmp_path, None, mode="runs", size=(240, 24)) as screen:
        await screen.shows("No runs yet.")
        await screen.shows("gradtop new digits ")
        await screen.shows(f"gradtop train digits.toml --runs {screen.app.runs}  train it in the background")
        await screen.press("slash", *"heron")
        await screen.shows("nothing matches “heron”")
        assert "gradtop new" not in screen.shown()


@pytest.mark.parametrize(("words", "takes_runs"), [(command.split()[1:], takes_runs) for command, takes_runs, _ in COMMANDS])
def test_a_command_that_an_empty_list_names_is_there(words: list[str], takes_runs: bool, capsys: pytest.CaptureFixture[str]) -> None:
    command, *arguments = words
    with pytest.raises(SystemExit, match="0") if "--help" in arguments else nullcontext():
        parser_for(command).parse_args([*arguments, *(["--runs", "there"] if takes_runs else [])])
    assert not capsys.readouterr().err


async def test_live_rows_follow_their_runs(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await screen.shows("8/30")
        family.grower.grow(400)
        family.grower.status("training")
        await screen.shows("10/30")
        family.grower.status("paused")
        await screen.shows("‖ paused")
        fake_run(screen.app.runs, "new-moth", state="starting", steps=0, created=NOW)
        await screen.shows("new-moth")


@pytest.mark.parametrize(("key", "mode"), [("1", "overview"), ("3", "gradients"), ("9", "system")])
async def test_where_none_is_watched_the_key_of_a_mode_watches_the_run_under_the_cursor(tmp_path: Path, family: Family, key: str, mode: str) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await opened(screen)
        await go(screen, family.died)
        await screen.press("6")
        await screen.until(lambda: screen.app.current_mode == "tune", "the form")
        assert screen.app.watched is None  # the form needs none
        await screen.press("7", key)
        await screen.until(lambda: screen.app.current_mode == mode, mode)
        assert screen.app.watched == family.died
        await screen.shows("grey-lynx")


async def test_enter_watches_the_run(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.training, mode="runs") as screen:
        await opened(screen)
        await go(screen, family.done)
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.app.screen, Overview), "the overview")
        assert screen.app.watched == family.done
        await screen.shows("■ done")


async def test_the_keys_of_the_run_mean_the_row_while_the_header_shows_the_watched_one(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.done, mode="runs") as screen:
        await opened(screen)
        assert "stop" not in screen.keybar()
        await go(screen, family.training)
        await screen.until(lambda: "pause" in screen.keybar(), "the keys")
        assert "amber-finch" in screen.shown().splitlines()[0]
        await screen.press("s")
        await screen.shows("Stop quiet-heron?")
        await screen.press("y")
        inbox = Inbox(family.training)
        await screen.until(lambda: [command.name for command in inbox.poll()] == ["stop"], "the command")


async def test_y_copies_the_path_of_the_row(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await opened(screen)
        await go(screen, family.failed)
        await screen.press("y")
        assert screen.app.clipboard == str(family.failed.path)


async def test_an_empty_list_says_how_to_start_a_run(tmp_path: Path, runs: Path) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await screen.shows("6                          a form with every setting and its default")
        for key in ("enter", "r", "a", "n", "d", "s"):
            await screen.press(key)
        assert screen.app.screen is screen.mode


async def test_names_and_last_words_are_data(tmp_path: Path, runs: Path) -> None:
    run, _ = fake_run(runs, "plain", state="failed", steps=5, error="\x1b[2J[red]漢字[/red] " + "x" * 10_000)
    write_meta(run, read_meta(run)._replace(name="[b]漢字[/b]\x1b[2J"))
    async with piloted(tmp_path, None, mode="runs") as screen:
        await screen.shows("[b]漢字[/b]")
        await screen.shows("[red]漢字[/red] xxx")
        assert "\x1b" not in screen.shown()


@pytest.mark.parametrize("size", [(40, 12), (60, 20), (80, 24), (200, 60)])
async def test_at_every_size_name_state_and_best_value_are_seen(tmp_path: Path, family: Family, size: tuple[int, int]) -> None:
    async with piloted(tmp_path, family.training, mode="runs", size=size) as screen:
        await screen.shows("quiet-heron")
        assert "● training" in screen.shown()
        if size[0] >= 60:
            assert "best" in screen.shown()


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_why_a_run_failed_is_read_to_its_end(tmp_path: Path, runs: Path, size: tuple[int, int]) -> None:
    why = "step 3: the loss is not finite; training ended before the step changed the weights. Try a smaller learning rate, a warm-up or gradient clipping."
    run, _ = fake_run(runs, "brave-otter", state="failed", steps=3, error=why)
    async with piloted(tmp_path, run, mode="runs", size=size) as screen:
        await screen.shows("y copies the path")
        assert why in " ".join(" ".join(screen.shown().splitlines()[-5:]).split())


async def test_each_run_in_view_says_what_is_wrong_with_it(tmp_path: Path, family: Family) -> None:
    run = family.done
    write_status(run, read_status(run)._replace(dropped=12))
    async with piloted(tmp_path, None, mode="runs", size=(200, 50)) as screen:
        for words in ("▲ 12 records lost", "accuracy", "model"):
            await screen.shows(words)
        rows = {line.split()[0]: line for line in screen.shown().splitlines() if line.strip()}
        assert "▲ 12 records lost" in rows["amber-finch"]
        assert "✓" not in rows["brave-otter"]
        assert "✓" not in rows["grey-lynx"]
