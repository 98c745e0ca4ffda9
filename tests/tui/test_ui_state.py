from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.tui.ui_state import UiState, state_file


def test_what_is_put_is_there_next_time(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "screen.json"
    memory = UiState(path)
    assert memory.put("theme", "light")
    assert not memory.put("theme", "light")
    assert memory.save()
    assert UiState(path).get("theme") == "light"
    assert UiState(path).get("mode", "overview") == "overview"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["screen.json"]


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe", b"[1]", b"{", b'{"theme": 3}', b"[" * 100_000])
def test_garbage_reads_as_nothing(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "screen.json"
    path.write_bytes(garbage)
    assert UiState(path).get("theme") == ""


def test_a_home_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = UiState(tmp_path / "file" / "screen.json")
    assert memory.put("theme", "light")
    assert not memory.save()


def test_a_state_home_that_is_not_absolute_does_not_count() -> None:
    assert state_file({"XDG_STATE_HOME": "/s", "HOME": "/h"}) == Path("/s/gradtop/screen.json")
    assert state_file({"XDG_STATE_HOME": "s", "HOME": "/h"}) == Path("/h/.local/state/gradtop/screen.json")
