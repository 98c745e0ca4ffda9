"""Each configuration in configs/ trains, for a few steps."""

from __future__ import annotations

import math
import runpy
import sysconfig
from pathlib import Path

import pytest
import torch

from gradtop.trainer.analysis.event_text import event_line
from gradtop.trainer.config import Text, dump_config, load_config
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.record import new_run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.server.config_check import check_config
from tests.examples import CONFIGS, NAMES, data_of
from tests.training.runs import events, rows

TOKENIZED = {"byte_pair_text"}


@pytest.mark.parametrize("name", NAMES)
def test_every_example_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name in TOKENIZED:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    changes = [*data_of(name, tmp_path, small=True), "training.steps=2", "training.device=cpu"]
    # Two steps are shorter than any warm-up.
    changes += [f"schedule.{key}=0" for key in ("warmup_steps", "warmup_epochs") if hasattr(load_config(CONFIGS / f"{name}.toml").schedule, key)]
    config = load_config(CONFIGS / f"{name}.toml", changes)
    run = new_run(tmp_path / "runs", dump_config(config), {})

    assert work(run) == 0, read_status(run).error

    assert [row[0] for row in rows(run, "steps", "loss")] == [1, 2]
    if name == "finetune":
        said = " ".join(event_line(event).text for kind in ("init", "freeze") for event in events(run, kind))
        assert "2 of a different shape, not loaded: fc.weight (7×512 in the file, 2×512 here)" in said
        assert "60 parameters are frozen" in said


def test_the_example_of_the_size_of_gpt2_has_its_parameters_and_can_be_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(CONFIGS / "gpt2.toml")
    assert isinstance(config.data, Text)
    with torch.device("meta"):
        model = config.model.build(DataInfo(channels=0, size=0, classes=config.data.vocab_size))
    # 50 257 and 1024 embeddings of 768, 12 blocks, the last norm.
    block = 4 * 768 * 768 + 4 * 768 + 8 * 768 * 768 + 5 * 768 + 4 * 768
    assert sum(parameter.numel() for parameter in model.parameters()) == (50_257 + 1_024) * 768 + 12 * block + 2 * 768 == 124_439_808

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    script = runpy.run_path(str(CONFIGS / "python_source.py"))
    script["LEFT_OUT"].update(path.name for path in Path(sysconfig.get_path("stdlib")).iterdir() if path.name != "json")
    script["main"](tmp_path / "python.txt")
    small = [f"data.file={tmp_path / 'python.txt'}", "training.device=cpu", "model.context=32", "training.batch_size=2", "training.accumulate=1"]
    # Processors without arithmetic in bf16 imitate it, ten times slower than fp32: one block is enough of that, and of twelve that are alike two.
    for changes in (["model.num_layers=1"], ["model.num_layers=2", "training.precision=fp32"]):
        found = check_config(load_config(CONFIGS / "gpt2.toml", [*small, *changes]), tmp_path / "runs", lambda _: None)
        assert found["data"]["unit"] == "tokens"
        assert found["batch"]["inputs"] == [2, 32]
        assert found["loss"]["value"] == pytest.approx(math.log(found["data"]["classes"]), abs=0.5)
