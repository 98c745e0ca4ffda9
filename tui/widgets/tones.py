"""Styles of drawn widgets, straight from the theme.

Component classes would do the same, but Textual looks for the rules of each class of each widget anew: with six panes that
was a tenth of the time to the first frame.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.style import Style
from textual.color import Color
from textual.widget import Widget

from gradtop.trainer.named_tuple import NamedTuple


class Tone(NamedTuple):
    """A theme's variable, how much of it shows over the background, and whether it is bold or reversed.

    `on` is the variable of a background of its own. Where the terminal's own colours are used, which cannot be mixed, less than half
    of a colour is drawn dim, and what is `lined` is underlined.
    """

    variable: str
    share: float = 1.0
    bold: bool = False
    reverse: bool = False
    on: str = ""
    lined: bool = False


def tone_styles(widget: Widget, tones: Iterable[Tone]) -> tuple[Style, ...]:
    """The styles of these tones on the widget's background, in the theme of now."""
    variables = widget.app.theme_variables
    _, background = widget.background_colors
    return tuple(_style(tone, Color.parse(variables[tone.variable]), Color.parse(variables[tone.on]) if tone.on else background) for tone in tones)


def _style(tone: Tone, colour: Color, background: Color) -> Style:
    ansi = colour.ansi is not None or background.ansi is not None
    shown = colour if ansi or tone.share == 1.0 else background.blend(colour, tone.share, 1.0)
    return Style(
        color=shown.rich_color,
        bgcolor=background.rich_color,
        bold=tone.bold or None,
        reverse=tone.reverse or None,
        dim=(ansi and tone.share < 0.5) or None,
        underline=(ansi and tone.lined) or None,
    )


def cursor_style(widget: Widget, name: str) -> Style:
    """The theme's style of a row under the cursor: "block-cursor", or "block-cursor-blurred" where the focus is elsewhere."""
    variables = widget.app.theme_variables
    foreground, background = (Color.parse(variables[f"{name}-{part}"]).rich_color for part in ("foreground", "background"))
    return Style.parse(variables[f"{name}-text-style"]) + Style(color=foreground, bgcolor=background)
