"""The commands with a real worker: one tiny training from its start to its exports, and what fails within the first second."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, is_alive, list_runs, read_status, send
from tests.cli.conftest import Gradtop
from tests.record.event_files import events
from tests.support import wait_until

CONFIG = """\
[model]
kind = "mlp"
hidden = [16]

[data]
kind = "fake"
samples = 256
classes = 3
image_size = 8
channels = 1

[training]
epochs = 3
batch_size = 16
device = "cpu"
"""
PARAMETERS = 64 * 16 + 16 + 16 * 3 + 3


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(autouse=True)
def no_worker_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    for run in list_runs(tmp_path / "runs"):
        send(run, "kill")
        wait_until(lambda run=run: not is_alive(read_status(run)), why="the worker's end")  # type: ignore[misc]


def test_a_training_from_its_start_to_its_exports(gradtop: Gradtop, config: Path, tmp_path: Path) -> None:
    said = gradtop("train", config, "--name", "quiet-heron", "--watch")  # without a terminal: lines
    assert (said.code, said.err) == (0, "")
    title, *epochs, end = said.out.splitlines()[1:]
    assert title.split()[0] == "epoch"
    assert [line.split()[0] for line in epochs] == ["1/3", "2/3", "3/3"]
    assert end.startswith("quiet-heron is done after 0:0")
    (run,) = list_runs(tmp_path / "runs")

    (row,) = json.loads(gradtop("ls", "--json").out)
    assert (row["state"], row["epoch"], row["epochs"], row["step"], row["steps"]) == ("done", 3, 3, row["steps"], row["steps"])
    assert (row["device"], row["model"], row["parameters"], row["error"]) == ("cpu", "mlp", PARAMETERS, "")
    assert math.isfinite(row["best_val_loss"])
    found = json.loads(gradtop("show", "quiet-heron", "--json").out)
    assert found["events"][0]["kind"] == "start"
    assert found["events"][-1]["kind"] == "end"
    assert found["checkpoints"][-1]["step"] == row["steps"]
    assert found["health"] == {"records_lost": 0, "unreadable": {}}
    assert "quiet-heron  ■ done\n" in gradtop("show", "last").out
    assert "loss and val_loss" in gradtop("plot", "last").out

    of_run, of_config = (json.loads(gradtop("params", what, "--json").out) for what in ("quiet-heron", config))
    assert of_run == of_config
    assert of_run["total"] == PARAMETERS
    exports(gradtop, run, row["steps"])


def exports(gradtop: Gradtop, run: Run, steps: int) -> None:
    """Each format, read back by its own reader, tells of the same losses."""
    from pyarrow import parquet

    for to in ("csv", "parquet", "tensorboard"):
        said = gradtop("export", run.id, "--to", to, "--output", to)
        assert said.code == 0
        # It may have trained for less than a second, and how often activations are sampled depends on what they cost.
        assert set(said.err.removeprefix("no records: ").strip().split(", ")) <= {"", "system", "activations"}
    with Path("csv/steps.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    losses = {int(row["step"]): float(row["loss"]) for row in rows}
    assert max(losses) == steps
    table = parquet.read_table("parquet/steps.parquet").to_pydict()
    assert dict(zip(map(int, table["step"]), table["loss"], strict=True)) == losses
    (path,) = Path("tensorboard").iterdir()
    scalars = {event.step: value.simple_value for event in events(path) for value in event.summary.value if value.tag == "steps/loss"}
    assert scalars == pytest.approx(losses)
    assert {value.tag for event in events(path) for value in event.summary.value if value.HasField("histo")}


def wait_for(gradtop: Gradtop, state: str) -> None:
    wait_until(lambda: json.loads(gradtop("ls", "--json").out)[0]["state"] == state, why=f"a run that is {state}")


def test_a_run_is_paused_changed_stopped_and_resumed(gradtop: Gradtop, config: Path) -> None:
    assert gradtop("train", config, "training.epochs=100000", "--name", "quiet-heron", "--detach").code == 0
    assert gradtop("pause", "last").out.startswith("quiet-heron: paused after step ")
    wait_for(gradtop, "paused")
    assert gradtop("resume", "last").err == "gradtop: quiet-heron is already paused; watch it: gradtop watch quiet-heron\n"
    said = gradtop("set", "last", "lr=5e-4")
    # Where it had trained before the pause, what the schedule makes of it is told first.
    assert said.out.splitlines()[-1].startswith("quiet-heron: optimizer.lr 1e-3 → 5e-4 from step ")
    refused = gradtop("set", "last", "lr=-1")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "gradtop: optimizer.lr: must be a number > 0, not -1\n"
    assert "it needs a fork" in gradtop("set", "last", "batch_size=7").err
    assert gradtop("checkpoint", "last").out.startswith("quiet-heron: checkpoint step-")
    assert gradtop("continue", "last").code == 0
    assert gradtop("stop", "last").out.startswith("quiet-heron: stopping after step ")
    wait_for(gradtop, "stopped")
    step = json.loads(gradtop("ls", "--json").out)[0]["step"]

    said = gradtop("resume", "last", "--detach")
    assert said.out.startswith("quiet-heron resumed in the background: runs/")
    assert gradtop("stop", "last").code == 0
    wait_for(gradtop, "stopped")
    assert json.loads(gradtop("ls", "--json").out)[0]["step"] >= step


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["training.device=cuda:77"], "cuda:77"),
        (["data.kind=mnist", "data.root=tiny.toml/x"], "choose another folder as data.root"),
    ],
    ids=["device", "data"],
)
def test_a_worker_that_fails_in_the_first_second_is_one_sentence_and_exit_code_1(
    gradtop: Gradtop, config: Path, changes: list[str], words: str
) -> None:
    said = gradtop("train", config, *changes)
    assert said.code == 1
    first, log = said.err.splitlines()
    assert first.startswith("gradtop: ")
    assert " failed: " in first
    assert words in first
    assert "Traceback" in Path(log.removeprefix("The worker's log: ")).read_text()
    assert gradtop("resume", "last").code == 1
