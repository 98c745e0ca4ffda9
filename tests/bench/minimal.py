"""The least that a Textual app can be: one widget with a line of braille. What the start of the screen is measured against."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static


class Minimal(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("⣿⣿⣿")


if __name__ == "__main__":
    Minimal().run()
