"""`gradtop lr-range`, and what the other commands say of its runs."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtop.trainer.config import load_config
from gradtop.trainer.record import Run, RunReader, is_alive, list_runs, read_meta, read_status, send
from gradtop.trainer.runtime.worker import work
from tests.cli.conftest import Gradtop
from tests.support import wait_until
from tests.training.runs import TINY

LABELS = ("valley", "steepest", "minimum/10", "slide")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.format(epochs=2))
    return path


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker works here instead of in a process of its own, for which PyTorch would be imported anew."""

    def start(run: Run, *, resume: bool = False, server: bool = True) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            work(run, resume=resume)

    monkeypatch.setattr("gradtop.trainer.launch.start_worker", start)


@pytest.fixture(autouse=True)
def no_worker_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    for run in list_runs(tmp_path / "runs"):
        send(run, "kill")
        wait_until(lambda run=run: not is_alive(read_status(run)) or read_status(run).ended, why="the worker's end")  # type: ignore[misc]


def newest(tmp_path: Path) -> Run:
    return list_runs(tmp_path / "runs")[0]


def test_of_a_configuration_it_plots_and_suggests_in_a_process_of_its_own(gradtop: Gradtop, config: Path, tmp_path: Path) -> None:
    said = gradtop("lr-range", config, "--name", "keen-newt", "--start", "1e-6", "--end", "1", "--steps", "60")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].startswith("keen-newt started in the background")
    assert "keen-newt  smoothed loss over learning rate" in lines
    assert [label for label in LABELS if any(line.split()[1:2] == [label] for line in lines)] == list(LABELS)
    assert read_meta(newest(tmp_path)).job == "lr_range"


@pytest.mark.usefixtures("at_once")
def test_json_is_one_object_with_suggestions_and_curve(gradtop: Gradtop, config: Path, tmp_path: Path) -> None:
    said = gradtop("lr-range", config, "lr_range.smoothing=0.9", "--steps", "60", "--end", "1", "--json")
    found = json.loads(said.out)
    assert (said.code, said.err, found["state"], found["error"]) == (0, "", "done", "")
    assert set(found["suggestions"]) == {"valley", "steep", "minimum", "slide"}
    assert len(found["curve"]["lr"]) == len(found["curve"]["loss"]) == len(found["curve"]["smoothed"]) > 40
    shown = json.loads(gradtop("show", "last", "--json").out)
    assert shown["result"] == {name: found[name] for name in ("over", "suggestions", "diverged_at", "falls_at_end", "curve")}
    (row,) = json.loads(gradtop("ls", "--json").out)
    assert row["job"] == "lr_range"
    assert row["result"]["suggestions"] == found["suggestions"]


@pytest.mark.usefixtures("at_once")
def test_what_commands_say_of_a_test(gradtop: Gradtop, config: Path, tmp_path: Path) -> None:
    gradtop("lr-range", config, "--name", "keen-newt", "--steps", "60", "--detach")
    show = gradtop("show", "keen-newt").out
    assert "  job           a learning-rate range test" in show
    assert "  suggestions   valley " in show
    assert "epoch" not in show
    assert "lr range test  lr " in gradtop("ls").out
    assert "smoothed loss over learning rate" in gradtop("plot", "last").out
    assert "keen-newt  smoothed" in gradtop("plot", "last", "smoothed", "--log").out
    gradtop("plot", "last", "--output", "curve.txt")
    assert "V  valley" in Path("curve.txt").read_text(encoding="utf-8")
    assert gradtop("export", "last", "--to", "csv", "--output", "out").code == 0


@pytest.mark.usefixtures("at_once")
def test_of_a_run_it_starts_with_the_newest_weights_and_remembers_its_parent(gradtop: Gradtop, config: Path, tmp_path: Path) -> None:
    gradtop("train", config, "--name", "quiet-heron", "--detach")
    parent = newest(tmp_path)
    checkpoint = RunReader(parent).checkpoints()[-1].path
    said = gradtop("lr-range", "quiet-heron", "optimizer.weight_decay=0.1", "--steps", "40", "--detach")
    assert (said.code, said.err) == (0, "")
    test = newest(tmp_path)
    meta = read_meta(test)
    assert (meta.parent, meta.parent_checkpoint) == (parent.id, checkpoint.name)
    assert [change.key for change in meta.changes] == ["optimizer.weight_decay"]
    assert test.origin.read_bytes() == checkpoint.read_bytes()
    # Once more: the same weights, and settings of its own.
    again = gradtop("rerun", test.id, "lr_range.steps=30", "--detach")
    assert again.code == 0
    assert newest(tmp_path).origin.read_bytes() == checkpoint.read_bytes()
    assert load_config(newest(tmp_path).config).part("lr_range").model_dump()["steps"] == 30


@pytest.mark.usefixtures("at_once")
def test_what_decides_the_weights_has_it_start_with_initial_ones_and_says_so(gradtop: Gradtop, config: Path, tmp_path: Path) -> None:
    gradtop("train", config, "--name", "quiet-heron", "--detach")
    said = gradtop("lr-range", "quiet-heron", "hidden=[16]", "--detach")
    assert "Starts with initial weights: model.hidden changes what training starts from." in said.out
    assert not newest(tmp_path).origin.exists()


@pytest.mark.usefixtures("at_once")
def test_commands_that_make_no_sense_for_a_test_say_so_in_one_sentence(gradtop: Gradtop, config: Path, tmp_path: Path) -> None:
    gradtop("lr-range", config, "--name", "keen-newt", "--detach")
    resumed, forked = gradtop("resume", "keen-newt"), gradtop("fork", "keen-newt")
    assert [resumed.code, forked.code] == [2, 2]
    assert resumed.err == "gradtop: keen-newt is a learning-rate range test, which cannot be resumed; start it again: gradtop rerun keen-newt\n"
    assert forked.err.startswith("gradtop: keen-newt is a learning-rate range test, which leaves no weights to fork from; ")


@pytest.mark.usefixtures("at_once")
def test_a_training_of_its_configuration_trains(gradtop: Gradtop, config: Path, tmp_path: Path) -> None:
    gradtop("lr-range", config, "--detach")
    assert gradtop("train", newest(tmp_path).config, "--detach").code == 0
    assert read_meta(newest(tmp_path)).job == "train"
    assert "[lr_range]" not in newest(tmp_path).config.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--steps", "3"], "lr_range.steps: must be an integer ≥ 10, not 3"),
        (["--start", "x"], 'lr_range.start: must be a number ≥ 0, not "x"'),
        (["--end", "1e-9"], "lr_range.end: must be above lr_range.start"),
        (["--json", "--watch"], "--json cannot be combined with --watch"),
        (["job=train"], "job: is chosen by the command"),
    ],
)
def test_wrong_options_end_in_a_sentence(gradtop: Gradtop, config: Path, arguments: list[str], said: str, tmp_path: Path) -> None:
    found = gradtop("lr-range", config, *arguments)
    assert found.code == 2
    assert said in found.err
    assert not list_runs(tmp_path / "runs")
