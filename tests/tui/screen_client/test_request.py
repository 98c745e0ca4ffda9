from __future__ import annotations

import pytest

from gradtop.tui.screen_client.address import VERSION, InvalidRequest, ScreenRequest, interpreter, request_of
from gradtop.tui.screen_client.client import opens_screen


def test_a_request_comes_as_it_was_sent_whatever_bytes_it_holds() -> None:
    request = ScreenRequest(request_of([b"gradtop", b"watch", b"\xff run\n", b""], {b"A": b"x=y", b"NAME\xfe": b""}, "utf-8"))

    assert request.arguments == ["gradtop", "watch", "\udcff run\n", ""]
    assert request.environment == {"A": "x=y", "NAME\udcfe": ""}
    assert (request.encoding, request.interpreter) == ("utf-8", interpreter())


@pytest.mark.parametrize("data", [b"", b"\0\0\0\0", VERSION, VERSION + b"\0p\0utf-8\0-1", VERSION + b"\0p\0utf-8\x003\0gradtop", b"gradtop screen 0\0p\0utf-8\x000", b"\xff" * 999])
def test_what_is_no_request_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        ScreenRequest(data)


@pytest.mark.parametrize(
    ("line", "opens"),
    [
        ("", True),
        ("--runs there", True),
        ("--runs=there", True),
        ("watch", True),
        ("watch last --runs there", True),
        ("--runs there watch quiet-heron", True),
        ("watch --no-server", False),
        ("--no-server", False),
        ("watch --help", False),
        ("watch one two", False),
        ("--version", False),
        ("ls", False),
        ("train configs/digits.toml --watch", False),
        ("--runs watch ls", False),
    ],
)
def test_what_opens_a_screen_and_does_nothing_else(line: str, opens: bool) -> None:
    assert opens_screen(line.split()) == opens
