"""Two runs side by side: nested settings, differences of results, tests over seeds, and what does not compare."""

from __future__ import annotations

from pathlib import Path

from gradtop.trainer.analysis.compare import compare, difference_text, nested, seed_family
from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.record import Run, RunState, Status, list_runs, new_run, read_meta, read_status, write_status
from tests.tui.runs_fixture import NOW

TOML = """\
[data]
kind = "{data}"

[model]
kind = "custom"
arguments = {{width = {width}, head = {{bias = true}}}}

[optimizer]
lr = {lr}

[training]
seed = {seed}
"""


def made(runs: Path, name: str, best: float, *, width: int = 8, lr: float = 1e-3, seed: int = 0, data: str = "digits", parent: Run | None = None) -> Run:
    changes = [{"key": "training.seed", "old": 0, "new": seed}] if parent is not None else []
    text = TOML.format(data=data, width=width, lr=lr, seed=seed)
    run = new_run(runs, text, {"name": name, "created": NOW, "parent": parent.id if parent else "", "changes": changes}, name=name)
    write_status(run, Status(state=RunState.DONE, updated=NOW, best=best, best_val_loss=best, val_loss=best, parameters=100 * width))
    return run


def seeds(runs: Path, name: str, values: list[float], *, width: int = 8) -> list[Run]:
    first = made(runs, name, values[0], width=width)
    return [first, *(made(runs, f"{name}-{seed}", value, width=width, seed=seed, parent=first) for seed, value in enumerate(values[1:], 1))]


def test_settings_are_nested_with_each_section_once_and_results_have_their_difference(tmp_path: Path) -> None:
    found = compare(made(tmp_path, "one", 0.5), made(tmp_path, "other", 0.4, width=16, lr=1e-2))
    assert [key for key, *_ in found.differing] == ["model.arguments.width", "optimizer.lr"]
    assert [(depth, pair.name, pair.one, pair.other) for depth, pair in nested(found.settings)] == [
        (0, "model", "", ""), (1, "arguments", "", ""), (2, "width", "8", "16"), (0, "optimizer", "", ""), (1, "lr", "1e-3", "0.01"),
    ]  # fmt: skip
    results = {pair.name: pair for pair in found.results}
    assert (results["best val loss"].difference, results["best val loss"].better) == ("-0.100 (-20 %)", 1)
    assert results["parameters"].difference == "+800 (+100 %)"
    assert results["state"].difference == ""
    assert difference_text(0.0, 1.0, significant) == "+1"
    assert difference_text(float("inf"), 1.0, significant) == difference_text(None, 1.0, significant) == ""


def test_over_seeds_the_test_is_named_with_its_figures(tmp_path: Path) -> None:
    one, other = seeds(tmp_path, "one", [0.5, 0.52, 0.48]), seeds(tmp_path, "other", [0.3, 0.31, 0.29], width=16)
    found = compare(one[1], other[0])
    (test,) = (each for each in found.tests if each.key == "best_val_loss")
    record = test.record()
    assert record["test"] == "Welch's t-test"
    assert record["exceeds_noise"] is True
    assert [(side["n"], round(side["mean"], 6), round(side["deviation"], 6)) for side in (record["a"], record["b"])] == [(3, 0.5, 0.02), (3, 0.3, 0.01)]  # type: ignore[index]
    assert "exceeds the noise of the seeds (p = " in found.remarks[0]
    assert "df = " in found.remarks[0]
    assert found.remarks[-1].startswith("Welch's t-test, significant where p < 0.05: assumes independent runs")


def test_a_large_difference_that_few_seeds_do_not_show_is_not_called_noise(tmp_path: Path) -> None:
    one, other = seeds(tmp_path, "one", [0.22, 0.26, 0.24]), seeds(tmp_path, "other", [1.1, 1.4], width=16)
    found = compare(one[0], other[0])
    (test,) = (each for each in found.tests if each.key == "best_val_loss")
    assert 0.05 < test.test.p < 0.2
    assert "(2 seeds): +1.01, not significant (p = 0.0" in test.sentence
    assert "noise" not in test.sentence


def test_results_on_different_data_do_not_compare(tmp_path: Path) -> None:
    found = compare(made(tmp_path, "one", 0.5), made(tmp_path, "other", 0.1, data="mnist"))
    assert found.remarks == ("the results do not compare: the data are digits and mnist",)
    assert all(pair.better == -1 for pair in found.results)


def family(runs: Path, run: Run) -> set[str]:
    there = {each.id: each for each in list_runs(runs)}
    return {read_meta(there[each]).name for each in seed_family(run, there, {name: read_meta(each) for name, each in there.items()})}


def test_a_parent_that_was_changed_live_is_no_seed_of_its_children_nor_are_those_that_took_the_change_over(tmp_path: Path) -> None:
    first, second, third = seeds(tmp_path, "run", [0.5, 0.6, 0.7])
    assert family(tmp_path, first) == family(tmp_path, third) == {"run", "run-1", "run-2"}
    write_status(first, read_status(first)._replace(changes={"optimizer.lr": 7.0}))
    after = made(tmp_path, "after", 0.4, lr=7.0, seed=9, parent=first)
    assert family(tmp_path, first) == {"run"}
    assert family(tmp_path, second) == {"run-1", "run-2"}
    assert family(tmp_path, after) == {"after"}
