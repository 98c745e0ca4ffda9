"""A form that nobody has touched: shown as it stands in run.toml, and checked from the first key on."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import Run, read_status
from gradtop.trainer.record.status import write_status
from gradtop.tui.screens.tune import draft_loader
from tests.tui.screens.tune.tuning import LR, opened


@pytest.fixture(autouse=True)
def nothing_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a screen that was just opened; in the process of the tests the declarations are there."""
    monkeypatch.setattr(draft_loader, "DRAFT", "gradtop.not.imported")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_it_looks_as_it_does_once_it_is_checked(tmp_path: Path, run: Run, size: tuple[int, int]) -> None:
    async with opened(tmp_path, size=size, run=run) as screen:
        await screen.until(lambda: "2e-3" in screen.shown(), "the form")
        before = screen.shown()
        assert screen.form.draft is not None
        assert not screen.form.draft.checked
        assert screen.tune.ready() is screen.form.draft
        await screen.pilot.pause()
        assert screen.shown() == before


async def test_it_has_what_was_applied_live(tmp_path: Path, run: Run) -> None:
    write_status(run, read_status(run)._replace(changes={LR: 7e-4}))
    async with opened(tmp_path, run=run) as screen:
        assert screen.form.draft is not None
        assert not screen.form.draft.checked
        assert screen.form.draft.text(screen.form.draft.fields()[LR]) == "7e-4"


async def test_the_first_key_has_it_checked_beside_the_screen(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("down")
        await screen.until(lambda: screen.form.draft is not None and screen.form.draft.checked, "the check")
        assert not screen.draft.changes_something


async def test_who_stays_has_it_checked_without_a_key(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_loader, "STAYS", 0.05)
    async with opened(tmp_path, run=run) as screen:
        await screen.until(lambda: screen.form.draft is not None and screen.form.draft.checked, "the check")


async def test_what_is_typed_at_once_is_checked_at_once(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("enter")
        await screen.type("3e-")
        assert 'must be a number > 0, not "3e-"' in screen.shown()
        await screen.type("4")
        assert "2e-3 → 3e-4" in screen.shown()


async def test_it_starts_at_once(tmp_path: Path, run: Run) -> None:
    async with opened(tmp_path, run=run) as screen:
        await screen.press("ctrl+s")
        await screen.until(lambda: bool(screen.starter.started), "the start")
        assert screen.starter.started[0][0].optimizer.lr == 2e-3


async def test_a_wrong_value_in_the_file_is_said_as_soon_as_it_is_checked(tmp_path: Path, run: Run) -> None:
    run.config.write_text(run.config.read_text().replace("lr = 0.002", "lr = -0.002"))
    async with opened(tmp_path, run=run) as screen:
        await screen.press("down")
        await screen.until(lambda: "run.toml of quiet-heron is invalid" in screen.shown(), "the problem")
        assert "optimizer.lr: must be a number > 0, not -2e-3" in screen.words()


async def test_a_wrong_value_keeps_a_run_from_being_started(tmp_path: Path, run: Run) -> None:
    run.config.write_text(run.config.read_text().replace("lr = 0.002", "lr = -0.002"))
    async with opened(tmp_path, run=run) as screen:
        await screen.press("ctrl+s")
        await screen.until(lambda: "run.toml of quiet-heron is invalid" in screen.shown(), "the problem")
        assert screen.starter.started == []


async def test_what_an_older_version_wrote_is_checked_before_it_is_shown(tmp_path: Path, run: Run) -> None:
    text = run.config.read_text()
    run.config.write_text(text.replace("clip = 5.0\n", ""))
    async with opened(tmp_path, run=run) as screen:
        assert screen.form.draft is not None
        assert screen.form.draft.checked
        assert screen.text("training.clip") == "0"
