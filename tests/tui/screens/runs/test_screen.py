from __future__ import annotations

import os
import shutil
import stat
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette

from gradtop.trainer.analysis.compare import compare
from gradtop.trainer.config import parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Inbox, RecordError, Run, read_meta, read_status, write_meta, write_status
from gradtop.tui.cli.main import parse
from gradtop.tui.dialogs.choose import Choose
from gradtop.tui.dialogs.compare import Compare, composed
from gradtop.tui.dialogs.confirm import Confirm
from gradtop.tui.dialogs.rename import Rename
from gradtop.tui.screens.overview.screen import Overview
from gradtop.tui.screens.runs.model import USES
from gradtop.tui.screens.runs.screen import Runs
from gradtop.tui.ui_state import UiState
from gradtop.tui.widgets.table import Table
from tests.tui.piloting import Piloted, Starts, piloted
from tests.tui.quantize_fixture import quantize_run
from tests.tui.runs_fixture import NOW, Grower, fake_run


class Family:
    """A run that trains, one that it came from, one that died and one that failed."""

    def __init__(self, runs: Path) -> None:
        self.done, _ = fake_run(runs, "amber-finch", state="done", steps=400, created=NOW - 4000)
        self.stopped, _ = fake_run(
            runs, "tidy-wren", state="stopped", steps=300, created=NOW - 3600, parent=self.done, changes=[("optimizer.lr", 1e-3, 3e-4)], lr=3e-4
        )
        self.died, _ = fake_run(runs, "grey-lynx", state="died", steps=50, created=NOW - 2400, log="epoch 0\nKilled by the kernel\n")
        sentence = "out of memory on cuda:0 with batch_size 512"
        self.failed, _ = fake_run(runs, "brave-otter", state="failed", steps=20, created=NOW - 1200, error=sentence)
        self.training: Run
        self.grower: Grower
        self.training, self.grower = fake_run(runs, "quiet-heron", created=NOW - 30.1)


@pytest.fixture
def family(runs: Path) -> Family:
    return Family(runs)


def order(screen: Piloted) -> list[str]:
    mode = screen.mode
    assert isinstance(mode, Runs)
    return [read_meta(mode._rows[key].run).name for key in mode.table.keys]


async def go(screen: Piloted, run: Run) -> None:
    """Put the cursor on a run."""
    mode = screen.mode
    assert isinstance(mode, Runs)
    await screen.until(lambda: run.id in mode.table.keys, run.id)
    mode.table.go(run.id)
    await screen.pilot.pause()


async def opened(screen: Piloted) -> None:
    await screen.shows("amber-finch")


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


@pytest.mark.parametrize("key", ["r", "a"])
async def test_r_resumes_and_a_runs_again_after_a_question(tmp_path: Path, family: Family, key: str) -> None:
    starts = Starts()
    async with piloted(tmp_path, family.training, mode="runs", launcher=starts) as screen:
        await opened(screen)
        await go(screen, family.stopped)
        await screen.press(key)
        if key == "a":
            await screen.shows("Start tidy-wren again?")
            assert ("rerun", family.stopped) not in starts.asked
            await screen.press("y")
        await screen.until(lambda: ("resume" if key == "r" else "rerun", family.stopped) in starts.asked, "the start")
        await screen.until(lambda: screen.app.watched == family.stopped, "the run")


async def test_what_cannot_be_resumed_or_deleted_is_not_offered(tmp_path: Path, family: Family) -> None:
    starts = Starts()
    async with piloted(tmp_path, None, mode="runs", launcher=starts) as screen:
        await opened(screen)
        for run, resumable, deletable in (
            (family.training, False, False),
            (family.done, False, True),
            (family.stopped, True, True),
            (family.died, True, True),
            (family.failed, True, True),
        ):
            await go(screen, run)
            assert bool(screen.app.check_action("resume", ())) == resumable
            assert bool(screen.mode.check_action("delete", ())) == deletable
        await go(screen, family.training)
        await screen.press("r", "d")
        assert not [what for what, _run in starts.asked if what == "resume"]
        assert screen.app.screen is screen.mode


class Refusing(Starts):
    def resume(self, run: Run) -> Run:
        raise RecordError("it has no checkpoint to go on from")


async def test_why_a_run_was_not_resumed_is_told(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.training, mode="runs", launcher=Refusing()) as screen:
        await opened(screen)
        await go(screen, family.failed)
        await screen.press("r")
        await screen.shows("it has no checkpoint to go on from")
        assert screen.app.watched == family.training


def told(screen: Piloted, sentence: str) -> bool:
    return any(sentence in each.message for each in screen.app._notifications)


