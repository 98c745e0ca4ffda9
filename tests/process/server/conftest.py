"""A folder with a model of the user's, and a server that a test may end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.process.server.project import WITNESS
from tests.process.support import Zygote
from tests.servers import ready_server


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "witness.py").write_text(WITNESS)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def own(zygote: Zygote, own_servers: Path) -> int:
    """The process of a server that the test may end."""
    zygote.start_server()
    return ready_server()
