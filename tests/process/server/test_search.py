"""Searches whose trials are forks of the torch server: samplers, pruning, kills, commands, storage."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from gradtop.trainer.config import load_config, parse_config
from gradtop.trainer.jobs.search.asking import ask
from gradtop.trainer.jobs.search.outcome import outcome_of
from gradtop.trainer.jobs.search.study import JOURNAL
from gradtop.trainer.launch import create_run, start_worker
from gradtop.trainer.record import Run, RunState, list_runs, read_meta, read_status, send
from gradtop.trainer.record.control import wait_for_answer
from gradtop.trainer.trials.recorded import TrialState, read_trials
from gradtop.tui.cli.main import main
from tests.process.support import Process, wait_for_state
from tests.support import wait_until

Adopt = Callable[[Run], Process]

CONFIGS = Path(__file__).parents[3] / "configs" / "search"
CONFIG = """
[model]
kind = "mlp"
hidden = [8]
[data]
kind = "fake"
samples = 200
classes = 3
image_size = 4
channels = 1
[training]
epochs = 2
batch_size = 32
device = "cpu"
[search]
trials = 4
seed = 1
{more}
[search.space]
"optimizer.lr" = "log(1e-4, 1e-1)"
"""


def search_run(folder: Path, *words: str, more: str = "") -> Run:
    return create_run(folder, parse_config(CONFIG.format(more=more), overrides=list(words), job="search"), name="hunt")


def ended(run: Run) -> RunState:
    wait_until(lambda: read_status(run).state.has_ended, why="the end of the search", timeout=120)
    return read_status(run).state


def journal(run: Run) -> optuna.Study:
    backend = optuna.storages.journal.JournalFileBackend(str(run.path / JOURNAL))
    return optuna.load_study(study_name=run.id, storage=optuna.storages.JournalStorage(backend))


def whole(run: Run, trials: int) -> None:
    """Each trial was done once, in Optuna's storage, in trials.jsonl and as a run."""
    found = read_trials(run)
    assert [(trial.number, trial.state) for trial in found] == [(number, TrialState.DONE) for number in range(trials)]
    study = journal(run)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * trials
    assert [trial.values[0] for trial in study.trials] == [trial.values["loss"] for trial in found]
    of_it = [meta for each in list_runs(run.path.parent) if (meta := read_meta(each)).search == run.id]
    assert sorted(meta.trial for meta in of_it) == list(range(trials))
    assert all(read_meta(Run(run.path.parent / trial.run)).trial == trial.number for trial in found)


@pytest.mark.parametrize("objectives", [["accuracy"], ["loss", "accuracy"]])
def test_a_search_for_a_metric_that_its_data_do_not_have_ends_after_one_trial_and_says_so(tmp_path: Path, running_server: int, objectives: list[str]) -> None:
    (tmp_path / "prices.csv").write_text("area,price\n" + "".join(f"{number % 7}.5,{number * 3}.25\n" for number in range(60)))
    text = f"""
[model]
kind = "mlp"
hidden = [8]
[data]
kind = "table"
file = "{tmp_path / 'prices.csv'}"
target = "price"
[training]
epochs = 2
device = "cpu"
[search]
trials = 4
objectives = {json.dumps(objectives)}
[search.space]
"optimizer.lr" = "log(1e-4, 1e-2)"
"""
    run = create_run(tmp_path / "runs", parse_config(text, job="search"), name="hunt")
    start_worker(run)
    assert ended(run) is RunState.FAILED
    error = read_status(run).error
    assert error.startswith("search.objectives: accuracy has no value in any evaluation of trial 0, though the loss has: these data do not have it.")
    assert error.endswith("Start another search with one of loss, r2, mae, rmse")
    assert [(trial.number, trial.state) for trial in read_trials(run) if trial.started] == [(0, TrialState.FAILED)]


def test_a_search_suggests_as_optuna_does_and_a_trial_is_a_run(tmp_path: Path, running_server: int) -> None:
    run = search_run(tmp_path, "search.sampler=random", "search.trials=5", "training.epochs=1")
    start_worker(run)
    assert ended(run) is RunState.DONE, read_status(run).error
    whole(run, 5)
    reference = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    wanted = [reference.ask().suggest_float("optimizer.lr", 1e-4, 1e-1, log=True) for _ in range(5)]
    assert [trial.params["optimizer.lr"] for trial in read_trials(run)] == wanted
    outcome = outcome_of(read_status(run).result)
    assert outcome.best == (journal(run).best_trial.number,)
    importances = optuna.importance.get_param_importances(journal(run), evaluator=optuna.importance.PedAnovaImportanceEvaluator())
    assert outcome.importances["ped_anova"]["loss"] == pytest.approx(importances)
    first = Run(tmp_path / read_trials(run)[0].run)
    assert load_config(first.config).part("optimizer").lr == wanted[0]  # type: ignore[attr-defined]
    assert read_meta(first).parent == run.id
    written = tmp_path / "best.toml"
    assert main(["search", run.id, "--best-config", str(written), "--runs", str(tmp_path)]) == 0
    assert load_config(written).part("optimizer").lr == journal(run).best_params["optimizer.lr"]  # type: ignore[attr-defined]


