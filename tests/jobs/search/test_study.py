"""A study as the search asks and tells it, beside Optuna's own."""

from __future__ import annotations

import math
import sys
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest

from gradtop.trainer.config import ConfigProblems, parse_config
from gradtop.trainer.jobs.search import study as studies
from gradtop.trainer.jobs.search.commands import in_space
from gradtop.trainer.jobs.search.config import Settings
from gradtop.trainer.jobs.search.study import Study
from gradtop.trainer.jobs.search.written import search_overrides
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.trials.space import parse_parameter, parse_space

# GP, Wilcoxon and PED-ANOVA are experimental in Optuna, and say so.
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
SPACE = {"optimizer.lr": "log(1e-4, 1e-1)", "training.batch_size": "int(16, 64, step=16)", "model.dropout": "float(0, 0.5, step=0.1)"}
NAMES = ("PRUNED", "COMPLETE")


def study_in(folder: Path, *, resume: bool = False, **options: Any) -> Study:
    settings = Settings(space=SPACE, **options)
    base = parse_config("[training]\nepochs = 9\n")
    folder.mkdir(exist_ok=True)
    return Study(Run(folder), settings, base, parse_space(SPACE, base), resume=resume)


def reference(trial: optuna.Trial) -> dict[str, Any]:
    lr = trial.suggest_float("optimizer.lr", 1e-4, 1e-1, log=True)
    return {"optimizer.lr": lr, "training.batch_size": trial.suggest_int("training.batch_size", 16, 64, step=16), "model.dropout": trial.suggest_float("model.dropout", 0, 0.5, step=0.1)}


def score(params: dict[str, Any], epoch: int = 9) -> float:
    return float((math.log10(params["optimizer.lr"]) + 2) ** 2 + params["model.dropout"] + params["training.batch_size"] / 100 + 1 / epoch)


@pytest.mark.parametrize(
    ("sampler", "theirs"), [("tpe", optuna.samplers.TPESampler), ("random", optuna.samplers.RandomSampler), ("cmaes", optuna.samplers.CmaEsSampler)]
)
def test_it_suggests_what_optuna_suggests_and_its_importances_are_optunas(tmp_path: Path, sampler: Any, theirs: Any) -> None:
    ours, plain = study_in(tmp_path / "run", sampler=sampler, seed=3), optuna.create_study(sampler=theirs(seed=3))
    for _ in range(20):
        trial, params = ours.ask() or pytest.fail("no trial")
        other = plain.ask()
        assert params == pytest.approx(reference(other), rel=1e-9)
        ours.tell(trial.number, [score(params)], "complete")
        plain.tell(other, score(params))
    assert ours.best() == (plain.best_trial.number,)
    found, _ = ours.importances()
    assert found["ped_anova"]["loss"] == pytest.approx(optuna.importance.get_param_importances(plain, evaluator=optuna.importance.PedAnovaImportanceEvaluator()))
    assert found["fanova"]["loss"] == pytest.approx(optuna.importance.get_param_importances(plain, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=3)))


@pytest.mark.parametrize(
    ("pruner", "theirs"),
    [("median", optuna.pruners.MedianPruner), ("hyperband", partial(optuna.pruners.HyperbandPruner, min_resource=1, max_resource=9)), ("wilcoxon", optuna.pruners.WilcoxonPruner)],
)
def test_it_prunes_what_optuna_prunes(tmp_path: Path, pruner: Any, theirs: Any) -> None:
    ours = study_in(tmp_path / "run", sampler="random", pruner=pruner)
    # Hyperband deals trials out by the name of the study.
    plain = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=theirs(), study_name="run")
    pruned = []
    for _ in range(16):
        trial, params = ours.ask() or pytest.fail("no trial")
        other = plain.ask()
        reference(other)
        for epoch in range(1, 10):
            ends = ours.report(trial, score(params, epoch), epoch)
            other.report(score(params, epoch), epoch)
            assert ends == other.should_prune()
            if ends:
                break
        ours.tell(trial.number, [score(params)], "pruned" if ends else "complete")
        plain.tell(other, None if ends else score(params), state=getattr(optuna.trial.TrialState, NAMES[not ends]))
        pruned.append(ends)
    assert any(pruned)
    assert not all(pruned)


