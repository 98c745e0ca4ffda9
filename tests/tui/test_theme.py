from __future__ import annotations

import re
from pathlib import Path

import pytest
import textual
from textual.color import Color

from gradtop import tui
from gradtop.trainer.record import RunState
from gradtop.tui.app import GradtopApp
from gradtop.tui.framework.states import SYMBOLS, tone
from gradtop.tui.theme import ANSI_DARK, ANSI_LIGHT, DARK, LIGHT, THEMES
from gradtop.tui.ui_state import UiState
from tests.tui.piloting import Starts

SOURCES = [path for folder in (tui, textual) for path in Path(folder.__file__ or "").parent.rglob("*") if path.suffix in {".tcss", ".py"}]
# Names that stand in CSS where the rest of the rule says what the theme must have.
VARIABLE = re.compile(r"(?:color|background|border[a-z-]*|tint|outline|style|hatch)[a-z-]*:[^;{}\n]*?\$([a-z][a-z0-9-]*)")
DRAWN = re.compile(r'Tone\("([a-z][a-z0-9-]*)"')
WORDS = ("foreground", "muted", "primary", "success", "warning", "error", *(f"line-{letter}" for letter in "abcdefgh"))


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_every_variable_that_is_used_is_there_in_every_theme(tmp_path: Path, theme: textual.theme.Theme) -> None:
    app = GradtopApp(None, tmp_path, memory=UiState(tmp_path / "memory.json"), launcher=Starts())
    app.theme = theme.name
    used = {name for path in SOURCES for pattern in (VARIABLE, DRAWN) for name in pattern.findall(path.read_text(encoding="utf-8"))}
    assert {"line-a", "muted", "block-cursor-text-style"} <= used
    assert used - set(app.get_css_variables()) == set()


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("ground", ["background", "panel"])
def test_text_can_be_read(theme: textual.theme.Theme, word: str, ground: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of at least 4.5 to 1."""
    colours = theme.to_color_system().generate() | theme.variables
    assert contrast(Color.parse(colours[word]), Color.parse(colours[ground])) >= 4.5


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_the_cursor_can_be_read(theme: textual.theme.Theme) -> None:
    fore, back = (Color.parse(theme.variables[f"block-cursor-{what}"]) for what in ("foreground", "background"))
    assert contrast(fore, back) >= 7


@pytest.mark.parametrize("theme", [ANSI_DARK, ANSI_LIGHT], ids=lambda theme: theme.name)
def test_the_themes_for_few_colours_use_the_terminals_own(theme: textual.theme.Theme) -> None:
    styles = re.compile("ansi_[a-z_]+$|none$|reverse$|bold$")
    values = [value for name, value in {**vars(theme), **theme.variables}.items() if isinstance(value, str) and name != "name"]
    assert [value for value in values if not styles.match(value)] == []


def test_every_state_has_a_symbol_of_its_own_and_a_tone() -> None:
    assert SYMBOLS.keys() == set(RunState)
    symbols = [SYMBOLS[state] for state in RunState if state is not RunState.CREATED]  # which looks as STARTING does
    assert len(set(symbols)) == len(symbols)
    assert {tone(state) for state in RunState} == {"success", "warning", "error", "primary", "muted"}


def luminance(colour: Color) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: Color, b: Color) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