def test_the_examples_run(tmp_path: Path, running_server: int) -> None:
    found = {}
    for file in sorted(CONFIGS.glob("*.toml")):
        short = ["training.epochs=1", "training.device=cpu", *(["search.trials=3"] if file.stem != "grid" else [])]
        found[file.stem] = create_run(tmp_path, load_config(file, short, job="search"), name=file.stem)
        start_worker(found[file.stem])
    assert {name: ended(run) for name, run in found.items()} == dict.fromkeys(found, RunState.DONE), [read_status(run).error for run in found.values()]
    assert len({tuple(trial.params.items()) for trial in read_trials(found["grid"])}) == 6
    assert outcome_of(read_status(found["pareto"]).result).best == tuple(trial.number for trial in journal(found["pareto"]).best_trials)
    assert all("optimizer.momentum" in trial.params for trial in read_trials(found["digits_mlp"]) if trial.params["optimizer.kind"] == "sgd")


def test_a_search_and_a_trial_that_are_killed_go_on_and_nothing_is_lost_or_counted_twice(tmp_path: Path, running_server: int) -> None:
    run = search_run(tmp_path, "training.epochs=60", "search.trials=2")
    start_worker(run)
    trial = wait_until(lambda: next((trial for trial in read_trials(run) if trial.state is TrialState.TRAINING), None), why="a trial")
    of_trial = Run(tmp_path / trial.run)
    # It may have ended before this process came to look; then the search alone is killed.
    wait_until(lambda: any(of_trial.checkpoints.glob("step-*.pt")) or read_status(of_trial).state.has_ended, why="its first epoch")
    for each in (run, of_trial):
        with contextlib.suppress(ProcessLookupError):
            process = Process(read_status(each).pid)
            process.kill(signal.SIGKILL)
            assert process.ends_within(30)
    wait_for_state(run, RunState.DIED)
    start_worker(run, resume=True)
    assert ended(run) is RunState.DONE, read_status(run).error
    whole(run, 2)
    first, second = (trial.params for trial in read_trials(run))
    assert first != second  # the sampler goes on where it was


def test_trials_are_added_and_stopped_and_the_budget_extended(tmp_path: Path, running_server: int) -> None:
    run = search_run(tmp_path, "training.epochs=100000", "search.trials=1")
    start_worker(run)
    wait_until(lambda: any(trial.state is TrialState.TRAINING for trial in read_trials(run)), why="a trial")

    def answer(command: str, **arguments: object) -> str:
        found = wait_for_answer(run, send(run, command, **arguments), 30)
        assert found is not None
        return "" if found["ok"] else str(found["reason"])

    assert "must be a number from 0.0001 to 0.1" in answer("add_trial", params={"lr": 5})
    assert "is not in the space" in answer("add_trial", params={"model.dropout": 0.5})
    assert "no trial 7" in answer("stop_trial", trial=7)
    assert "at least one" in answer("extend", trials=0)
    assert answer("add_trial", params={"lr": 0.0125}) == ""
    assert answer("stop_trial", trial=0) == ""
    wait_until(lambda: [trial.state for trial in read_trials(run)] == [TrialState.STOPPED, TrialState.TRAINING], why="the added trial")
    assert read_trials(run)[1].params == {"optimizer.lr": 0.0125}
    assert read_trials(run)[1].source == "hand"
    assert answer("stop_trial", trial=1) == ""
    assert ended(run) is RunState.DONE, read_status(run).error
    ask(run, "add_trial", {"params": {"lr": 0.05}})  # resumes it
    wait_until(lambda: len(read_trials(run)) == 3 and read_trials(run)[2].state is TrialState.TRAINING, why="the trial added to a search that had ended")
    ask(run, "stop_trial", {"trial": 2})
    assert ended(run) is RunState.DONE, read_status(run).error
    with pytest.raises(OSError, match="does not run"):
        ask(run, "stop_trial", {"trial": 2})
    assert [trial.state.name for trial in journal(run).trials] == ["FAIL"] * 3


def test_trials_are_pruned_in_any_storage_and_one_that_is_gone_is_a_sentence(tmp_path: Path, running_server: int) -> None:
    url = f"sqlite:///{tmp_path / 'search.db'}"
    run = search_run(tmp_path / "runs", f"search.storage={url}", "search.pruner=hyperband", "training.epochs=9", "search.workers=2", "search.trials=9")
    start_worker(run)
    assert ended(run) is RunState.DONE, read_status(run).error
    states = [trial.state for trial in read_trials(run)]
    assert len(states) == 9
    assert set(states) == {TrialState.DONE, TrialState.PRUNED}
    study = optuna.load_study(study_name=run.id, storage=url)
    assert [trial.state.name.replace("COMPLETE", "DONE") for trial in study.trials] == [state.name for state in states]
    (tmp_path / "search.db").unlink()
    start_worker(run, resume=True)
    wait_until(lambda: "has no study" in read_status(run).error, why="the sentence")


def test_a_storage_that_cannot_be_opened_is_a_sentence(tmp_path: Path, running_server: int) -> None:
    (tmp_path / "missing").mkdir()
    run = search_run(tmp_path, f"search.storage=sqlite:///{tmp_path}/missing/search.db")
    (tmp_path / "missing").rmdir()  # as of a disk that is not mounted any more
    start_worker(run)
    assert ended(run) is RunState.FAILED
    assert "missing/search.db, failed" in read_status(run).error
    assert json.loads((run.path / "status.json").read_text())["state"] == "failed"