def test_several_objectives_have_optunas_front_and_importances_each(tmp_path: Path) -> None:
    ours = study_in(tmp_path / "run", sampler="random", objectives=("loss", "seconds"))
    for _ in range(12):
        trial, params = ours.ask() or pytest.fail("no trial")
        ours.tell(trial.number, [score(params), 64 / float(params["training.batch_size"])], "complete")
    assert ours.best() == tuple(trial.number for trial in ours.study.best_trials)
    found, _ = ours.importances()
    expected = optuna.importance.get_param_importances(ours.study, evaluator=optuna.importance.PedAnovaImportanceEvaluator(), target=lambda trial: trial.values[1])
    assert found["ped_anova"]["seconds"] == pytest.approx(expected)
    assert set(found["fanova"]) == {"loss", "seconds"}


def test_an_objective_that_is_to_be_high_has_the_importances_of_reaching_high_values(tmp_path: Path) -> None:
    ours, mirrored = (study_in(tmp_path / name, sampler="random", objectives=names) for name, names in (("high", ("accuracy", "seconds")), ("low", ("loss", "seconds"))))
    for _ in range(40):
        for study, sign in ((ours, -1), (mirrored, 1)):
            trial, params = study.ask() or pytest.fail("no trial")
            # The learning rate alone decides what is good, dropout how bad the bad ones are.
            distance = abs(math.log10(float(params["optimizer.lr"])) + 2)
            study.tell(trial.number, [sign * (distance if distance < 0.3 else 1 + 10 * float(params["model.dropout"])), 1.0], "complete")
    (found, _), (expected, _) = ours.importances(), mirrored.importances()
    assert found["ped_anova"]["accuracy"] == pytest.approx(expected["ped_anova"]["loss"])
    assert next(iter(found["ped_anova"]["accuracy"])) == "optimizer.lr"


def test_pruned_trials_do_not_count_among_those_that_importances_require(tmp_path: Path) -> None:
    ours = study_in(tmp_path / "run", sampler="random")
    for number in range(8):
        trial, params = ours.ask() or pytest.fail("no trial")
        ours.report(trial, score(params), 1)
        ours.tell(trial.number, [score(params)], "complete" if number < 3 else "pruned")
    assert ours.importances() == ({}, "importances require 4 completed trials")


def test_a_resumed_study_draws_nothing_again(tmp_path: Path) -> None:
    drawn = []
    for resume in (False, True, True):
        trial, params = study_in(tmp_path / "run", sampler="random", resume=resume).ask() or pytest.fail("no trial")
        drawn.append((trial.number, params["optimizer.lr"]))
    assert [number for number, _ in drawn] == [0, 1, 2]
    assert len({lr for _, lr in drawn}) == 3


def test_what_is_missing_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for missing, sampler in (("optuna", "tpe"), ("cmaes", "cmaes"), ("scipy", "gp")):
        monkeypatch.setattr(studies, "find_spec", lambda name, missing=missing: None if name == missing else True)
        with pytest.raises(UserError, match=r"requires .*: pip install 'gradtop\[search\]'"):
            study_in(tmp_path / missing, sampler=sampler)


def test_what_is_typed_into_one_line_becomes_overrides_and_a_storage_is_a_url() -> None:
    config = parse_config("", overrides=search_overrides("lr=log(1e-4, 1e-1); dropout=float(0, 0.5); trials=7; objectives=accuracy, seconds"), job="search")
    settings = config.part("search")
    assert isinstance(settings, Settings)
    assert (settings.trials, settings.objectives, set(settings.space)) == (7, ("accuracy", "seconds"), {"lr", "dropout"})
    with pytest.raises(ConfigProblems, match="must be a URL"):
        parse_config("", overrides=search_overrides("lr=log(1e-4, 1e-1); storage='search.db'"), job="search")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://user:secret@host/name", r"mysql://host/name requires the Python module MySQLdb, which is not installed"),
        ("redis://:secret@host/0", r"redis://host/0 requires the Python module redis, which is not installed"),
        ("nothing://host/name", r"nothing://host/name: SQLAlchemy knows no database of the kind nothing"),
    ],
)
def test_a_storage_that_cannot_be_opened_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, sentence: str) -> None:
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(UserError, match=sentence):
        study_in(tmp_path / "search", storage=url)


def test_a_list_is_a_choice_by_its_text() -> None:
    hidden = parse_parameter("model.hidden", "choice([8], [64, 32])")
    assert in_space(hidden, [64, 32]) == "[64, 32]"
    with pytest.raises(ValueError, match="must be one of"):
        in_space(hidden, [64])
