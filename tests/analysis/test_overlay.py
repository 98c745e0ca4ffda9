from __future__ import annotations

import math

import pytest

from gradtop.trainer.analysis.overlay import SEED, aligned, at, mean_and_deviation, seed_families, split_by_settings
from gradtop.trainer.record import Meta, RecordedChange, Series


def series(points: dict[float, float]) -> Series:
    xs, values = list(points), list(points.values())
    return Series(xs, xs, values, values, values, [int(math.isfinite(value)) for value in values], [int(not math.isfinite(value)) for value in values], xs[0], xs[-1])


def child(parent: str, *keys: str, checkpoint: str = "") -> Meta:
    return Meta(parent=parent, changes=tuple(RecordedChange(key) for key in keys), parent_checkpoint=checkpoint)


def test_runs_that_changed_the_seed_alone_are_one_family_whoever_their_parent_is() -> None:
    metas = {
        "first": Meta(),
        "second": child("first", SEED),
        "third": child("second", SEED),
        "faster": child("first", SEED, "optimizer.lr"),
        "faster-1": child("faster", SEED),
        "again": child("first"),
        "orphan-1": child("gone", SEED),
        "orphan-2": child("gone", SEED),
    }
    assert seed_families(metas) == [["first", "second", "third"], ["faster", "faster-1"], ["again"], ["orphan-1", "orphan-2"]]


def test_a_fork_and_a_run_that_was_changed_live_are_no_samples_of_what_was_trained_from_the_start() -> None:
    metas = {"one": Meta(), "fork": child("one", "optimizer.lr", checkpoint="step-000100.pt"), "fork-1": child("fork", SEED), "fork-2": child("fork", SEED)}
    assert seed_families(metas) == [["one"], ["fork"], ["fork-1", "fork-2"]]
    metas = {"one": Meta(), "one-1": child("one", SEED), "one-2": child("one", SEED)}
    assert seed_families(metas, apart={"one"}) == [["one"], ["one-1", "one-2"]]
    assert seed_families(metas, apart={"one-2"}) == [["one", "one-1"], ["one-2"]]


def begun(file: str, **changes: object) -> Meta:
    return Meta(command=("gradtop", "train", file), cwd="/home/me", changes=tuple(RecordedChange(f"training.{key}", None, value) for key, value in changes.items()))


def test_runs_that_were_started_from_one_file_with_different_seeds_are_one_family() -> None:
    metas = {
        "plain": begun("digits.toml"),
        "one": begun("digits.toml", seed=1),
        "two": begun("digits.toml", seed=2),
        "two-3": child("two", SEED),
        "short": begun("digits.toml", seed=1, epochs=3),
        "short-2": begun("digits.toml", epochs=3, seed=2),
        "shorter": begun("digits.toml", epochs=2),
        "other": begun("other.toml", seed=3),
        "fork": begun("digits.toml", seed=5)._replace(parent_checkpoint="step-000100.pt"),
        "lr-1": child("plain", SEED, "optimizer.lr"),
        "lr-2": child("plain", SEED, "optimizer.lr"),
    }
    assert seed_families(metas) == [["plain", "one", "two", "two-3"], ["short", "short-2"], ["shorter"], ["other"], ["fork"], ["lr-1", "lr-2"]]
    assert seed_families(metas, apart={"one"}) == [["plain", "two", "two-3"], ["one"], ["short", "short-2"], ["shorter"], ["other"], ["fork"], ["lr-1", "lr-2"]]
    assert seed_families({"a": begun("digits.toml"), "b": begun("digits.toml")}) == [["a"], ["b"]]


def test_a_family_is_split_where_settings_differ_or_a_seed_comes_again() -> None:
    settings = {"one": {SEED: 1, "model.width": 3}, "two": {SEED: 2, "model.width": 3}, "again": {SEED: 1, "model.width": 3}, "wide": {SEED: 3, "model.width": 4}}
    assert split_by_settings(list(settings), settings) == [["one", "two"], ["again"], ["wide"]]


def test_runs_that_are_each_others_parents_end_somewhere() -> None:
    assert sorted(map(sorted, seed_families({"a": child("b", SEED), "b": child("a", SEED)}))) in ([["a"], ["b"]], [["a", "b"]])


def test_a_series_over_another_quantity_keeps_its_values() -> None:
    moved = aligned(series({0: 3.0, 100: 2.0}), lambda step: step / 50)
    assert (list(moved.x), list(moved.mean), moved.first, moved.last) == ([0, 2], [3, 2], 0, 2)
    assert aligned(Series(), lambda step: step / 50) == Series()


def test_the_mean_over_seeds_has_the_sample_deviation_and_counts_who_is_there() -> None:
    found = mean_and_deviation([series({0: 1.0, 10: 3.0}), series({0: 3.0, 10: 5.0, 20: 9.0}), series({0: 5.0, 5: 1.0, 10: 4.0})])
    assert list(found.x) == [0, 5, 10]  # at 20 there is but one
    assert list(found.finite) == [3, 3, 3]
    assert list(found.mean) == pytest.approx([3, (2 + 4 + 1) / 3, 4])
    assert found.low[0] == pytest.approx(3 - 2)
    assert found.high[2] == pytest.approx(4 + 1)


def test_nothing_is_interpolated_across_a_value_that_is_not_finite() -> None:
    curve = series({0: 1.0, 10: math.nan, 20: 2.0})
    assert [at(curve, x) for x in (-1, 0, 5, 10, 15, 20, 21)] == [None, 1.0, None, None, None, 2.0, None]
    huge = mean_and_deviation([series({0: 1e308, 1: 1e308}), series({0: 1.7e308, 1: 1e308})])
    assert all(map(math.isfinite, huge.mean))


def test_a_mean_over_seeds_has_no_more_points_than_a_chart_shows() -> None:
    curves = [series({step + shift: 1.0 for step in range(0, 5000, 7)}) for shift in range(5)]
    found = mean_and_deviation(curves, 100)
    assert 90 <= len(found.x) <= 100
    assert set(found.finite) == {5}
