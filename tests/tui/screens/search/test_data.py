"""What is computed of the trials, against plain definitions."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from gradtop.trainer.record import RunReader
from gradtop.trainer.trials.recorded import Trial, TrialState
from gradtop.tui.screens.search.data import Objective, SearchRecord, SearchView, listed_trials, short_names
from gradtop.tui.screens.search.plot import draw
from gradtop.tui.screens.search.plots import HISTORY, IMPORTANCE, PARALLEL, PARETO, SLICE, PlotView, plot
from gradtop.tui.screens.search.scales import extent_of
from tests.tui.search_fixture import LR, SHARES, search_run, trial

PRINTABLE = {*map(chr, range(32, 127)), "…", "–", "\u202f"}  # the app draws the last ones as ASCII


def searched(count: int, *, maximize: bool = False) -> SearchRecord:
    draw = random.Random(1)
    trials = {number: trial(number, draw, objectives=2) for number in range(count)}
    return SearchRecord(
        trials=trials, objectives=(Objective("loss", maximize), Objective("seconds")), budget=count, importances={"ped_anova": SHARES, "fanova": SHARES}
    )


@pytest.mark.parametrize("maximize", [False, True])
def test_the_best_so_far_and_the_front_are_those_of_their_definitions(maximize: bool) -> None:
    record, sign = searched(300, maximize=maximize), -1 if maximize else 1
    done = [each for each in record.trials.values() if each.state is TrialState.DONE]
    found = dict(record.best_so_far)
    for each in done:
        earlier = [sign * other.values["loss"] for other in done if other.number < each.number]
        assert (each.number in found) == (sign * each.values["loss"] < min(earlier, default=math.inf))
    points = {each.number: (sign * each.values["loss"], each.values["seconds"]) for each in done}
    undominated = {number for number, at in points.items() if not any(a <= at[0] and b <= at[1] and (a, b) != at for a, b in points.values())}
    assert {each.number for each in record.front} == undominated
    assert record.ranked[0].number == record.best_so_far[-1][0]


def test_trials_with_the_same_values_are_on_the_front_together() -> None:
    values = [(0.5, 10.0), (0.9, 30.0), (0.5, 10.0), (0.9, 40.0), (0.4, 10.0), (0.9, 30.0)]
    trials = {number: Trial(number, TrialState.DONE, {LR: 1.0}, {"accuracy": accuracy, "parameters": size}) for number, (accuracy, size) in enumerate(values)}
    record = SearchRecord(trials=trials, objectives=(Objective("accuracy", maximize=True), Objective("parameters")))
    assert {each.number for each in record.front} == {0, 1, 2, 5}


def test_a_value_that_is_not_finite_counts_for_nothing() -> None:
    trials = {0: Trial(0, TrialState.DONE, {LR: 1.0}, {"loss": math.nan}), 1: Trial(1, TrialState.DONE, {LR: 0.1}, {"loss": 2.0})}
    record = SearchRecord(trials=trials, objectives=(Objective("loss"),))
    assert [each.number for each in record.ranked] == [1]
    assert listed_trials(record, SearchView()) == [1, 0]


def test_trials_are_filtered_by_words_and_states_and_sorted_by_any_column() -> None:
    record = searched(200)
    pruned = listed_trials(record, SearchView(filter="pruned"))
    assert {record.trials[number].state for number in pruned} == {TrialState.PRUNED}
    assert all(record.trials[number].params["optimizer.kind"] == "sgd" for number in listed_trials(record, SearchView(filter="kind=sgd done")))
    rates = [float(record.trials[number].params[LR]) for number in listed_trials(record, SearchView(LR, reverse=True))]
    assert rates == sorted(rates, reverse=True)
    assert len(rates) == 200


def test_short_names_tell_the_keys_apart() -> None:
    assert short_names(["optimizer.lr", "optimizer.kind", "model.kind"]) == {"optimizer.lr": "lr", "optimizer.kind": "optimizer.kind", "model.kind": "model.kind"}


def test_a_scale_is_logarithmic_over_decades_and_knows_categories() -> None:
    assert extent_of([1e-5, 1e-1]).scale(4).is_log
    assert not extent_of([16, 128]).scale(4).is_log
    words = extent_of(["sgd", "adamw", True]).scale(4)
    assert [label for _at, label in words.ticks()] == ["adamw", "sgd", "true"]
    assert (words.at("adamw"), words.at(True), words.at("lion"), words.at(None)) == (0.0, 1.0, None, None)
    assert extent_of([3.0, 3.0]).scale(4).at(3.0) == pytest.approx(0.5)
    assert extent_of([math.nan]).scale(4).at(1.0) is None


@pytest.mark.parametrize("kind", [HISTORY, PARALLEL, SLICE, PARETO, IMPORTANCE])
@pytest.mark.parametrize("unicode", [True, False])
def test_each_plot_fits_into_any_size_and_marks_the_chosen_trial(kind: str, unicode: bool) -> None:
    for record in (searched(120), searched(1), searched(0)):
        for width, height in ((100, 20), (57, 15), (30, 6), (9, 2), (1, 1)):
            drawn = plot(record, PlotView(kind, LR), width, height, unicode=unicode)
            chosen = record.ranked[0].number if record.ranked else None
            rows = drawn.with_chosen(chosen)
            assert [len(row.text) for row in rows] == [width] * height
            assert unicode or all((character or " ") in PRINTABLE for row in rows for character in row.text)
            if width == 100 and len(record.trials) > 1 and kind != IMPORTANCE:
                assert list(drawn.rows) != rows


@pytest.mark.parametrize("unicode", [True, False])
def test_a_command_draws_history_and_importances(tmp_path: Path, unicode: bool) -> None:
    reader, empty = RunReader(search_run(tmp_path)), RunReader(search_run(tmp_path, 0))
    reader.refresh()
    text = draw(reader, 80, 16, colours=False, unicode=unicode)
    assert "best: val loss 0.0123, trial 24 with optimizer.lr=" in text
    assert "importance (PED-ANOVA)" in text
    assert ("█" in text) == unicode
    assert "no trial has a value yet" in draw(empty, 80, 16, colours=False, unicode=unicode)
