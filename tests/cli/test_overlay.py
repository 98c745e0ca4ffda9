"""`plot` with several runs, and `rerun --seeds`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from gradtop.trainer import launch
from gradtop.trainer.analysis.overlay import seed_families
from gradtop.trainer.record import Run, find_run, list_runs, read_meta, read_status, write_status
from gradtop.trainer.record.run_reader import read_config
from gradtop.tui.launcher import Launcher
from tests.cli.conftest import Gradtop
from tests.tui.runs_fixture import NOW, fake_run


def test_runs_are_drawn_over_each_other_each_with_a_pattern_of_its_own(gradtop: Gradtop, runs: Path) -> None:
    said = gradtop("plot", "amber", "tidy", "brave", "loss", "--width", 80)
    title, *picture = said.out.splitlines()
    assert (said.code, title) == (0, "loss of 3 runs, by step")
    assert [line.split("  ")[0] for line in picture[-3:]] == ["⠒⠒ amber-finch", "•• tidy-wren", "++ brave-otter"]
    assert all("  last " in line for line in picture[-3:])
    assert "+" in "".join(picture[:-3])
    swapped = gradtop("plot", "tidy", "amber", "loss").out.splitlines()
    assert swapped[-2].startswith("⠒⠒ tidy-wren")


def test_what_one_run_lacks_is_said_of_it_and_the_others_are_drawn(gradtop: Gradtop, runs: Path) -> None:
    said = gradtop("plot", "amber", "brave", "accuracy")
    assert said.code == 0
    assert said.out.splitlines()[-1] == "   brave-otter  has recorded no accuracy"
    for file in find_run(runs, "brave").streams.glob("*.json"):
        file.write_text("{")
    assert "brave-otter  " in (said := gradtop("plot", "amber", "brave", "loss")).out
    assert "is not whole" in said.out.splitlines()[-1]
    found = json.loads(gradtop("plot", "amber", "brave", "loss", "--json").out)
    assert ["is not whole" in each["problem"] for each in found[0]["runs"]] == [False, True]


@pytest.mark.usefixtures("runs")
def test_json_has_each_metric_of_each_run_over_the_quantity_asked_for(gradtop: Gradtop) -> None:
    (found,) = json.loads(gradtop("plot", "amber", "tidy", "val_loss", "--by", "epoch", "--json").out)
    assert list(found) == ["schema", "metric", "unit", "by", "runs"]
    assert (found["metric"], found["by"]) == ("val_loss", "epoch")
    keys = ["id", "name", "path", "problem", "last", "x", "x_last", "low", "mean", "high", "finite", "nonfinite"]
    assert [list(each) for each in found["runs"]] == [keys, keys]
    assert found["runs"][0]["x"] == pytest.approx([171 / 172, 343 / 172])
    assert found["runs"][0]["last"] == found["runs"][0]["mean"][-1]
    (seconds,) = json.loads(gradtop("plot", "amber", "loss", "--by", "time", "--json").out)
    assert seconds["runs"][0]["x"][0] == 0
    assert seconds["runs"][0]["x_last"][-1] == pytest.approx(343 * 0.025)
    assert [each["metric"] for each in json.loads(gradtop("plot", "amber", "tidy", "--json").out)] == ["loss", "val_loss", "accuracy"]


@pytest.mark.usefixtures("runs")
def test_by_time_has_a_clock_along_the_bottom(gradtop: Gradtop) -> None:
    out = gradtop("plot", "amber", "tidy", "loss", "--by", "time", "--width", 80).out
    assert out.startswith("loss of 2 runs, by time\n")
    assert any(" 0:05 " in line for line in out.splitlines()[-4:])
    by_clock = gradtop("plot", "amber", "tidy", "loss", "--by", "clock", "--width", 80).out
    assert by_clock.startswith("loss of 2 runs, by clock\n")
    assert any(time.strftime("%d %b %H:", time.localtime(NOW - 4000)) in line or ":" in line for line in by_clock.splitlines()[-4:-2])
    assert gradtop("plot", "amber", "loss", "--by", "epoch").out.startswith("amber-finch  loss, by epoch\n")


@pytest.mark.usefixtures("runs")
def test_a_word_that_is_neither_a_run_nor_a_metric_is_named(gradtop: Gradtop) -> None:
    said = gradtop("plot", "amber", "tydi", "loss")
    assert said.code == 2
    assert "tydi" in said.err
    assert "tidy-wren" in said.err
    said = gradtop("plot", "amber", "tidy", "los")
    assert (said.code, "did you mean loss" in said.err) == (2, True)


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """The runs that were queued."""
    found: list[Run] = []

    def queue_worker(run: Run, *, server: bool) -> None:
        assert server
        found.append(run)

    monkeypatch.setattr(launch, "queue_worker", queue_worker)
    return found


@pytest.fixture
def trainable(runs: Path) -> Path:
    """The runs, the eldest with a warm-up that is no longer than the run."""
    config = find_run(runs, "amber-finch").config
    config.write_text(config.read_text().replace("warmup_steps = 200", "warmup_steps = 0"))
    return runs


def seeds(found: list[Run]) -> list[int]:
    return [read_config(run)["training"]["seed"] for run in found]


def test_rerun_queues_runs_that_differ_in_the_seed_alone_and_takes_new_seeds_each_time(gradtop: Gradtop, trainable: Path, queued: list[Run]) -> None:
    said = gradtop("rerun", "amber", "--seeds", 3)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0] == "amber-finch-seed1 is queued with seed 1. Remove it from the queue: gradtop stop amber-finch-seed1"
    assert seeds(queued) == [1, 2, 3]
    gradtop("rerun", "amber-finch-seed2", "--seeds", 2, "--name", "more")
    assert seeds(queued) == [1, 2, 3, 4, 5]
    assert read_meta(queued[-1]).name == "more-seed5"
    amber = find_run(trainable, "amber-finch")
    (family,) = (each for each in seed_families({run.id: read_meta(run) for run in list_runs(trainable)}) if amber.id in each)
    assert sorted(family) == sorted([amber.id, *(run.id for run in queued)])


def test_the_key_of_the_screen_queues_the_same(trainable: Path, queued: list[Run]) -> None:
    amber = find_run(trainable, "amber-finch")
    assert Launcher(trainable).seeds(amber, 2) == queued[0]
    assert seeds(queued) == [1, 2]
    assert [(read_meta(run).name, read_meta(run).parent) for run in queued] == [("amber-finch-seed1", amber.id), ("amber-finch-seed2", amber.id)]


def test_seeds_of_another_configuration_are_a_family_of_their_own_with_the_same_seeds(gradtop: Gradtop, trainable: Path, queued: list[Run]) -> None:
    assert gradtop("rerun", "amber", "optimizer.lr=2e-3", "--seeds", 3).code == 0
    assert seeds(queued) == [0, 1, 2]
    first, *others = map(read_meta, queued)
    assert [change.key for change in first.changes] == ["optimizer.lr"]
    assert [(meta.parent, [change.key for change in meta.changes]) for meta in others] == [(queued[0].id, ["training.seed"])] * 2
    assert {read_config(run)["optimizer"]["lr"] for run in queued} == {2e-3}
    assert sorted(run.id for run in queued) in [sorted(each) for each in seed_families({run.id: read_meta(run) for run in list_runs(trainable)})]


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--seeds", 0), "--seeds must be 1 to 1000"),
        (("--seeds", 3, "--watch"), "--seeds queues runs"),
        (("--seeds", 3, "training.seed=4"), "leave out training.seed"),
    ],
)
def test_what_seeds_cannot_be_combined_with(gradtop: Gradtop, queued: list[Run], arguments: tuple[object, ...], sentence: str) -> None:
    said = gradtop("rerun", "amber", *arguments)
    assert (said.code, queued) == (2, [])
    assert sentence in said.err


def test_diff_says_over_the_seeds_whether_a_difference_exceeds_their_noise(gradtop: Gradtop, tmp_path: Path) -> None:
    for name, losses in (("slow", (0.50, 0.51, 0.49)), ("fast", (0.40, 0.41, 0.39))):
        first: Run | None = None
        for seed, loss in enumerate(losses):
            changes = [("training.seed", 0, seed)] if first else []
            run, grower = fake_run(tmp_path / "runs", f"{name}-{seed}", state="done", steps=200, epochs=2, parent=first, changes=changes)
            grower.close()
            write_status(run, read_status(run)._replace(best_val_loss=loss))
            first = first or run
    out = gradtop("diff", "slow-0", "fast-1").out
    assert "mean best val loss 0.5" in out
    assert out.count("(3 seeds)") >= 2
    assert "(3 seeds): -0.100, exceeds the noise of the seeds (p = 2.6e-4, t = -12.2, df = 4" in out
    assert out.count("Welch") == 1  # of all metrics
    assert "Welch" not in gradtop("diff", "slow-0", "slow-1").out
