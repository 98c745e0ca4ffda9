"""What the commands say of a comparison of initializations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtop.trainer.record import RunState
from tests.cli.conftest import Gradtop
from tests.tui.init_fixture import init_run, init_trials


def test_commands_plot_and_tell_it(gradtop: Gradtop, tmp_path: Path) -> None:
    init_run(tmp_path / "runs")
    plotted = " ".join(gradtop("plot", "calm-finch").out.split())
    for words in ("calm-finch initializations", "xavier_uniform 0.540 ± 0.099 0.25 0.25 best", "like the best", "– no weight gets a gradient; the loss does not fall", "kaiming_normal"):
        assert words in plotted
    assert "xavier_uniform or 1 more" in gradtop("ls").out
    shown = gradtop("show", "calm-finch").out
    for words in (
        "best          xavier_uniform, loss 0.540 ± 0.099; cannot be told apart from it: kaiming_normal (Welch's t-test, 5 %)",
        "kaiming_normal: loss 0.54 ± 0.11, activations last/first 1, gradients first/last 1", "zeros: loss 1.1 ± 0; no weight gets a gradient; the loss does not fall",
    ):  # fmt: skip
        assert words in shown
    result = json.loads(gradtop("show", "calm-finch", "--json").out)["result"]
    assert (result["best"], result["indistinguishable"]) == ("xavier_uniform", ["kaiming_normal"])
    normal = result["inits"][2]
    assert (normal["init"], len(normal["losses"]), normal["losses"][-1]) == ("normal", 10, 0.94)
    assert [layer["activation_std"] for layer in normal["weights"]] == pytest.approx([0.1, 0.01, 0.001])
    init_run(tmp_path / "runs", state=RunState.STOPPED, trials=init_trials(1))
    assert "best so far   kaiming_normal, loss 0.49: one seed tells nothing of the noise" in gradtop("show", "last").out


def test_an_unknown_initialization_is_refused_before_anything_starts(gradtop: Gradtop, tmp_path: Path) -> None:
    config = tmp_path / "digits.toml"
    config.write_text('[data]\nkind = "digits"\n')
    said = gradtop("init", config, "--kinds", "zeros,he")
    assert said.code != 0
    assert "'he' is not one of default, xavier_uniform" in said.err
    assert not list((tmp_path / "runs").glob("*"))
