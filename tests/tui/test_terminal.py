from __future__ import annotations

from io import StringIO

import pytest

from gradtop.tui.terminal import TRUE_COLOUR, capabilities


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("env", "colours", "unicode"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "en_GB.UTF-8"}, TRUE_COLOUR, True),
        ({"TERM": "tmux-256color", "LANG": "C.utf8"}, 256, True),
        ({"TERM": "xterm", "LANG": "de_DE.UTF-8"}, 16, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, 0, True),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, 256, True),
        ({"TERM": "xterm-256color", "LANG": "en_GB.UTF-8", "LC_ALL": "C"}, 256, False),
        ({"TERM": "linux", "LANG": "en_GB.UTF-8"}, 16, False),
        ({"TERM": "xterm-256color", "LANG": "C", "GRADTOP_ASCII": "0"}, 256, True),
        ({"TERM": "xterm-256color", "GRADTOP_ASCII": "1"}, 256, False),
    ],
)
def test_what_a_terminal_can_show(env: dict[str, str], colours: int, unicode: bool) -> None:
    found = capabilities(env, Terminal())
    assert (found.colours, found.unicode, found.screen) == (colours, unicode, True)
    assert found.ansi == (colours < 256)
    assert found.why == ""


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": ""}, {}])
def test_a_dumb_terminal_has_no_screen_and_a_reason(env: dict[str, str]) -> None:
    found = capabilities(env, Terminal())
    assert not found.screen
    assert "TERM=dumb does not support a screen" in found.why


def test_what_is_no_terminal_has_no_screen_and_a_reason() -> None:
    closed = StringIO()
    closed.close()
    for stream in (StringIO(), closed):
        assert "needs a terminal" in capabilities({"TERM": "xterm"}, stream).why
