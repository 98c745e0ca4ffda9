"""Text that comes from a run is shown as text, whatever it would do to a terminal."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

from gradtop.trainer.record import Run, RunState, Status, append_event, write_status
from tests.process.support import GRADTOP, make_run
from tests.process.terminals import Tmux
from tests.support import wait_until

TITLE, CLEAR, CLIPBOARD, QUERY = "\x1b]0;pwned\x07", "\x1b[2J\x1b[H", "\x1b]52;c;cHduZWQ=\x07", "\x1b[6n\x1b[c"
LINES = (
    f"before {TITLE}{CLEAR}{CLIPBOARD}{QUERY}after".encode(),
    b"[bold red]markup[/bold red] [link=file:///etc]click[/link] [/] [@click=app.quit]no[/]",
    b"long " + b"x" * 10_000 + b" end of long",
    b"wrong \xff\xfe\x80 bytes",
    "wide 日本語 🙂 e\u0301 \u202egnp.exe".encode(),
    b"progress  10%\rprogress 100%",
    b"\x9b31mC1\x9c and \x00 nothing",
    b"last line",
)


def hostile_run(runs: Path) -> Run:
    """A run whose name, warning, error, events and log try everything."""
    evil = f"{TITLE}{CLEAR}[red]evil[/red] 日本\u202e{CLIPBOARD}"
    run = make_run(runs, name="evil")
    run.meta.write_text(json.dumps({"name": evil, "changes": [{"key": evil, "old": evil, "new": evil}], "parent": evil}))
    run.log.write_bytes(b"\n".join(LINES) + b"\n")
    append_event(run, "warning", message=evil)
    append_event(run, "epoch", epoch=1, step=10, val_loss=evil, val_accuracy="[/]")
    write_status(run, Status(state=RunState.FAILED, model=evil, device=evil, step=10, steps=100, error=evil, warning=evil, ended=1.0, updated=1.0))
    return run


def assert_harmless(terminal: Tmux, title: str) -> None:
    raw = terminal.raw
    for attack in (TITLE, CLIPBOARD, "\x1b[c", "\u202e"):
        assert attack.encode() not in raw
    assert b"pwned\x07" not in raw
    assert terminal.title == title


def test_names_and_log_lines_are_shown_and_do_nothing(tmp_path: Path, tmux: Callable[..., Tmux]) -> None:
    runs = tmp_path / "runs"
    run = hostile_run(runs)
    make_run(runs, name="plain")
    terminal = tmux(str(GRADTOP), "watch", str(run.path), "--runs", str(runs), "--no-server")
    title = terminal.title
    terminal.wait_for("✕ failed", r"\[red\]evil\[/red\]")
    terminal.keys("L")
    shown = terminal.wait_for("last line", "before after", r"\[bold red\]markup\[/bold red\]", "wrong ", "wide 日本語", "progress 100%")
    assert "progress  10%" not in shown
    assert "pwned" not in shown
    terminal.keys("Escape")
    terminal.wait_without("esc closes")
    for key, shown in (("2", "evil"), ("3", "finding"), ("4", "evil"), ("5", "adamw"), ("6", "what will change"), ("7", "plain")):
        terminal.keys(key)
        terminal.wait_for(shown, r"\[red\]evil")

    assert_harmless(terminal, title)
    terminal.keys("q")
    wait_until(lambda: terminal.ended, 60, "the screen to end")
    assert_harmless(terminal, title)


def test_a_directory_whose_name_steers_terminals_is_copied_and_asked_about_as_text(tmp_path: Path, tmux: Callable[..., Tmux]) -> None:
    runs = tmp_path / "runs"
    run = make_run(runs, name="plain")
    write_status(run, Status(state=RunState.STOPPED, step=10, steps=100, ended=1.0, updated=1.0))
    run = Run(run.path.rename(runs / f"20260101-0000-{TITLE}{CLEAR.replace(chr(10), '')}\nreboot\u202e".replace("/", "")))
    terminal = tmux(str(GRADTOP), "watch", str(run.path), "--runs", str(runs), "--no-server")
    title = terminal.title
    terminal.wait_for("plain", "□ stopped")
    terminal.keys("y")
    terminal.wait_for("without its control characters")
    terminal.keys("7")
    terminal.wait_for("changed against its parent")
    terminal.keys("d")
    terminal.wait_for(r"plain\?")
    terminal.keys("y")
    terminal.wait_for("deleted")

    assert_harmless(terminal, title)
    (copied,) = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", terminal.raw)
    assert base64.b64decode(copied).decode() == f"{runs}/20260101-0000- reboot"


def test_the_commands_that_print_them_do_nothing_either(tmp_path: Path, tmux: Callable[..., Tmux]) -> None:
    runs = tmp_path / "runs"
    run = hostile_run(runs)
    terminal = tmux(str(GRADTOP), "ls", "--runs", str(runs))
    title = terminal.title
    terminal.wait_for(r"\[red\]evil")
    terminal.again(str(GRADTOP), "show", str(run.path))
    terminal.wait_for(r"\[red\]evil", "last line")  # the first line scrolls away when the program ends

    assert_harmless(terminal, title)
