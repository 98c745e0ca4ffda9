"""docs/data.md is true: its Python trains as written, with the configuration beside it."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtop.trainer.record import new_run, read_status
from gradtop.trainer.runtime.worker import work
from tests.training.runs import events

CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    sys.modules.pop("my_data", None)


def test_the_function_of_the_page_trains_with_each_sampler_that_fits(project: Path) -> None:
    code = CODE.findall(PAGE)[0]
    (project / "my_data.py").write_text(code)
    data, sampler, *_ = (textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n)+", CODE.sub("", PAGE), re.MULTILINE))
    assert sampler.startswith("[data]\n")
    run = new_run(project / "runs", f'{data}{sampler.removeprefix("[data]")}\n[model]\nkind = "mlp"\nhidden = [4]\n[training]\nepochs = 1\ndevice = "cpu"\n', {})
    assert work(run) == 0, read_status(run).error
    assert "data.sampler = balanced" in str(events(run, "data")[0]["message"])
