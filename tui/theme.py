"""The themes, dark and light, in RGB and in the terminal's own colours: quiet surfaces, few colours, safe for colour-blind eyes."""

from __future__ import annotations

from textual.theme import Theme


def _rgb(
    name: str, *, dark: bool, lines: tuple[str, ...], warning: str, error: str, foreground: str, background: str, panel: str, muted: str, faint: str,
    border: str, blurred_border: str, cursor: str, cursor_text: str, scrollbar_hover: str,
) -> Theme:  # fmt: skip
    """A theme in RGB; `lines` are the colours of the lines a to h, of which the first stand for primary, accent, success and secondary too."""
    primary, accent, success, secondary = lines[:4]
    return Theme(
        name=name,
        dark=dark,
        primary=primary,
        secondary=secondary,
        accent=accent,
        success=success,
        warning=warning,
        error=error,
        foreground=foreground,
        background=background,
        surface=background,
        panel=panel,
        variables={
            "muted": muted,
            "faint": faint,
            **{f"line-{letter}": line for letter, line in zip("abcdefgh", lines, strict=True)},
            "border": border,
            "border-blurred": blurred_border,
            "block-cursor-background": cursor,
            "block-cursor-foreground": cursor_text,
            "block-cursor-text-style": "none",
            "block-cursor-blurred-background": panel,
            "footer-background": background,
            "scrollbar": faint,
            "scrollbar-hover": scrollbar_hover,
            "scrollbar-active": primary,
            **{f"scrollbar-{part}": background for part in ("background", "background-hover", "background-active", "corner-color")},
        },
    )


DARK = _rgb(
    "gradtop-dark", dark=True, lines=("#6cb6ff", "#f2b279", "#5fd0a5", "#b8a1e3", "#e9dc6b", "#f58fb5", "#58c7d6", "#aab4bf"), warning="#f0c75e", error="#ff8272", foreground="#d7dde5",
    background="#0d1117", panel="#1b222c", muted="#8b98a8", faint="#3d4855", border="#3d4855", blurred_border="#2b3440", cursor="#1f3650",
    cursor_text="#ffffff", scrollbar_hover="#5b6b7c",
)  # fmt: skip
LIGHT = _rgb(
    "gradtop-light", dark=False, lines=("#0b5cad", "#a64b00", "#00694c", "#6a4aa8", "#6f6000", "#a8286b", "#006878", "#4d5863"), warning="#7d5700", error="#b3261e", foreground="#1c232b",
    background="#fbfbf9", panel="#ecedea", muted="#5a6672", faint="#c3c8cc", border="#b3bac0", blurred_border="#d3d7da", cursor="#cfe2f7",
    cursor_text="#0b1118", scrollbar_hover="#8b949c",
)  # fmt: skip
# From low to high: cividis, whose lightness rises evenly, so that it can be read without its hues and by colour-blind eyes.
HEAT = ("#00224e", "#18325c", "#304269", "#47526d", "#5d626f", "#737372", "#878475", "#9d9674", "#b5a96c", "#cdbc62", "#e5d24d", "#fee838")
# For 16 colours and for NO_COLOR: the terminal's own palette, and a cursor that needs no colour.
_ANSI = {
    "ansi-foreground": "ansi_default",
    "muted": "ansi_default",
    "line-a": "ansi_blue",
    "line-b": "ansi_yellow",
    "line-c": "ansi_green",
    "line-d": "ansi_magenta",
    "line-e": "ansi_cyan",
    "line-f": "ansi_red",
    "line-g": "ansi_bright_blue",
    "line-h": "ansi_default",
    "block-cursor-background": "ansi_default",
    "block-cursor-foreground": "ansi_default",
    "block-cursor-text-style": "reverse",
    "block-cursor-blurred-background": "ansi_default",
    "block-cursor-blurred-text-style": "bold",
    "footer-background": "ansi_default",
    "scrollbar-background": "ansi_default",
    "scrollbar-background-hover": "ansi_default",
    "scrollbar-background-active": "ansi_default",
}
ANSI_DARK = Theme(
    name="gradtop-ansi-dark",
    ansi=True,
    dark=True,
    primary="ansi_bright_blue",
    secondary="ansi_bright_magenta",
    accent="ansi_bright_yellow",
    success="ansi_bright_green",
    warning="ansi_bright_yellow",
    error="ansi_bright_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    variables=_ANSI
    | {
        "ansi-background": "ansi_black",
        "faint": "ansi_bright_black",
        "border": "ansi_white",
        "border-blurred": "ansi_bright_black",
        "line-a": "ansi_bright_blue",
        "line-b": "ansi_bright_yellow",
        "line-c": "ansi_bright_green",
        "line-d": "ansi_bright_magenta",
        "line-e": "ansi_bright_cyan",
        "line-f": "ansi_bright_red",
        "line-g": "ansi_blue",
        "scrollbar": "ansi_bright_black",
    },
)
ANSI_LIGHT = Theme(
    name="gradtop-ansi-light",
    ansi=True,
    dark=False,
    primary="ansi_blue",
    secondary="ansi_magenta",
    accent="ansi_magenta",
    success="ansi_green",
    warning="ansi_magenta",
    error="ansi_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    variables=_ANSI
    | {
        "ansi-background": "ansi_white",
        "faint": "ansi_white",
        "border": "ansi_bright_black",
        "border-blurred": "ansi_white",
        "line-b": "ansi_red",
        "scrollbar": "ansi_white",
    },
)
THEMES = {(theme.dark, theme.ansi): theme for theme in (DARK, LIGHT, ANSI_DARK, ANSI_LIGHT)}
