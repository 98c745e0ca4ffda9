"""trials.jsonl as the search writes it and as anybody reads it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from gradtop.trainer.jobs.search.outcome import SearchOutcome, outcome_of
from gradtop.trainer.record import Run
from gradtop.trainer.record.events import plain
from gradtop.trainer.trials.recorded import FILE, Trial, TrialReader, TrialState, append_trial, read_trials

TRIAL = Trial(3, TrialState.TRAINING, {"optimizer.lr": 1e-3, "model.kind": "mlp", "training.batch_size": 64, "monitor.pictures": True}, run="a", queued=1.0, started=2.0)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_the_last_line_of_a_trial_is_what_it_is(run: Run) -> None:
    append_trial(run, replace(TRIAL, state=TrialState.QUEUED, run=""))
    append_trial(run, TRIAL)
    append_trial(run, Trial(1, TrialState.FAILED, error="loss is nan", values={"loss": math.nan}, source="hand"))
    first, second = read_trials(run)
    assert second == TRIAL
    assert (first.number, first.state, first.error, first.source) == (1, TrialState.FAILED, "loss is nan", "hand")
    assert math.isnan(first.values["loss"])


def test_a_command_in_the_error_of_a_trial_finds_its_run_where_it_lies_now(run: Run) -> None:
    append_trial(run, Trial(3, TrialState.FAILED, run="its-run", error="go on with gradtop resume its-run --runs /before"))
    assert read_trials(run)[0].error == f"go on with gradtop resume its-run --runs {run.path.parent}"


def test_what_is_appended_is_read_once_and_a_torn_line_when_it_is_whole(run: Run) -> None:
    reader = TrialReader(run)
    assert not reader.refresh()
    append_trial(run, TRIAL)
    assert reader.refresh()
    assert not reader.refresh()
    ended = replace(TRIAL, state=TrialState.DONE, values={"loss": 0.5}, ended=3.0)
    append_trial(run, ended)
    whole = (run.path / FILE).read_bytes()
    (run.path / FILE).write_bytes(whole[:-9])
    assert not reader.refresh()
    assert reader.trials == (TRIAL,)
    append_trial(run, replace(TRIAL, number=4))  # after the torn line of a process that was killed
    assert reader.refresh()
    assert [trial.number for trial in reader.trials] == [3, 4]
    (run.path / FILE).write_bytes(whole)
    assert TrialReader(run).refresh()
    assert read_trials(run) == (ended,)
    (run.path / FILE).unlink()
    assert reader.refresh()
    assert not reader.trials


@pytest.mark.parametrize(
    "line",
    [
        b"", b"nonsense", b"[]", b'{"number": 3}', b'{"number": 3, ', b'{"number": -3, "state": "done"}', b'{"number": 1e400, "state": "done"}',
        b'{"number": 99999999999999999999999, "state": "done"}', b"\xff\x00" * 50, b'{"number": 3, "state": "done", "params": ' + b"[" * 5000,
        b'{"number": 3, "error": "' + b"x" * 70_000 + b'"}',
    ],
)  # fmt: skip
def test_nonsense_is_skipped(run: Run, line: bytes) -> None:
    append_trial(run, TRIAL)
    with (run.path / FILE).open("ab") as file:
        file.write(line + b"\n")
    assert read_trials(run) == (TRIAL,)


def test_fields_of_a_wrong_type_take_their_defaults_and_text_is_data(run: Run) -> None:
    (run.path / FILE).write_text(
        '{"number": 0, "state": "frozen", "params": {"a": [1], "b": null, "c": "\\u001b[2J"}, "values": {"loss": "NaN", "f1": {}}, "run": "../x", "ended": -1, "error": 7}\n'
    )
    (trial,) = read_trials(run)
    assert trial.state is TrialState.UNKNOWN
    assert trial.params == {"c": "\x1b[2J"}
    assert list(trial.values) == ["loss"]
    assert (trial.run, trial.ended, trial.error) == ("", 0.0, "")


def test_ten_thousand_trials_are_read(run: Run) -> None:

    params: dict[str, float | int | bool | str] = {"optimizer.lr": 1.234567e-3, "optimizer.weight_decay": 0.0123456, "training.batch_size": 64, "model.kind": "mlp", "training.label_smoothing": 0.1}
    states = (TrialState.QUEUED, TrialState.TRAINING, TrialState.DONE)
    lines = [json.dumps(plain(Trial(number, state, params, {"loss": 0.123456}, "20261127-1200-quiet-heron").record())) for number in range(10_000) for state in states]
    (run.path / FILE).write_text("\n".join(lines) + "\n")
    reader = TrialReader(run)
    reader.refresh()
    assert len(reader.trials) == 10_000
    assert {trial.state for trial in reader.trials} == {TrialState.DONE}


def test_the_outcome_is_read_as_it_was_written_and_nonsense_is_left_out() -> None:
    outcome = SearchOutcome({"loss": "min"}, (3, 1), {"done": 4}, 10, {"ped_anova": {"loss": {"optimizer.lr": 0.75}}}, "")
    assert outcome_of(json.loads(json.dumps(outcome.record()))) == outcome
    assert outcome_of({"objectives": 3, "best": ["x", -1, 2], "counts": {"done": "many"}, "importances": {"ped_anova": [1]}, "budget": -4}) == SearchOutcome(
        best=(2,), importances={"ped_anova": {}}
    )
