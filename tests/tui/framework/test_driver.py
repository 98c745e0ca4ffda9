from __future__ import annotations

import asyncio
import os
import select
import threading
import tty
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from textual import events
from textual.app import App
from textual.message import Message

from gradtop.tui.framework.driver import TerminalDriver
from gradtop.tui.framework.pasting import Pasting
from tests.support import wait_until


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A driver whose keys are written to `keyboard`; `messages` are what it made of them, `looks` counts its wake-ups."""
    keyboard, terminal = os.openpty()
    tty.setraw(terminal)
    messages: list[Message] = []
    looks, waits = 0, []
    wait = select.select

    def counted(*waited: Any) -> Any:
        nonlocal looks
        looks += 1
        waits.append(waited[-1])
        return wait(*waited)

    async def made() -> TerminalDriver:
        return TerminalDriver(App(), size=(80, 24))

    driver = asyncio.run(made())
    driver.fileno = terminal
    monkeypatch.setattr("gradtop.tui.framework.driver.select.select", counted)
    monkeypatch.setattr(driver, "process_message", messages.append)
    monkeypatch.setattr(driver, "_disable_mouse_support", lambda: None)
    driver._key_thread = threading.Thread(target=driver.run_input_thread, daemon=True)
    driver._key_thread.start()
    yield SimpleNamespace(driver=driver, keyboard=keyboard, messages=messages, waits=waits, looks=lambda: looks)
    driver.disable_input()
    driver.close()
    os.close(keyboard)
    os.close(terminal)


def keys(typed: SimpleNamespace) -> list[str]:
    return [message.key for message in typed.messages if isinstance(message, events.Key)]


def test_keys_are_read_whole_and_an_escape_alone_is_a_key_too(typed: SimpleNamespace) -> None:
    os.write(typed.keyboard, b"a\xc3")
    os.write(typed.keyboard, b"\xbc\x1b[D\x1b")
    wait_until(lambda: keys(typed) == ["a", "ü", "left", "escape"], why=f"the keys: {keys(typed)}")


def test_an_escape_is_told_from_the_beginning_of_a_sequence_within_40_ms(typed: SimpleNamespace) -> None:
    os.write(typed.keyboard, b"\x1b")
    wait_until(lambda: keys(typed) == ["escape"], why=f"the key: {keys(typed)}")
    assert 0 < max(wait for wait in typed.waits if wait is not None) <= 0.03
    os.write(typed.keyboard, b"\x1b[")
    os.write(typed.keyboard, b"A")
    wait_until(lambda: keys(typed) == ["escape", "up"], why=f"the keys: {keys(typed)}")


def pasted(typed: SimpleNamespace) -> list[str]:
    return [message.text for message in typed.messages if isinstance(message, events.Paste)]


def test_what_is_pasted_presses_no_key_however_it_comes(typed: SimpleNamespace) -> None:
    os.write(typed.keyboard, b"a\x1b[200~x\x1bsy\x1b\x1b[Cz\x1b[201~b")
    wait_until(lambda: keys(typed) == ["a", "b"], why=f"the keys: {keys(typed)}")
    assert pasted(typed) == ["xsy[Cz"]


def test_a_paste_whose_end_is_lost_makes_no_key_deaf(typed: SimpleNamespace) -> None:
    os.write(typed.keyboard, b"\x1b[200~text\x1b[20")
    wait_until(lambda: pasted(typed) == ["text"], why=f"the paste: {typed.messages}")
    os.write(typed.keyboard, b"q")
    wait_until(lambda: keys(typed) == ["q"], why=f"the keys: {keys(typed)}")


@pytest.mark.parametrize("text", ["a\x1b[200~x\x1by\x1b[201~b\x1b", "\x1b\x1b[200~\x1b[200~\x1b[201\x1b[201~\x1b[200", "\x1b[A\x1b[201~c"])
def test_the_pieces_in_which_it_comes_do_not_matter(text: str) -> None:
    whole = Pasting().plain(text)
    for size in range(1, len(text)):
        pasting = Pasting()
        assert "".join(pasting.plain(text[start : start + size]) for start in range(0, len(text), size)) == whole


def test_it_sleeps_while_nothing_is_typed_and_ends_at_once(typed: SimpleNamespace) -> None:
    os.write(typed.keyboard, b"q")
    wait_until(lambda: keys(typed) == ["q"], why="the key")
    looks = typed.looks()
    typed.driver._key_thread.join(0.5)
    assert typed.looks() <= looks + 1
    typed.driver.disable_input()
    assert not typed.driver._key_thread.is_alive()


def test_what_belongs_to_one_frame_is_written_in_one_piece(typed: SimpleNamespace) -> None:
    written: list[str] = []
    typed.driver._writer_thread = SimpleNamespace(write=written.append)
    with typed.driver.in_one_piece():
        typed.driver.write("begin")
        typed.driver.write("end")
        assert not written
    with typed.driver.in_one_piece():
        pass
    typed.driver.write("later")
    assert written == ["beginend", "later"]
    typed.driver._writer_thread = None
