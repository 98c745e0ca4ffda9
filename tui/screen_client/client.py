"""Asking the screen server for a screen: a command that opens one hands its terminal over before it imports anything of its own."""

from __future__ import annotations

import os
import sys
import termios
from _signal import SIGKILL  # type: ignore[import-not-found]  # has no stub of its own
from _socket import AF_UNIX, SCM_RIGHTS, SO_PEERCRED, SOCK_CLOEXEC, SOCK_SEQPACKET, SOL_SOCKET, socket
from array import array

from gradtop.trainer.socket_directory import open_directory
from gradtop.tui.screen_client.address import ACCEPTED, LARGEST, request_of, screen_server_name
from gradtop.tui.screen_client.relay import Relay

FORKS = 5.0  # seconds; a server that does not answer by then hangs


def opens_screen(words: list[str]) -> bool:
    """Whether this command line opens the screen, if it is right, and does nothing else before."""
    rest = iter(words)
    plain = []
    for word in rest:
        if word == "--runs":
            next(rest, None)
        elif not word.startswith("--runs="):
            plain.append(word)
    return not plain or (plain[0] == "watch" and len(plain) <= 2 and not any(word.startswith("-") for word in plain))


def one_terminal() -> bool:
    """Whether the standard streams are one terminal, and this process is not behind another one there."""
    try:
        device = os.fstat(0).st_rdev
        if not all(os.isatty(stream) and os.fstat(stream).st_rdev == device for stream in (0, 1, 2)):
            return False
    except OSError:
        return False
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return True  # it is nobody's controlling terminal, or that of others


def hand_over(words: list[str]) -> int | None:
    """Have the server open the screen for this command line, and be its terminal until it ends; returns the exit code.

    None where the command is to be carried out in this process: it opens no screen, or no server can do it for us.
    """
    if not opens_screen(words[1:]) or not one_terminal():
        return None
    link = connect_to_screens()
    if link is None:
        return None
    try:
        return converse(link, words)
    finally:
        link.close()


def connect_to_screens() -> socket | None:
    """To the screen server of this installation and user; None where none listens."""
    link = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
    directory = -1
    try:
        directory = open_directory()
        link.settimeout(FORKS)
        # By the descriptor: a path may be longer than the 108 bytes of an address.
        link.connect(f"/proc/self/fd/{directory}/{screen_server_name()}.socket")
        if peer(link)[1] == os.geteuid():
            return link
    except OSError:
        pass
    finally:
        if directory >= 0:
            os.close(directory)
    link.close()
    return None


def peer(link: socket) -> tuple[int, int]:
    """Process and user at the other end."""
    pid, uid, _gid = array("i", link.getsockopt(SOL_SOCKET, SO_PEERCRED, 12))
    return pid, uid


def end_server(link: socket) -> None:
    try:  # noqa: SIM105 - without contextlib
        os.kill(peer(link)[0], SIGKILL)
    except OSError:
        pass  # it has just ended


def converse(link: socket, words: list[str]) -> int | None:
    try:
        controller, inner = os.openpty()
    except OSError:
        return None  # there are no more of them
    here, pid = -1, 0
    try:
        relay = Relay(controller, link)
        relay.resize()
        termios.tcsetattr(inner, termios.TCSANOW, relay.attributes)
        # As a descriptor: the directory may have been deleted or renamed.
        here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        request = request_of([os.fsencode(word) for word in words], dict(os.environb), sys.stdout.encoding)
        if len(request) <= LARGEST:
            link.sendmsg([request], [(SOL_SOCKET, SCM_RIGHTS, array("i", [inner, here]))])
            answer = link.recv(64)
            pid = int(answer[1:]) if answer[:1] == ACCEPTED else 0
    except TimeoutError:
        end_server(link)  # the next screen need not wait for it; those that it has forked go on
    except (OSError, termios.error):
        pass  # nothing was forked, or what was ends as its terminal closes, which it has not drawn on
    finally:
        os.close(inner)
        if here >= 0:
            os.close(here)
    try:
        return relay.until_the_end(pid) if pid else None
    finally:
        os.close(controller)
