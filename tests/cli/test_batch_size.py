"""What the commands say of a batch-size search."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Gradtop
from tests.tui.size_fixture import size_run


def test_commands_plot_and_tell_it(gradtop: Gradtop, tmp_path: Path) -> None:
    size_run(tmp_path / "runs")
    said = gradtop("plot", "keen-newt")
    assert said.code == 0
    for words in ("keen-newt  samples/s over batch size", "largest: 192 (a larger one does not fit; estimated from two small sizes: 210)", "does not fit: 256"):
        assert words in said.out
    assert "batch ≤ 192" in gradtop("ls").out
