from __future__ import annotations

from pathlib import Path

import pytest

from tests.package.installing import Builds, build


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    """The source distribution of this checkout, the wheel that is built from it, and the wheel of an editable install."""
    return build(tmp_path_factory.mktemp("build"))


@pytest.fixture(autouse=True)
def no_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working directory, and nothing on the path of other processes but what is installed."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
