"""What a sensitivity analysis plans, and what it says of what was measured: functions, without a process."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradtop.trainer.config import diff_config, load_config, parse_config
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.jobs.search.outcome import SearchOutcome
from gradtop.trainer.jobs.sensitivity.config import Settings
from gradtop.trainer.jobs.sensitivity.effects import outcome_from
from gradtop.trainer.jobs.sensitivity.estimate import announced_by
from gradtop.trainer.jobs.sensitivity.importances import importances_beside
from gradtop.trainer.jobs.sensitivity.outcome import SensitivityOutcome, sensitivity_of
from gradtop.trainer.jobs.sensitivity.plan import Point, SensitivityPlan, plan_of
from gradtop.trainer.jobs.sensitivity.ranges import default_ranges
from gradtop.trainer.jobs.sensitivity.result import announcement, describe, describe_plan, ended_fields
from gradtop.trainer.launch import create_run
from gradtop.trainer.metrics import monitored
from gradtop.trainer.record import RunState, Status, write_status

CONFIGS = Path(__file__).parents[2] / "configs"
VARIED = 'sensitivity.vary={"lr" = "log(0.005, 0.5)", "dropout" = "float(0, 0.5)"}'
BASE = ('[model]\nkind = "mlp"\ndropout = 0.25\n[optimizer]\nkind = "sgd"\nlr = 0.05\n', [VARIED, "sensitivity.points=3", "sensitivity.seeds=4", "training.seed=10"])
LR, DROPOUT = "optimizer.lr", "model.dropout"


def planned(*words: str) -> SensitivityPlan:
    config = parse_config(BASE[0], overrides=[*BASE[1], *words], job="sensitivity")
    settings = config.part("sensitivity")
    assert isinstance(settings, Settings)
    return plan_of(config, settings)


def analysed(measured: Mapping[Point, Mapping[int, float]], failed: Mapping[Point, int] | None = None, *words: str, metric: str = "loss", normalised: bool = False) -> SensitivityOutcome:
    return outcome_from(planned(*words), monitored(metric, "auto"), measured, failed or {}, normalised=normalised)


def noisy(seed: int) -> dict[Point, dict[int, float]]:
    """Losses of all trainings of the plan: the learning rate matters, dropout hardly; the seeds shift all of them alike."""
    draw = random.Random(seed)
    shifts = {each: draw.gauss(0, 0.2) for each in range(10, 14)}
    means: dict[Point, float] = {(): 1.0, ((LR, 0.005),): 1.6, ((LR, 0.5),): 1.2, ((DROPOUT, 0.0),): 1.1, ((DROPOUT, 0.5),): 1.05}
    return {point: {each: mean + shift + draw.gauss(0, 0.03) for each, shift in shifts.items()} for point, mean in means.items()}


# What is trained


def test_the_plan_has_the_base_then_each_value_of_one_field_at_a_time_with_the_same_seeds() -> None:
    plan = planned()
    changed: list[Point] = [(), ((LR, 0.005),), ((LR, 0.5),), ((DROPOUT, 0.0),), ((DROPOUT, 0.5),)]
    assert list(plan.points) == changed
    assert list(plan.trainings) == [(point, seed) for seed in (10, 11, 12, 13) for point in changed]
    assert [field.values for field in plan.fields] == [(0.005, 0.05, 0.5), (0.0, 0.25, 0.5)]


def test_a_field_of_one_kind_can_vary_beside_the_kind_as_only_one_of_them_does_at_a_time() -> None:
    words = ["optimizer.kind=adamw", 'sensitivity.vary={"optimizer.kind" = "choice(sgd, adamw)", "betas" = "choice([0.8, 0.99], [0.9, 0.999])"}', "sensitivity.seeds=1"]
    config = parse_config("", overrides=words, job="sensitivity")
    settings = config.part("sensitivity")
    assert isinstance(settings, Settings)
    assert len(plan_of(config, settings).trainings) == 3


def test_a_pair_is_a_grid_whose_axes_are_trained_once() -> None:
    plan = planned('sensitivity.pairs=["lr,dropout"]')
    assert len(plan.points) == 9
    assert set(planned().points) < set(plan.points)


def test_the_value_of_the_base_is_among_those_of_a_range_and_not_trained_twice() -> None:
    lr, size = planned('sensitivity.vary={"lr" = "log(0.01, 1)", "batch_size" = "choice(16, 64)"}', "training.batch_size=32", "sensitivity.points=2").fields
    assert (lr.values, lr.base) == ((0.01, 0.05, 1.0), 1)
    assert (size.values, size.base, size.scale) == ((32, 16, 64), 0, "choice")


def test_ranges_follow_from_what_the_configuration_has() -> None:
    assert default_ranges(load_config(CONFIGS / "digits_mlp.toml")) == {
        "optimizer.lr": "log(0.005, 0.5)",
        "optimizer.momentum": "float(0.7, 0.9667)",
        "optimizer.weight_decay": "log(1e-05, 0.001)",
        "model.dropout": "float(0, 0.5)",
        "training.batch_size": "int(8, 128, log)",
        "training.label_smoothing": "float(0, 0.2)",
    }
    adam = default_ranges(parse_config('[optimizer]\nkind = "adamw"\nlr = 1e-3\n[training]\nclip = 2.0\n'))
    assert adam["optimizer.betas"] == ["[0.7, 0.999]", "[0.9, 0.999]", "[0.9667, 0.999]"]
    assert adam["training.clip"] == "log(0.5, 8)"
    assert "optimizer.momentum" not in adam


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_configuration_can_be_analysed_as_it_is(path: Path) -> None:
    config = load_config(path, job="sensitivity")
    settings = config.part("sensitivity")
    assert isinstance(settings, Settings)
    plan = plan_of(config, settings)
    assert len(plan.fields) >= 4
    assert all(len(field.values) > 1 for field in plan.fields)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (['sensitivity.vary={"lt" = "log(1e-4, 1)"}'], "lt"),
        (['sensitivity.vary={"lr" = "log(0, 1)"}'], "must begin above 0"),
        (['sensitivity.vary={"dropout" = "float(0, 1.5)"}'], "in the space: 1.5"),
        (['sensitivity.vary={"lr" = "near(1)"}'], "log(low, high)"),
        (['sensitivity.vary={"seed" = "int(1, 5)"}'], "cannot vary"),
        (['sensitivity.vary={"lr" = "float(0.1, 0.1)"}'], "at least two values"),
        (['sensitivity.vary={"lr" = "log(1e-4, 1) if optimizer.kind == sgd"}'], "takes no condition"),
        (['sensitivity.pairs=["lr"]'], "is not a pair of keys"),
        (['sensitivity.pairs=["lr,lr"]'], "is not a pair of keys"),
        (['sensitivity.pairs=["lr,momentum"]'], 'give its range: --vary "optimizer.momentum=log(low, high)"'),
        (["sensitivity.points=1"], "sensitivity.points"),
        (["sensitivity.seeds=0"], "sensitivity.seeds"),
        (["training.monitor=beauty"], "beauty"),
        (["sensitivity.search=../x"], "id of a run"),
    ],
)
def test_what_cannot_be_analysed_is_refused_by_name(words: list[str], said: str) -> None:
    with pytest.raises(ConfigProblems) as refused:
        planned(*words)
    assert said in str(refused.value)


def test_before_it_begins_it_says_how_many_trainings_and_about_how_long(tmp_path: Path) -> None:
    config = parse_config(BASE[0], overrides=[*BASE[1], "sensitivity.workers=2"], job="sensitivity")
    run = create_run(tmp_path, config)
    assert announcement(run) == "20 trainings, 5 configurations with 4 seeds each, timed once the first has ended; ranges: optimizer.lr log(0.005, 0.5); model.dropout float(0, 0.5)"
    parent = create_run(tmp_path, parse_config(BASE[0]))
    write_status(parent, Status(state=RunState.DONE, seconds=60.0))
    assert announced_by(create_run(tmp_path, config, parent=parent))["seconds"] == 600
    shorter = config.model_copy(update={"training": config.training.model_copy(update={"epochs": config.training.epochs // 2})})
    write_status(parent, Status(state=RunState.DONE, seconds=60.0, step=300, steps=300, steps_per_epoch=300 // config.training.epochs))
    assert announced_by(create_run(tmp_path, shorter, parent=parent, changes=diff_config(parse_config(BASE[0]), shorter)))["seconds"] == 300
    write_status(parent, Status(state=RunState.STOPPED, seconds=60.0))  # a part of a training says nothing of a whole one
    assert announced_by(create_run(tmp_path, config, parent=parent))["seconds"] is None
    search = create_run(tmp_path, parse_config(BASE[0], overrides=['search.space={"lr" = "log(0.005, 0.5)"}'], job="search"))  # nor does a search
    write_status(search, Status(state=RunState.DONE, seconds=60.0))
    assert announced_by(create_run(tmp_path, config, parent=search))["seconds"] is None


# What it finds


@pytest.mark.parametrize("seed", range(3))
def test_deviations_and_their_intervals_are_those_of_a_bootstrap_over_the_seeds(seed: int) -> None:
    measured = noisy(seed)
    outcome = analysed(measured)
    columns = {LR: [(), ((LR, 0.005),), ((LR, 0.5),)], DROPOUT: [(), ((DROPOUT, 0.0),), ((DROPOUT, 0.5),)]}
    generator = np.random.default_rng(0)
    places = generator.integers(0, 4, size=(20_000, 4))  # seeds drawn with replacement, the same for all values of a field
    assert [each.key for each in outcome.fields] == [LR, DROPOUT]
    for effect in outcome.fields:
        table = np.array([[measured[point][each] for each in range(10, 14)] for point in columns[effect.key]])
        spreads = np.ptp(table[:, places].mean(axis=2), axis=0)
        assert effect.deviation == pytest.approx(np.ptp(table.mean(axis=1)))
        assert (effect.low, effect.high) == pytest.approx(np.percentile(spreads, [2.5, 97.5]), abs=0.01)
        changes = (table[1:] - table[0]).mean(axis=1)
        largest = int(np.argmax(np.abs(changes)))
        assert effect.change == pytest.approx(changes[largest])
        paired = (table[1 + largest] - table[0])[places].mean(axis=1)
        assert (effect.change_low, effect.change_high) == pytest.approx(np.percentile(paired, [2.5, 97.5]), abs=0.01)
    assert outcome.base == pytest.approx(np.mean(list(measured[()].values())))
    assert outcome.base_std == pytest.approx(np.std(list(measured[()].values()), ddof=1))
    assert outcome == analysed(measured)  # the same samples each time


def test_differences_are_of_the_same_seeds_so_that_what_all_share_cancels() -> None:
    measured = {point: {each: value + 100 * each for each, value in values.items()} for point, values in noisy(1).items()}
    lr = analysed(measured).fields[0]
    assert lr.high - lr.low < 0.3
    assert not lr.in_the_noise
    del measured[((LR, 0.005),)][13]  # has not ended: its mean is over other seeds, the difference is not
    assert analysed(measured).fields[0].deviation == pytest.approx(lr.deviation, abs=0.1)


def test_normalised_they_are_ranked_per_decade_or_width_of_the_range() -> None:
    measured: dict[Point, dict[int, float]] = {(): {10: 1.0}, ((LR, 0.005),): {10: 1.4}, ((LR, 0.5),): {10: 1.1}, ((DROPOUT, 0.0),): {10: 1.3}, ((DROPOUT, 0.5),): {10: 1.1}}
    plain, ranked = analysed(measured), analysed(measured, normalised=True)
    assert [each.key for each in plain.fields] == [LR, DROPOUT]
    assert [each.deviation for each in plain.fields] == pytest.approx([0.4, 0.3])
    # Two decades of learning rates; a range of dropouts half a unit wide.
    assert [each.key for each in ranked.fields] == [DROPOUT, LR]
    assert [each.normalised for each in ranked.fields] == pytest.approx([0.6, 0.2])


def test_of_one_seed_there_are_deviations_and_no_intervals() -> None:
    outcome = analysed({point: {10: values[10]} for point, values in noisy(2).items()})
    assert outcome.fields[0].deviation > 0
    assert all(math.isnan(each) for effect in outcome.fields for each in (effect.low, effect.high, effect.change_low))
    assert math.isnan(outcome.base_std)
    assert not outcome.fields[0].in_the_noise


def test_a_field_has_no_interval_until_each_of_its_values_has_two_seeds() -> None:
    measured = noisy(1)
    for seed in (11, 12, 13):
        del measured[((LR, 0.5),)][seed]  # not the largest change
    lr = next(each for each in analysed(measured).fields if each.key == LR)
    assert math.isfinite(lr.deviation)
    assert math.isnan(lr.low)
    assert lr.change_low < lr.change < lr.change_high
    for seed in (11, 12, 13):
        del measured[((LR, 0.005),)][seed]
    lr = next(each for each in analysed(measured).fields if each.key == LR)
    assert math.isnan(lr.change_low)


def test_the_best_value_follows_the_direction_of_the_metric_and_one_that_diverged_is_none() -> None:
    measured: dict[Point, dict[int, float]] = {(): {10: 0.8, 11: 0.8}, ((LR, 0.005),): {10: 0.7, 11: 0.7}, ((LR, 0.5),): {10: 0.9}}
    best = {metric: {each.key: each.best for each in analysed(measured, {((LR, 0.5),): 1}, metric=metric).fields} for metric in ("loss", "accuracy")}
    assert (best["loss"][LR], best["accuracy"][LR]) == (0.005, 0.05)
    outcome = analysed(measured, {((LR, 0.5),): 1, ((DROPOUT, 0.5),): 2})
    assert [(each.key, each.failed) for each in outcome.fields] == [(LR, 1), (DROPOUT, 2)]
    assert outcome.failed == 3
    assert math.isnan(outcome.fields[1].deviation)
    assert [(each.value, each.seeds, each.failed) for each in outcome.fields[1].points] == [(0.0, 0, 0), (0.25, 2, 0), (0.5, 0, 2)]


def test_a_pair_has_the_mean_of_each_combination_and_marks_what_failed() -> None:
    measured: dict[Point, dict[int, float]] = {(): {10: 1.0, 11: 2.0}, ((DROPOUT, 0.5), (LR, 0.5)): {10: 4.0, 11: 6.0}}
    (grid,) = analysed(measured, {((DROPOUT, 0.0), (LR, 0.5)): 3}, 'sensitivity.pairs=["lr,dropout"]').pairs
    assert (grid.first, grid.second) == (LR, DROPOUT)
    assert (grid.rows, grid.columns) == ((0.005, 0.05, 0.5), (0.0, 0.25, 0.5))
    assert (grid.means[1][1], grid.means[2][2], grid.failed[2][0]) == (1.5, 5.0, 3)
    assert math.isnan(grid.means[2][0])


def test_what_was_found_is_read_back_as_it_was_and_nonsense_as_nothing() -> None:
    outcome = analysed(noisy(1), {((LR, 0.5),): 1}, 'sensitivity.pairs=["lr,dropout"]')
    outcome = replace(outcome, search="20260101-0000-red-fox", search_name="red-fox", importances={"fanova": {LR: 0.75}})
    found = sensitivity_of(outcome.record())
    assert found.record() == outcome.record()
    assert found.fields[0].points == outcome.fields[0].points
    damaged: list[dict[str, object]] = [{"fields": 3}, {"fields": [{"points": 7, "deviation": "x"}], "pairs": [{"rows": [1]}]}, {"importances": {"a": 4}}]
    for nonsense in damaged:
        found = sensitivity_of(nonsense)
        assert not found.pairs
        assert all(math.isnan(each.deviation) for each in found.fields)


def test_at_its_end_it_names_what_matters_most() -> None:
    event = {"kind": "sensitivity", **ended_fields(analysed(noisy(1), {((LR, 0.5),): 2}))}
    words, tone = describe(event)
    assert words.startswith("sensitivity: loss depends on optimizer.lr most, by 0.")
    assert words.endswith("; 2 trainings failed or diverged")
    assert tone == "success"
    assert describe({"kind": "sensitivity", **ended_fields(analysed({}))}) == ("sensitivity: nothing could be compared", "warning")


def test_importances_are_those_of_the_newest_search_of_the_same_configuration_or_of_the_one_named(tmp_path: Path) -> None:
    words = ['search.space={"lr" = "log(1e-3, 1)"}']

    def search(name: str, share: float, text: str = BASE[0]) -> str:
        run = create_run(tmp_path, parse_config(text, overrides=words, job="search"), name=name)
        outcome = SearchOutcome(objectives={"loss": "min"}, importances={"fanova": {"loss": {LR: share}}} if share else {})
        write_status(run, Status(state=RunState.DONE, result=outcome.record()))
        return run.id

    run = create_run(tmp_path, parse_config(BASE[0], overrides=[VARIED], job="sensitivity"), name="own")
    assert importances_beside(run, "").search == ""
    search("other", 0.9, BASE[0].replace("0.05", "0.01"))
    assert importances_beside(run, "").search == ""
    first = search("first", 0.5)
    search("empty", 0.0)
    found = importances_beside(run, "")
    assert (found.search, found.name, found.shares) == (first, "first", {"fanova": {LR: 0.5}})
    other = search("third", 0.25, BASE[0].replace("0.05", "0.01"))
    assert importances_beside(run, other).shares == {"fanova": {LR: 0.25}}


def test_one_seed_is_no_plural() -> None:
    assert describe_plan({"trainings": 4, "points": 4, "seeds": 1})[0].startswith("4 trainings, 4 configurations with 1 seed each, ")
