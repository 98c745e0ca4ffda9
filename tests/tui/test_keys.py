from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from textual.actions import parse
from textual.binding import Binding
from textual.color import Color
from textual.screen import Screen
from textual.widget import Widget

from gradtop.trainer.record import Run
from gradtop.tui import keys
from gradtop.tui.app import GradtopApp
from gradtop.tui.dialogs.compare import Compare
from gradtop.tui.dialogs.confirm import Confirm
from gradtop.tui.dialogs.help import Help
from gradtop.tui.dialogs.log import Log
from gradtop.tui.dialogs.overlay import Overlay
from gradtop.tui.theme import LIGHT
from tests.tui.init_fixture import init_run
from tests.tui.piloting import Piloted, piloted
from tests.tui.profile_fixture import profile_run
from tests.tui.prune_fixture import prune_run
from tests.tui.quantize_fixture import quantize_run
from tests.tui.range_fixture import range_run
from tests.tui.runs_fixture import fake_run, living_run
from tests.tui.sensitivity_fixture import sensitivity_run
from tests.tui.size_fixture import size_run
from tests.tui.speed_fixture import speed_run

MODES = [mode.name for mode in keys.all_modes()]


@pytest.fixture
def run(runs: Path, request: pytest.FixtureRequest) -> Run:
    """A training, or in the mode of another job a run of that."""
    mode = request.node.callspec.params.get("mode") if hasattr(request.node, "callspec") else ""
    match mode:
        case "lr_range":
            return range_run(runs)
        case "batch_size":
            return size_run(runs)
        case "prune":
            return prune_run(runs)
        case "quantize":
            return quantize_run(runs)
        case "speed":
            return speed_run(runs)
        case "init_comparison":
            return init_run(runs)
        case "profile":
            return profile_run(runs)
        case "sensitivity":
            return sensitivity_run(runs)
    return fake_run(runs)[0]


def method(action: str) -> str:
    return f"action_{parse(action)[1]}"


def owner(action: str, app: GradtopApp) -> object:
    return app if parse(action)[0] == "app" else app.screen


async def entered(piloted: Piloted, mode: str) -> None:
    piloted.app.action_mode(mode)
    await piloted.until(lambda: piloted.app.current_mode == mode and piloted.mode.mode == mode, mode)
    await piloted.pilot.pause()


@pytest.mark.parametrize("mode", MODES)
async def test_the_keys_of_the_table_are_bound_what_is_bound_stands_in_the_table_and_the_help_lists_it(tmp_path: Path, run: Run, mode: str) -> None:
    async with piloted(tmp_path, run, mode=mode, size=(120, 140)) as screen:
        assert_bound_to_actions_that_exist(screen, mode)
        assert_widgets_bind_the_others(screen, mode)
        assert_every_binding_is_in_the_help(screen, mode)
        await assert_the_help_lists_every_key(screen, mode)


def assert_bound_to_actions_that_exist(screen: Piloted, mode: str) -> None:
    bound = {(binding.key, binding.action) for _node, binding in _all_bindings(screen.mode)}
    for key in (*keys.app_keys(), *(key for key in keys.mode_keys(mode) if key.bound)):
        assert hasattr(owner(key.action, screen.app), method(key.action)), key
        for each in key.key.split(","):
            assert (each, key.action) in bound, key


def assert_widgets_bind_the_others(screen: Piloted, mode: str) -> None:
    """Keys of the table that are bound neither on the screen nor in the app are bound in one of its widgets."""
    here = [(widget, binding) for widget in screen.mode.query(Widget) for binding in _own(widget)]
    handlers = _sources(screen.mode)
    for key in keys.mode_keys(mode):
        if not key.bound:
            bound = {binding.key for widget, binding in here if hasattr(widget, method(binding.action))}
            for each in key.key.split(","):
                assert each in bound or re.search(rf'"{each}"', handlers), key


def assert_every_binding_is_in_the_help(screen: Piloted, mode: str) -> None:
    """What is bound on the screen or in the app stands in the table, and so in the help, the footer and the README."""
    known = {each for key in keys.KEYS if not key.modes or mode in key.modes for each in key.key.split(",")}
    for node, binding in _all_bindings(screen.mode):
        if node is screen.mode or node is screen.app:
            assert binding.key in known | {"super+c"}, binding


async def assert_the_help_lists_every_key(screen: Piloted, mode: str) -> None:
    await screen.press("question_mark")
    await screen.until(lambda: isinstance(screen.app.screen, Help), "the help")
    await screen.pilot.pause()
    shown = screen.shown()
    for _title, rows in keys.groups(mode):
        for row in rows:
            assert f"{row.name}  {row.help[:30]}" in shown
    await screen.press("escape")
    await screen.until(lambda: not isinstance(screen.app.screen, Help), "the mode again")


async def opened(screen: Piloted, dialog: type[Screen[Any]]) -> None:
    await screen.until(lambda: isinstance(screen.app.screen, dialog), dialog.__name__)


