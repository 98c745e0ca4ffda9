"""The command palette, closed as fast as a hand can."""

from __future__ import annotations

from pathlib import Path

from rich.style import Style
from textual import events
from textual.command import CommandList
from textual.widgets import OptionList

from gradtop.trainer.record import Run
from gradtop.tui.framework.palette import Palette
from tests.tui.piloting import piloted


async def test_a_palette_that_is_closed_while_it_looks_for_commands_fails_nothing(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        for _ in range(3):
            screen.app.action_command_palette()
            palette = screen.app.screen
            assert isinstance(palette, Palette)
            await screen.press("escape")
            assert not isinstance(screen.app.screen, Palette)
            palette._watch__list_visible()  # as Textual does when the search ends
            await palette._watch__show_busy()
        await screen.press("ctrl+p")
        await screen.shows("Search for commands")


async def test_a_palette_that_is_closed_before_its_search_has_begun_or_found_nothing_fails_nothing(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.press("ctrl+p", "e")
        palette = screen.app.screen
        assert isinstance(palette, Palette)
        palette._start_no_matches_countdown("e")
        assert palette._no_matches_timer is not None
        late = palette._no_matches_timer._callback
        await screen.press("escape")
        assert late is not None
        late()  # as on a busy machine
        assert palette.query_one(CommandList).option_count == 0
        await screen.shows("quiet-heron")


async def test_what_was_dismissed_takes_nothing_with_it_when_a_second_key_comes(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.press("s")
        question, mode = screen.app.screen, screen.app.screen_stack[0]
        question.dismiss(False)
        question.dismiss(True)
        screen.app.action_command_palette()
        palette = screen.app.screen
        palette.dismiss()
        await palette.dismiss()
        assert screen.app.screen is mode


async def test_a_page_of_a_list_that_has_no_lines_yet_is_none(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        options = OptionList("one", "two")
        options._move_page(1)
        options._move_page(-1)
        await screen.press("ctrl+p", "pageup", "pagedown")
        screen.app.screen.query_one(CommandList).clear_options()
        await screen.press("pageup", "pagedown", "escape")


async def test_a_palette_opens_before_the_one_that_was_just_closed_is_gone_or_while_another_mode_has_one(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        screen.app.action_command_palette()
        closed = screen.app.screen
        closed.dismiss()
        assert closed.is_attached  # it goes in a task of its own, for which no key waits
        screen.app.action_command_palette()
        assert isinstance(screen.app.screen, Palette)
        await screen.shows("Search for commands")
        screen.app.action_mode("runs")
        await screen.until(lambda: not isinstance(screen.app.screen, Palette), "the other mode")
        await screen.press("ctrl+p")
        assert isinstance(screen.app.screen, Palette)


async def test_a_click_on_a_command_that_what_was_typed_has_just_taken_away_chooses_none(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.press("ctrl+p")
        await screen.shows("Loss, accuracy, gradient norm")
        options = screen.app.screen.query_one(CommandList)
        last, (x, y) = Style.from_meta({"option": options.option_count - 1}), options.content_region.offset
        options.clear_options()
        options.post_message(events.Click(options, 0, 0, 0, 0, 1, False, False, False, screen_x=x, screen_y=y, style=last))
        await screen.pilot.pause()
        assert isinstance(screen.app.screen, Palette)
