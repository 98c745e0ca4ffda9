"""What both ends agree on: the name of the screen server, the request and the answers."""

from __future__ import annotations

import os
import sys
from binascii import crc32

VERSION = b"gradtop screen 1"
LARGEST = 160 << 10  # bytes of a request: it comes whole or not at all, and a socket takes 208 KiB by default
# Answers, one message each: a number follows the first three.
ACCEPTED, ENDED, KILLED, STOPPED, REFUSED = b"a", b"e", b"k", b"s", b"r"


def screen_server_name() -> str:
    """Of the server of this installation: its interpreter, environment and source."""
    return f"screens_{crc32(os.fsencode(chr(0).join((sys.prefix, sys.version, os.path.dirname(__file__))))):08x}"  # noqa: PTH120 - without pathlib


def interpreter() -> str:
    """What cannot be changed any more in a process that has begun."""
    return f"{sys.prefix} {sys.getfilesystemencoding()} {sys.flags.utf8_mode}"


def request_of(arguments: list[bytes], environment: dict[bytes, bytes], encoding: str) -> bytes:
    """A request: words with a zero byte after each, which none of them can contain."""
    pairs = [name + b"=" + value for name, value in environment.items()]
    words = [VERSION, os.fsencode(interpreter()), encoding.encode(), b"%d" % len(arguments), *arguments, *pairs]
    return b"\0".join(words)


class InvalidRequest(ValueError):
    """The message is not for users."""


class ScreenRequest:
    """What a client sends: the words of its command line, its environment, and the encoding of its standard streams."""

    def __init__(self, data: bytes) -> None:
        """Raises InvalidRequest."""
        words = data.split(b"\0")
        if len(words) < 4 or words[0] != VERSION or not words[3].isdigit() or len(words) < 4 + int(words[3]):
            raise InvalidRequest("not a request, or one of another version")
        count = int(words[3])
        self.interpreter = os.fsdecode(words[1])
        self.encoding = words[2].decode("ascii", "replace")
        self.arguments = [os.fsdecode(word) for word in words[4 : 4 + count]]
        pairs = (word.partition(b"=") for word in words[4 + count :])
        self.environment = {os.fsdecode(name): os.fsdecode(value) for name, equals, value in pairs if equals}