async def test_the_help_of_a_dialog_lists_its_keys_and_leads_back_to_it(tmp_path: Path, run: Run) -> None:
    fake_run(tmp_path / "runs", name="amber-finch")
    async with piloted(tmp_path, run, mode="runs") as screen:
        await screen.shows("quiet-heron")
        await screen.shows("amber-finch")
        await screen.press("m", "j", "m")
        dialogs: list[tuple[str, type[Screen[Any]], list[str]]] = [
            ("L", Log, ["y  Copy the path of the log.", "↓ j  One line down."]),
            ("x", Compare, ["esc q x enter  Back to the list.", "pgdn  One page down."]),
            ("v", Overlay, ["+  Zoom in", "enter  Show the focused chart alone."]),
            ("a", Confirm, ["y  Confirm.", "n esc q  Cancel."]),
        ]
        for key, dialog, words in dialogs:
            await screen.press(key)
            await opened(screen, dialog)
            await screen.press("question_mark")
            await screen.shows("keys in th")
            assert [word for word in words if word not in screen.shown()] == []
            await screen.press("escape")
            await opened(screen, dialog)
            await screen.press("escape")
            await screen.until(lambda: screen.app.screen is screen.mode, "the list")


async def test_the_help_begins_at_its_top_each_time_and_follows_size_and_theme(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run, mode="tune") as screen:
        first = keys.groups("tune")[0][1][0].help[:30]
        await screen.press("question_mark")
        await screen.shows(first)
        await screen.press("end")
        await screen.until(lambda: first not in screen.shown(), "its end")
        await screen.press("escape")
        await screen.until(lambda: not isinstance(screen.app.screen, Help), "the mode again")
        await screen.press("ctrl+t")
        await screen.pilot.resize_terminal(80, 24)
        await screen.press("question_mark")
        await screen.shows(first)
        assert screen.app.screen.size == (80, 24)
        assert screen.app.screen.styles.background == Color.parse(LIGHT.background or "")
        await screen.press("escape", "1", "question_mark")
        await screen.shows("keys in 1 Overview")


async def test_every_number_key_opens_its_mode_and_the_run_goes_with_it(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        for mode in (*keys.MODES, *reversed(keys.MODES)):
            await screen.press(mode.number)
            await screen.until(lambda mode=mode: screen.app.current_mode == mode.name, mode.name)  # type: ignore[misc]
            await screen.shows("quiet-heron")
            assert f"{mode.number} {mode.title}" in screen.keybar()
        await screen.press("e")
        await screen.until(lambda: screen.app.current_mode == "tune", "tune")


async def test_where_no_run_is_selected_the_key_bar_names_no_key_of_the_mode(tmp_path: Path) -> None:
    async with piloted(tmp_path, None) as screen:
        for mode in (*keys.MODES, *keys.PAGES):
            if mode.name in {"tune", "runs", "search"}:  # these need none
                continue
            await entered(screen, mode.name)
            await screen.shows("No run is selected")
            await screen.until(lambda: "? help" in screen.keybar(), "the key bar")
            named = [words for key in keys.mode_keys(mode.name) if (words := f"{key.name} {key.label}" if key.footer else key.spare and f"{keys.in_bar(key)} {key.spare}")]
            assert [words for words in [*named, "tab"] if f" {words} " in screen.keybar()] == []


async def test_the_way_out_of_an_enlarged_chart_is_named_in_a_small_terminal_too(tmp_path: Path) -> None:
    async with piloted(tmp_path, living_run(tmp_path / "runs", log="x")[0], size=(80, 24), clock=time.time) as screen:
        await screen.until(lambda: "space pause" in screen.keybar(), "the keys of a live run")
        await screen.press("enter")
        await screen.until(lambda: "esc back" in screen.keybar(), "the way out")
        assert "space pause" in screen.keybar()


def test_keys_are_named_once_a_mode_and_ids_once() -> None:
    assert len({key.id for key in keys.KEYS}) == len(keys.KEYS)
    for mode in MODES:
        bound = [each for key in (*keys.app_keys(), *keys.mode_keys(mode)) if key.bound for each in key.key.split(",")]
        assert {key for key in bound if bound.count(key) > 1} <= {"escape"}  # a mode may say more precisely what it comes out of


def test_every_key_says_what_it_does() -> None:
    for key in keys.KEYS:
        assert key.help.endswith("."), key
        assert key.label, key
        assert set(key.modes) <= {mode.name for mode in keys.all_modes()}
        assert f"| `{key.name}` |" in keys.markdown()


def _own(node: object) -> list[Binding]:
    return [binding for bindings in node._bindings.key_to_bindings.values() for binding in bindings]  # type: ignore[attr-defined]


def _all_bindings(mode: Widget) -> list[tuple[object, Binding]]:
    return [(node, binding) for node in (mode, mode.app) for binding in _own(node)]


def _sources(mode: Widget) -> str:
    """The modules of everything on a screen: some widgets ask for their keys by name as they are typed."""
    modules = {type(widget).__module__ for widget in (mode, *mode.query(Widget))}
    return "".join(Path(str(sys.modules[name].__file__)).read_text(encoding="utf-8") for name in modules if name.startswith("gradtop.tui."))