@pytest.mark.parametrize("key", ["P", "Q"])
async def test_why_a_run_is_not_pruned_or_quantized_is_told(tmp_path: Path, runs: Path, key: str) -> None:
    trained, _ = fake_run(runs, "amber-finch", state="done", steps=40)
    tested = create_run(runs, parse_config("", job="lr_range"), name="tidy-wren")
    quantized = quantize_run(runs, parent=trained)
    starts = Starts()
    async with piloted(tmp_path, None, mode="runs", launcher=starts) as screen:
        for run, sentence in (
            (trained, "has no checkpoint yet"),
            (tested, "tidy-wren is a learning-rate range test, which leaves no checkpoint; name a run that trained"),
            (quantized, "swift-otter is a quantization run, whose checkpoint holds integers; name the run that trained"),
        ):
            await go(screen, run)
            await screen.press(key)
            await screen.until(partial(told, screen, sentence), sentence)
    assert not [what for what, _run in starts.asked if what == "start"]


async def test_n_renames_a_run_whose_directory_stays(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.training, mode="runs") as screen:
        await opened(screen)
        await go(screen, family.stopped)
        await screen.press("n")
        await screen.until(lambda: isinstance(screen.app.screen, Rename), "the question")
        await screen.press("ctrl+a", "ctrl+k", *"l/ast", "enter")
        await screen.shows("A name has 1 to 60 printable characters")
        await screen.press("ctrl+a", "ctrl+k", *"best", "enter")
        await screen.shows("tidy-wren renamed to best")
        await screen.until(lambda: "best" in order(screen), "the name")
        assert read_meta(family.stopped).name == "best"
        assert family.stopped.path.is_dir()


