"""docs/text.md is true: its Python continues a text as gradtop does, as written; and the example is learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.config import load_config
from gradtop.trainer.config.load import dump_config
from gradtop.trainer.inference.prediction import predict
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import new_run, read_status
from gradtop.trainer.record.data_facts import read_data_facts
from gradtop.trainer.runtime.worker import work
from tests.docs import ROOT
from tests.documented import executed, python_of


def test_the_example_is_learned_and_the_python_of_the_page_continues_a_text_as_gradtop_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = load_config(ROOT / "configs" / "byte_pair_text.toml", ["training.steps=180", "training.device=cpu", "sample.every=0", "schedule.warmup_steps=10"])
    run = new_run(tmp_path / "runs", dump_config(config), {})
    assert work(run) == 0, read_status(run).error
    facts = read_data_facts(run)
    assert read_status(run).best_val_loss < 0.98 * facts.constant_loss  # type: ignore[operator]

    checkpoint = find_checkpoint(run).path
    (code,) = python_of("text")
    found = executed(code, run, checkpoint, tmp_path)
    (tmp_path / "prompt.txt").write_text("Alice was")
    (prediction,) = predict(run, checkpoint, [str(tmp_path / "prompt.txt")], {"length": 20, "temperature": 0.0})["predictions"]
    assert found["text"] == prediction["prompt"] + prediction["text"]
