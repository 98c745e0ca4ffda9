"""Which search the form stands over."""

from __future__ import annotations

from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import RunReader
from gradtop.tui.screens.tune import data
from tests.tui.search_fixture import LR, search_run
from tests.tui.sensitivity_fixture import sensitivity_run


def test_a_trial_of_a_search_can_be_followed_by_another_and_one_of_a_sensitivity_analysis_not(tmp_path: Path) -> None:
    search, analysis = search_run(tmp_path, 1), sensitivity_run(tmp_path)
    of_search, of_analysis = (create_run(tmp_path, parse_config(""), search=each, trial=3) for each in (search, analysis))
    for trial, known in ((of_search, (search, (LR,))), (of_analysis, (None, ()))):
        reader = RunReader(trial)
        reader.refresh()
        assert data.search_of(reader) == known