async def test_escape_leaves_the_name(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await opened(screen)
        await go(screen, family.stopped)
        await screen.press("n", "x", "escape")
        assert screen.app.screen is screen.mode
        assert read_meta(family.stopped).name == "tidy-wren"


async def test_a_name_that_cannot_be_written_is_told(tmp_path: Path, family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(run: Run, _name: str) -> None:
        raise RecordError(f"{run.meta}: cannot be written: Read-only file system.")

    monkeypatch.setattr("gradtop.tui.screens.runs.changes.rename_run", refuse)
    async with piloted(tmp_path, None, mode="runs") as screen:
        await opened(screen)
        await go(screen, family.stopped)
        await screen.press("n", "x", "enter")
        await screen.shows("Read-only file system")


async def test_d_asks_moves_the_run_to_the_trash_and_says_how_to_bring_it_back(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.training, mode="runs") as screen:
        await opened(screen)
        await go(screen, family.died)
        await screen.press("d")
        await screen.shows("Delete grey-lynx?")
        await screen.press("n")
        assert family.died.path.is_dir()
        await screen.press("d")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        await screen.press("y")
        await screen.shows("To restore it: mv")
        await screen.until(lambda: "grey-lynx" not in order_names(screen), "the list")
        assert (family.died.path.parent / ".trash" / family.died.id).is_dir()
        assert screen.app.watched == family.training


def order_names(screen: Piloted) -> list[str]:
    mode = screen.mode
    assert isinstance(mode, Runs)
    return [row.name for row in mode._rows.values()]


async def test_deleting_the_watched_run_is_no_accident(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.died, mode="runs") as screen:
        await opened(screen)
        await screen.press("d")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        await screen.press("y")
        await screen.until(lambda: "grey-lynx" not in order_names(screen), "the list")
        assert screen.app.watched is None
        assert "was deleted" not in screen.shown()
        await screen.press("1")
        await screen.shows("No run is selected")


async def test_a_run_that_came_to_life_meanwhile_is_not_deleted(tmp_path: Path, family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    async with piloted(tmp_path, family.died, mode="runs") as screen:
        await opened(screen)
        await screen.press("d")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")

        def refuse(run: Run) -> Path:
            raise RecordError(f"{run.id} is training: stop it first.")

        monkeypatch.setattr("gradtop.tui.screens.runs.deletion.trash_run", refuse)
        await screen.press("y")
        await screen.shows("is training: stop it first.")
        assert family.died.path.is_dir()
        await screen.until(lambda: screen.app.watched == family.died, "the watched run")


async def test_o_changes_the_order_which_is_remembered(tmp_path: Path, family: Family) -> None:
    memory = UiState(tmp_path / "memory.json")
    async with piloted(tmp_path, None, mode="runs", memory=memory) as screen:
        await opened(screen)
        await screen.press("o")
        await screen.until(lambda: order_names(screen)[0] == "quiet-heron" and "└" not in screen.shown(), "the best first")
        assert "sort: best" in screen.keybar()
        await screen.press("o")
        await screen.until(lambda: order_names(screen) == sorted(order_names(screen)), "by name")
        assert memory.get("runs.sort") == "name"
    async with piloted(tmp_path, None, mode="runs", memory=memory) as screen:
        await screen.until(lambda: order_names(screen)[:1] == ["amber-finch"], "by name")


async def test_a_filter_finds_words_of_name_state_and_change(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await opened(screen)
        await screen.press("slash", *"memory", "enter")
        await screen.until(lambda: order_names(screen) == ["brave-otter"], "the match")
        assert "1 of 5" in screen.shown()
        await screen.press("escape")
        await screen.until(lambda: len(order_names(screen)) == 5, "all")


async def test_y_copies_the_path_of_the_row(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await opened(screen)
        await go(screen, family.failed)
        await screen.press("y")
        assert screen.app.clipboard == str(family.failed.path)


async def test_an_empty_list_says_how_to_start_a_run(tmp_path: Path, runs: Path) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await screen.shows("6 starts one, or: gradtop train configs/digits.toml")
        for key in ("enter", "r", "a", "n", "d", "s"):
            await screen.press(key)
        assert screen.app.screen is screen.mode


async def test_names_and_last_words_are_data(tmp_path: Path, runs: Path) -> None:
    run, _ = fake_run(runs, "plain", state="failed", steps=5, error="\x1b[2J[red]漢字[/red] " + "x" * 10_000)
    write_meta(run, replace(read_meta(run), name="[b]漢字[/b]\x1b[2J"))
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


async def test_no_file_is_touched_in_the_screens_thread(tmp_path: Path, family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    touched: list[str] = []
    real: Any = os.rename

    def rename(*arguments: Any, **more: Any) -> None:
        touched.append(threading.current_thread().name)
        real(*arguments, **more)

    monkeypatch.setattr(os, "rename", rename)
    async with piloted(tmp_path, None, mode="runs") as screen:
        await opened(screen)
        await go(screen, family.died)
        await screen.press("d")
        await screen.until(lambda: isinstance(screen.app.screen, Confirm), "the question")
        await screen.press("y")
        await screen.until(lambda: not family.died.path.exists(), "the move")
    assert touched
    assert threading.main_thread().name not in touched
    assert stat.S_IMODE((family.died.path.parent / ".trash").stat().st_mode) == 0o700


async def test_a_marked_run_is_compared_with_the_one_under_the_cursor(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.training, mode="runs") as screen:
        mode = screen.mode
        assert isinstance(mode, Runs)
        await screen.until(lambda: mode.row is not None, "the rows")
        assert mode.check_action("compare", ()) is None
        await screen.press("m")
        await screen.shows("= quiet-heron")
        mode.table.go(family.stopped.id)
        await screen.press("x")
        await screen.until(lambda: isinstance(screen.app.screen, Compare), "the comparison")
        await screen.shows("optimizer")
        await screen.shows("3e-4")
        await screen.press("escape")
        await screen.until(lambda: not isinstance(screen.app.screen, Compare), "the list")


async def test_a_key_with_two_names_stands_in_the_bar_once(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.stopped, mode="runs", size=(200, 40)) as screen:
        await opened(screen)
        await screen.until(lambda: "x compare" in screen.keybar(), "the key")
        assert screen.keybar().count("compare") == 1


def test_what_cannot_be_read_of_a_run_stands_below_the_names_of_both(family: Family) -> None:
    family.stopped.config.write_text("[")
    found = compare(family.training, family.stopped)
    texts = ["".join(text for text, _tone in line) for line in composed(found, 60)]
    assert " ".join(" ".join(texts[1:3]).split()).startswith(f"{family.stopped.id}: run.toml cannot be read: ")
    assert texts[3:4] != texts[1:2]
    assert sum("cannot be read" in text for text in texts) == 1


async def test_without_a_mark_a_run_is_compared_with_its_parent(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.stopped, mode="runs") as screen:
        await screen.until(lambda: isinstance(screen.mode, Runs) and screen.mode.row is not None, "the rows")
        await screen.press("equals_sign")
        await screen.until(lambda: isinstance(screen.app.screen, Compare), "the comparison")
        await screen.shows("amber-finch")


async def test_a_run_is_compared_with_a_parent_that_the_filter_hides(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.training, mode="runs") as screen:
        await opened(screen)
        await screen.press("slash", *"wren", "enter")
        await screen.until(lambda: order(screen) == ["tidy-wren"], "the filtered list")
        await screen.press("x")
        await screen.until(lambda: isinstance(screen.app.screen, Compare), "both side by side")
        await screen.shows("amber-finch")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_why_a_run_failed_is_read_to_its_end(tmp_path: Path, runs: Path, size: tuple[int, int]) -> None:
    why = "step 3: the loss is not finite; training ended before the step changed the weights. Try a smaller learning rate, a warm-up or gradient clipping."
    run, _ = fake_run(runs, "brave-otter", state="failed", steps=3, error=why)
    async with piloted(tmp_path, run, mode="runs", size=size) as screen:
        await screen.shows("y copies the path")
        assert why in " ".join(" ".join(screen.shown().splitlines()[-5:]).split())


async def test_f_opens_tune_over_the_run(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.stopped, mode="runs") as screen:
        await screen.until(lambda: isinstance(screen.mode, Runs) and screen.mode.row is not None, "the rows")
        await screen.press("f")
        await screen.until(lambda: screen.app.current_mode == "tune" and screen.app.watched == family.stopped, "the form")


async def test_a_click_on_a_column_and_two_keys_sort_by_it_and_once_more_the_other_way_round(tmp_path: Path, family: Family) -> None:
    memory = UiState(tmp_path / "memory.json")
    async with piloted(tmp_path, None, mode="runs", memory=memory) as screen:
        await opened(screen)
        mode = screen.mode
        assert isinstance(mode, Runs)
        heads = screen.shown().splitlines()[2]
        by_state = ["grey-lynx", "amber-finch", "brave-otter", "tidy-wren", "quiet-heron"]
        await screen.pilot.click(Table, offset=(heads.index("state"), 0))
        await screen.until(lambda: order(screen) == by_state, "the order by state")
        await screen.shows("state▴")
        await screen.pilot.click(Table, offset=(heads.index("state"), 0))
        await screen.until(lambda: order(screen) == by_state[::-1], "the other way round")
        await screen.shows("state▾")
        await screen.press("less_than_sign")
        await screen.until(lambda: order(screen) == sorted(by_state), "the order by name")
        assert memory.get("runs.sort") == "name"
        await screen.press("greater_than_sign", "greater_than_sign")
        await screen.until(lambda: order(screen)[0] == "quiet-heron", "the newest first")


async def test_the_keys_of_lists_are_those_of_other_terminal_programs(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, None, mode="runs", size=(120, 12)) as screen:
        await screen.shows("quiet-heron")
        mode = screen.mode
        assert isinstance(mode, Runs)
        places = []
        for key in ("G", "k", "g", "j", "ctrl+d", "ctrl+u"):
            await screen.press(key)
            places.append(mode.table.keys.index(mode.table.key))
        assert places == [4, 3, 0, 1, 1 + mode.table._rows.page // 2, 1]


async def test_a_colon_opens_the_palette_and_is_a_letter_of_a_filter(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, None, mode="runs") as screen:
        await opened(screen)
        await screen.press("slash", "colon")
        await screen.until(lambda: screen.mode.view().filter == ":", "the filter")  # type: ignore[attr-defined]
        await screen.press("escape", "colon")
        await screen.until(lambda: isinstance(screen.app.screen, CommandPalette), "the palette")


async def test_each_run_in_view_says_what_is_wrong_with_it(tmp_path: Path, family: Family) -> None:
    run = family.done
    write_status(run, replace(read_status(run), dropped=12))
    async with piloted(tmp_path, None, mode="runs", size=(200, 50)) as screen:
        for words in ("▲ 12 records lost", "accuracy", "model"):
            await screen.shows(words)
        rows = {line.split()[0]: line for line in screen.shown().splitlines() if line.strip()}
        assert "▲ 12 records lost" in rows["amber-finch"]
        assert "✓" not in rows["brave-otter"]
        assert "✓" not in rows["grey-lynx"]


async def test_the_model_of_a_run_is_evaluated_and_exported_by_the_commands(tmp_path: Path, family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, str, str]] = []
    shutil.rmtree(family.done.checkpoints)
    async with piloted(tmp_path, family.training, mode="runs") as screen:
        monkeypatch.setattr(screen.app, "notify", lambda text, *, title="", severity="information", **_: said.append((title, text, severity)))
        await go(screen, family.done)
        await screen.press("E")
        await screen.until(lambda: isinstance(screen.app.screen, Choose), "the choice")
        await screen.press("down", "enter")
        await screen.until(lambda: len(said) == 2, "the answer")
    assert said[0] == ("", "amber-finch: export safetensors …", "information")
    assert said[1] == ("amber-finch: export safetensors", f"{family.done.id} has no checkpoint yet. Write one: gradtop checkpoint {family.done.id}", "error")


def test_what_can_be_chosen_are_commands() -> None:
    for words in USES.values():
        assert parse([*words, "last"]).run == "last"
