from __future__ import annotations

import re
from pathlib import Path

import pytest
import textual.widgets
from textual.color import Color

import gradtop.tui
from gradtop.tui.framework.stylesheet import ParsedOnce


@pytest.fixture(autouse=True)
def quick_styles() -> None:
    """What is parsed, and how often, is what these tests are about."""


def dressed() -> ParsedOnce:
    """With one source, parsed."""
    stylesheet = ParsedOnce({"muted": "#111111"})
    stylesheet.add_source("Screen { color: $muted; }", read_from=("one.tcss", ""))
    stylesheet.parse()
    return stylesheet


def colours(stylesheet: ParsedOnce) -> list[Color]:
    return [rule.styles.color for rule in stylesheet.rules]


def test_a_new_source_has_the_others_stay_as_they_were_parsed() -> None:
    stylesheet = dressed()
    before = stylesheet.rules[0]
    stylesheet.add_source("Header { color: #222222; }", read_from=("two.tcss", ""))
    stylesheet.reparse()
    assert colours(stylesheet) == [Color.parse("#111111"), Color.parse("#222222")]
    assert stylesheet.rules[0] is before


def test_what_was_read_counts_for_what_is_styled_next(tmp_path: Path) -> None:
    stylesheet = dressed()
    assert "Header" not in stylesheet.rules_map
    (tmp_path / "two.tcss").write_text("Header { color: #222222; }")
    stylesheet.read(tmp_path / "two.tcss")
    assert len(stylesheet.rules_map["Header"]) == 1


def test_the_same_variables_again_have_nothing_parsed_and_others_all() -> None:
    stylesheet = dressed()
    before = stylesheet.rules[0]
    stylesheet.set_variables({"muted": "#111111"})
    stylesheet.reparse()
    assert stylesheet.rules[0] is before
    stylesheet.set_variables({"muted": "#333333"})
    stylesheet.reparse()
    assert colours(stylesheet) == [Color.parse("#333333")]


def test_every_type_that_a_stylesheet_names_is_a_class() -> None:
    """Of a rule for a class that was renamed Textual says nothing."""
    root = Path(gradtop.tui.__file__).parent
    classes = set(re.findall(r"^class (\w+)", "\n".join(path.read_text() for path in root.rglob("*.py")), re.MULTILINE))
    textuals = {"CommandPalette", "CommandList", "SearchIcon", "Screen", "VerticalScroll", *dir(textual.widgets), "Button", "Input", "OptionList"}
    sheets = list(root.rglob("*.tcss"))
    assert len(sheets) > 10
    for sheet in sheets:
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
        selectors = " ".join(re.findall(r"([^{};]*)\{", text))
        assert set(re.findall(r"(?<![\w.#:$-])[A-Z]\w+", selectors)) <= classes | textuals, sheet
