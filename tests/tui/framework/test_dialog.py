from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.screen import ModalScreen

import gradtop.tui
from gradtop.trainer.analysis.compare import compare
from gradtop.trainer.record import Run
from gradtop.tui.dialogs.compare import Compare
from gradtop.tui.dialogs.help import Help
from gradtop.tui.framework.dialog import Dialog
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import Grower


async def test_a_dialog_that_opens_or_comes_back_is_not_styled_a_second_time(tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch) -> None:
    styled: Counter[int] = Counter()
    apply = Stylesheet.apply

    def counted(self: Stylesheet, node: DOMNode, **options: Any) -> None:
        styled[id(node)] += 1
        apply(self, node, **options)

    async with piloted(tmp_path, training[0]) as screen:
        app = screen.app
        monkeypatch.setattr(Stylesheet, "apply", counted)
        await screen.press("question_mark")
        await screen.until(lambda: isinstance(app.screen, Help) and app.screen.query("KeyRows"), "the help")
        await screen.pilot.pause()
        rows = [id(node) for node in app.screen.query("KeyRows")]
        assert {styled[node] for node in rows} == {2}  # as they are mounted, and as what they are in takes the focus
        dialog = app.screen
        app.push_screen(Compare(training[0], training[0]))
        await screen.until(lambda: isinstance(app.screen, Compare), "another dialog over it")
        app.pop_screen()
        await screen.until(lambda: app.screen is dialog, "the help again")
        await screen.pilot.pause()
        assert {styled[node] for node in rows} == {2}


async def test_what_is_found_for_a_dialog_that_closes_is_left(tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch) -> None:
    async with piloted(tmp_path, training[0]) as screen:
        app = screen.app
        monkeypatch.setattr(app.poll, "do", lambda read: None)
        dialog = Compare(training[0], training[0])
        await app.push_screen(dialog)
        await app.pop_screen()
        assert not dialog.query("Side")
        await dialog._on_message(Compare.Read(compare(training[0], training[0])))
        assert dialog.found is None


def test_every_dialog_is_one() -> None:
    root = Path(gradtop.tui.__file__).parent
    assert [path.name for path in root.rglob("*.py") if "ModalScreen" in path.read_text()] == ["dialog.py"]
    assert issubclass(Dialog, ModalScreen)
