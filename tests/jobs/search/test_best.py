"""Which trials a search of several objectives calls the best, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.config import load_config, parse_config
from gradtop.trainer.jobs.search.outcome import SearchOutcome
from gradtop.trainer.jobs.search.result import RESULT
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunReader, Status, write_status
from gradtop.trainer.trials.recorded import Trial, TrialState, append_trial
from gradtop.tui.cli.main import main

LR = "optimizer.lr"
FOUND = [(0.1, 2.27, 3.0), (0.2, 0.07, 4.0), (0.3, 0.9, 5.0), (0.4, 0.5, 3.5)]  # learning rate, first objective, seconds; the third is worse than others


@pytest.mark.parametrize(("direction", "first"), [("min", [1, 3, 0]), ("max", [0, 3, 1])])
def test_the_best_of_a_front_is_that_by_the_first_objective(tmp_path: Path, capsys: pytest.CaptureFixture[str], direction: str, first: list[int]) -> None:
    search = create_run(tmp_path, parse_config(f'[search]\nspace = {{ "{LR}" = "log(1e-2, 1)" }}', job="search"), name="two")
    for number, (lr, value, seconds) in enumerate(FOUND):
        trial = create_run(tmp_path, parse_config(f"[optimizer]\nkind = 'sgd'\nlr = {lr}"), name=f"two-{number}")
        append_trial(search, Trial(number, TrialState.DONE, {LR: lr}, {"loss": value, "seconds": seconds}, trial.id))
    outcome = SearchOutcome({"loss": direction, "seconds": "min"}, best=(0, 1, 3))
    write_status(search, Status(result=outcome.record()))
    reader = RunReader(Run(search.path))
    reader.refresh()
    said = [text.split()[1] for title, text in RESULT.lines(reader) if title == "best"]
    assert said == [str(number) for number in first]
    written = tmp_path / "best.toml"
    assert main(["search", search.id, "--best-config", str(written), "--runs", str(tmp_path)]) == 0
    assert load_config(written).part("optimizer").lr == FOUND[first[0]][0]  # type: ignore[attr-defined]
    assert f"trial {first[0]}, by the first objective the best of the 3 of the Pareto front" in capsys.readouterr().out


def test_why_trials_failed_is_told_with_what_the_search_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search = create_run(tmp_path, parse_config(f'[search]\nspace = {{ "{LR}" = "log(1e-2, 1)" }}', job="search"), name="ill")
    for number, error in enumerate(("its worker died twice", "prices.csv is not there", "prices.csv is not there")):
        append_trial(search, Trial(number, TrialState.FAILED, {LR: 0.1}, error=error))
    write_status(search, Status(result=SearchOutcome({"loss": "min"}, counts={"failed": 3}).record()))
    assert main(["show", search.id, "--runs", str(tmp_path)]) == 0
    assert "failed        2 trials: prices.csv is not there\n" in capsys.readouterr().out
    assert main(["plot", search.id, "--runs", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("nothing to plot: no trial has a value; failed 2 trials: prices.csv is not there\n")
