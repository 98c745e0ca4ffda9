"""docs/data.md is true: its Python trains as written, with the configuration beside it."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest
import torch

from gradtop.trainer.config import CustomData
from gradtop.trainer.data.load import load_data
from gradtop.trainer.record import new_run, read_status
from gradtop.trainer.runtime.worker import work
from tests.documented import DOCS, python_of
from tests.training.runs import events

CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = (DOCS / "data.md").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    sys.modules.pop("my_data", None)


def test_the_function_of_the_page_trains_with_each_sampler_that_fits(project: Path) -> None:
    code = python_of("data")[0]
    (project / "my_data.py").write_text(code)
    data, length, processes, sampler, *_ = (textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n)+", CODE.sub("", PAGE), re.MULTILINE))
    tables = "".join([data, *(block.removeprefix("[data]\n") for block in (processes, sampler))])
    assert length.startswith("[training]")
    run = new_run(project / "runs", f'{tables}[model]\nkind = "mlp"\nhidden = [4]\n[training]\nepochs = 1\ndevice = "cpu"\n', {})
    assert work(run) == 0, read_status(run).error
    assert "data.sampler = balanced" in str(events(run, "data")[0]["message"])


def test_the_collate_function_of_the_page_pads(project: Path) -> None:
    (project / "my_data.py").write_text(python_of("data")[1])
    source = load_data(CustomData(target="my_data:sentences"), seed=0)
    for inputs, labels in source.training(16, seed=0, device=torch.device("cpu")).epoch(0):
        lengths = (inputs > 0).sum(1)
        assert inputs.shape[1] == lengths.max()
        assert torch.equal(labels, (lengths > 6).long())


def test_the_data_set_of_the_page_is_saved_and_learned(project: Path) -> None:
    datasets.disable_progress_bars()
    exec(python_of("data")[2], {})  # noqa: S102 - our own documentation
    data = next(textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n)+", CODE.sub("", PAGE), re.MULTILINE) if '"hf"' in block)
    model = '[model]\nkind = "mlp"\nhidden = [32]\n[optimizer]\nlr = 0.01\n[training]\nepochs = 2\ndevice = "cpu"\n'
    run = new_run(project / "runs", f"{data}{model}", {})
    assert work(run) == 0, read_status(run).error
    status = read_status(run)
    assert (status.best_val_accuracy or 0) > 0.7
    assert "input image (sequence of floats), target label (class)" in str(events(run, "data")[0]["message"])
