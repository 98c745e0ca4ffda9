"""Runs are renamed and deleted."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.record import RecordError, Run, read_meta
from gradtop.tui.dialogs.confirm import Confirm
from gradtop.tui.dialogs.rename import Rename
from tests.tui.piloting import piloted
from tests.tui.screens.runs.family import Family, go, opened, order, order_names


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
        # Without its folder, whose length says where the lines break.
        raise RecordError(f"{run.meta.name}: Read-only file system.")

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
        await screen.until(lambda: screen.app.current_mode == "overview", "the Overview")
        await screen.until(lambda: screen.app.watched not in {None, family.died}, "the run that the cursor stood on")


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
