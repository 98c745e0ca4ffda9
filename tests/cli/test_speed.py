"""What the commands say of a speed test."""

from __future__ import annotations

import json
from pathlib import Path

from gradtop.trainer.record import RunState
from tests.cli.conftest import Gradtop
from tests.tui.speed_fixture import speed_run


def test_commands_plot_and_tell_it(gradtop: Gradtop, tmp_path: Path) -> None:
    speed_run(tmp_path / "runs")
    said = gradtop("plot", "swift-otter")
    assert said.code == 0
    assert "swift-otter  samples/s by setting" in said.out
    assert "precision bf16" in said.out
    assert "2.00 × faster" in gradtop("ls").out
    shown = gradtop("show", "swift-otter").out
    shown_as_data = gradtop("show", "swift-otter", "--json").out
    for words in ("precision bf16: 2.00 × the configuration's 6.4k samples/s, 12.8k", "threads 1: 0.83 ×, loss moved by 0 %", "channels_last: the model has no convolutions"):
        assert words in shown
    speed_run(tmp_path / "runs", state=RunState.STOPPED, measured=2)
    assert "as configured, 6.4k samples/s: nothing that was tried so far is faster" in gradtop("show", "last").out
    record = json.loads(shown_as_data)
    assert record["result"]["chosen"] == {"training.precision": "bf16"}


def test_an_unknown_setting_is_refused_before_anything_starts(gradtop: Gradtop, tmp_path: Path) -> None:
    config = tmp_path / "digits.toml"
    config.write_text('[data]\nkind = "digits"\n')
    said = gradtop("speed", config, "--settings", "turbo")
    assert said.code != 0
    assert "'turbo' is not one of threads, precision" in said.err
    assert not list((tmp_path / "runs").glob("*"))
