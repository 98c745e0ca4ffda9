"""What `gradtop eval` prints and refuses; the evaluation itself runs in a fork of the torch server."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gradtop.trainer.launch import answers
from gradtop.trainer.record import new_run
from gradtop.trainer.runtime.worker import work
from tests.cli.conftest import Gradtop
from tests.training.runs import every_checkpoint, tiny_run
from tests.tui.range_fixture import range_run

# A model that, once it is trained, kills its process.
FATAL = """
import os, signal
import torch

class Fatal(torch.nn.Linear):
    def forward(self, images):
        if os.path.exists("armed"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(images.flatten(1))

def build(classes):
    return Fatal(16, classes)
"""
CUSTOM = '[model]\nkind = "custom"\ntarget = "fatal:build"\n\n[data]\nkind = "fake"\nsamples = 40\nclasses = 3\nimage_size = 4\nchannels = 1\n\n[training]\nepochs = 1\nbatch_size = 8\n'


def test_it_prints_every_metric_and_whether_it_is_as_recorded(gradtop: Gradtop, running_server: int, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "runs")
    assert work(run) == 0
    said = gradtop("eval", "last")
    assert said.code == 0, said.err
    first, *lines = said.out.splitlines()
    assert "(best): 100 samples of validation data on cpu" in first
    assert [line.split("  ")[0] for line in lines[:-1]] == ["metric", "val loss", "accuracy", "balanced accuracy", "F1"]
    assert lines[-1] == "as recorded at this step"
    found = json.loads(gradtop("eval", "last", "--json", "--checkpoint", "last", "--data", "train").out)
    assert (found["id"], found["step"], found["samples"], found["recorded"]) == (run.id, 16, 60, None)
    assert found["metrics"].keys() == {"loss", "accuracy", "balanced_accuracy", "f1"}
    # Other figures than the recorded ones are put beside them.
    run.config.write_text(run.config.read_text().replace("seed = 3", "seed = 4"))
    said = gradtop("eval", "last")
    assert said.out.splitlines()[1].split() == ["metric", "value", "recorded", "difference"]
    assert said.out.splitlines()[-1] == "not as recorded at this step"
    assert "the data have changed since the checkpoint: " in said.err


def test_what_cannot_be_evaluated_is_said_in_a_sentence(gradtop: Gradtop, running_server: int, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "runs")
    said = gradtop("eval", "last")
    assert (said.code, said.err) == (2, f"gradtop: {run.id} has no checkpoint yet. Write one: gradtop checkpoint {run.id}\n")
    with every_checkpoint():
        assert work(run) == 0
    said = gradtop("eval", "last", "--checkpoint", "7")
    assert (said.code, said.err) == (2, f"gradtop: {run.id} has no checkpoint '7'. Use last, best, the path of a file, or one of the steps 8, 16.\n")
    said = gradtop("eval", "last", "--data", "nowhere")
    assert (said.code, said.err) == (2, f"gradtop: --data {tmp_path / 'nowhere'}: there is no such file or folder\n")
    test = range_run(tmp_path / "runs")
    said = gradtop("eval", test.id)
    assert said.code == 2
    assert "leaves no checkpoint; name a run that trained" in said.err


def test_custom_code_runs_where_it_was_agreed_to_and_its_death_is_told(gradtop: Gradtop, running_server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fatal.py").write_text(FATAL)
    monkeypatch.syspath_prepend(str(tmp_path))
    run = new_run(tmp_path / "runs", CUSTOM, {"cwd": str(tmp_path)})
    with every_checkpoint():
        assert work(run) == 0
    said = gradtop("eval", "last")
    assert said.code == 2
    assert "custom code that you have not started here before" in said.err
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    said = gradtop("eval", str(run.path), "--yes")
    assert (said.code, said.out.splitlines()[-1]) == (0, "as recorded at this step"), said.err
    (tmp_path / "armed").touch()
    said = gradtop("eval", str(run.path))
    assert (said.code, said.err) == (2, "gradtop: the process was killed by SIGKILL without a reply\n")


def test_a_checkpoint_that_the_run_has_removed_meanwhile_is_chosen_anew(gradtop: Gradtop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run(tmp_path / "runs")
    with every_checkpoint():
        assert work(run) == 0
    newest = run.checkpoints / "step-000016.pt"
    asked: list[str] = []

    def request(kind: str, arguments: dict[str, str], **_: object) -> dict[str, object]:
        asked.append(Path(arguments["checkpoint"]).name)
        if len(asked) == 1:
            newest.unlink()
            raise OSError("no such file")
        return {"step": 8, "weights": "model"}

    monkeypatch.setattr(answers, "request_work", request)
    found = json.loads(gradtop("eval", "last", "--json", "--checkpoint", "last").out)
    assert asked == ["step-000016.pt", "step-000008.pt"]
    assert found["checkpoint"] == str(run.checkpoints / "step-000008.pt")


def test_without_a_server_a_process_of_its_own_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    said = 'import json, sys; asked = json.load(sys.stdin); print(json.dumps({"progress": {"done": 1}})); print(json.dumps({"kind": asked["kind"]}))'
    monkeypatch.setattr(answers, "ONCE", (sys.executable, "-c", said))
    assert answers.request_work("evaluate", {}, server=False, progress=told.append) == {"kind": "evaluate"}
    assert told == [{"done": 1}]
    monkeypatch.setattr(answers, "ONCE", (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(answers.ProcessEnded, match="the process was killed by SIGKILL without a reply"):
        answers.request_work("evaluate", {}, server=False)
    monkeypatch.setattr(answers, "ONCE", (sys.executable, "-c", "raise SystemExit('no torch here')"))
    with pytest.raises(OSError, match="the process ended without a reply: no torch here; gradtop doctor checks PyTorch"):
        answers.request_work("evaluate", {}, server=False)
