"""What the terminal can do, told from the environment and the stream; and what is drawn where it cannot.

What Textual does by itself (8.2): COLORTERM and TERM choose between 16, 256 and 2²⁴ colours, and RGB is mapped to the
nearest one, which makes quiet surfaces of a theme vanish at 16 colours. NO_COLOR turns colours into greys under a theme of
RGB colours and leaves them out under one of ANSI colours. A locale that is not UTF-8 and TERM=dumb change nothing.
What gradtop does: a theme of ANSI colours at 16 colours and under NO_COLOR, an ASCII picture where the locale or the
terminal has no other characters, and no screen at all on a dumb terminal or on none.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from gradtop.trainer.named_tuple import NamedTuple

TRUE_COLOUR = 1 << 24
VARIABLES = ("LC_ALL", "LC_CTYPE", "LANG")
HUNG_UP = 129  # as a shell tells of a process that SIGHUP ended
NO_BRAILLE = ("linux", "vt100", "vt102", "vt220", "ansi", "cons25")


class OutputStream(Protocol):
    def isatty(self) -> bool: ...


class Capabilities(NamedTuple):
    """`colours` is 0, 16, 256 or 2²⁴; `unicode` whether more than ASCII can be drawn; `why` says why there is no screen."""

    colours: int = TRUE_COLOUR
    unicode: bool = True
    dumb: bool = False
    tty: bool = True

    @property
    def screen(self) -> bool:
        """Whether a full screen can be shown at all."""
        return self.tty and not self.dumb

    @property
    def ansi(self) -> bool:
        """Whether the theme must be one of the terminal's own colours."""
        return self.colours < 256

    @property
    def why(self) -> str:
        """Why there is no screen, as a sentence for the user; "" where there is one."""
        if not self.tty:
            return "The screen needs a terminal; progress is printed line by line."
        if self.dumb:
            return "TERM=dumb does not support a screen; progress is printed line by line."
        return ""


def capabilities(env: Mapping[str, str], stream: OutputStream) -> Capabilities:
    """What `stream` under the environment `env` (see `original_environment`) can show. GRADTOP_ASCII=1 or 0 overrules the locale."""
    try:
        tty = stream.isatty()
    except ValueError:
        tty = False
    term = env.get("TERM", "").strip().lower()
    return Capabilities(colours=colours(env), unicode=unicode(env), dumb=term in {"", "dumb", "unknown"}, tty=tty)


def colours(env: Mapping[str, str]) -> int:
    """How many colours: 0 under NO_COLOR (https://no-color.org: set and not empty), as Rich counts them otherwise."""
    if env.get("NO_COLOR"):
        return 0
    term = env.get("TERM", "").strip().lower()
    if term in {"", "dumb", "unknown"}:
        return 0
    if env.get("COLORTERM", "").strip().lower() in {"truecolor", "24bit"} or term.endswith("-direct"):
        return TRUE_COLOUR
    return 256 if term.endswith("-256color") or term == "xterm-kitty" else 16


def unicode(env: Mapping[str, str]) -> bool:
    """Whether the locale is UTF-8 and the terminal has more than a console's characters.

    Where no locale is set at all (containers), the terminal is most likely a modern one.
    """
    if (forced := env.get("GRADTOP_ASCII", "")) in {"0", "1"}:
        return forced == "0"
    if env.get("TERM", "").strip().lower() in NO_BRAILLE:
        return False
    locale = next((env[name] for name in VARIABLES if env.get(name)), "")
    return not locale or "utf8" in locale.lower().replace("-", "")


def end_with_the_terminal(before: Callable[[], object]) -> None:
    """End this process when its terminal goes away without a SIGHUP, as after nohup, or where it is nobody's controlling one.

    Textual would read the end of such a terminal over and over. `before` is called first.
    """
    try:
        descriptor = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
    except (OSError, ValueError):
        return

    def wait() -> None:
        terminal = select.poll()
        terminal.register(descriptor, 0)  # a hang-up is told of even where nothing is asked for
        terminal.poll()
        before()
        os._exit(HUNG_UP)

    if descriptor >= 0 and os.isatty(descriptor):
        threading.Thread(target=wait, name="hang-up", daemon=True).start()


_coerced: bool | None = None


def set_coerced(coerced: bool) -> None:
    """In a process that was forked for another: whether Python has set LC_CTYPE in that one."""
    global _coerced  # noqa: PLW0603 - it is of the process
    _coerced = coerced


def original_environment() -> dict[str, str]:
    """os.environ with the locale this process was started with: Python itself sets LC_CTYPE under LANG=C (PEP 538)."""
    env = dict(os.environ)
    if _coerced is not None:
        if _coerced:
            env.pop("LC_CTYPE", None)
        return env
    try:
        with Path("/proc/self/environ").open("rb") as file:
            pairs = (entry.partition(b"=") for entry in file.read(1 << 20).split(b"\0"))
            started = {os.fsdecode(name): os.fsdecode(value) for name, _equals, value in pairs}
    except OSError:
        return env
    if env.get("LC_CTYPE") in {"C.UTF-8", "C.utf8", "UTF-8"} and "LC_CTYPE" not in started:
        del env["LC_CTYPE"]
    return env
