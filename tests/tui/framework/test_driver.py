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


def test_it_sleeps_while_nothing_is_typed_and_ends_at_once(typed: SimpleNamespace) -> None:
    os.write(typed.keyboard, b"q")
    wait_until(lambda: keys(typed) == ["q"], why="the key")
    looks = typed.looks()
    typed.driver._key_thread.join(0.5)
    assert typed.looks() <= looks + 1
    typed.driver.disable_input()
    assert not typed.driver._key_thread.is_alive()
