"""fork, rerun, resume with changes, --queue, lineage and diff: what is made, drawn and refused."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer import launch
from gradtop.trainer.analysis.compare import compare, nested
from gradtop.trainer.analysis.index import RunIndex, RunsView
from gradtop.trainer.config import dump_config, load_config, parse_config
from gradtop.trainer.record import Run, RunState, Status, list_runs, new_run, read_meta, read_status, write_status
from tests.cli.conftest import Gradtop
from tests.support import CHECKPOINT, archive

CONFIG = parse_config('[data]\nkind = "fake"\n\n[training]\nepochs = 2\n')


@pytest.fixture
def parent(tmp_path: Path) -> Run:
    """A run that is done, with a checkpoint at its end and a learning rate that was changed live."""
    run = new_run(tmp_path / "runs", dump_config(CONFIG), {}, name="base")
    weights = run.checkpoints / "step-000032.pt"
    weights.write_bytes(CHECKPOINT)
    weights.with_suffix(".json").write_text(json.dumps({"step": 32, "epoch": 2, "best": True}))
    write_status(run, Status(state=RunState.DONE, step=32, steps=32, epoch=2, epochs=2, best_val_loss=0.5, changes={"optimizer.lr": 2e-3}))
    return run


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Run]]:
    """What was started or queued, without a worker."""
    found: list[tuple[str, Run]] = []

    def as_if(way: str, state: str) -> None:
        def start(run: Run, *, resume: bool = False, server: bool = True) -> None:
            found.append((way, run))
            write_status(run, read_status(run)._replace(state=RunState(state)))

        monkeypatch.setattr(launch, f"{way}_worker", start)

    as_if("start", "done")
    as_if("queue", "done")
    return found


def test_a_fork_goes_on_from_the_checkpoint_with_what_was_changed_live_and_now(gradtop: Gradtop, parent: Run) -> None:
    said = gradtop("fork", "base", "training.epochs=4", "optimizer.kind=sgd", "--name", "child", "--detach")
    assert (said.code, said.err) == (0, "")
    assert "From step-000032.pt of base: keeps all weights" in said.out
    assert "Drops the optimizer's state: adamw → sgd." in said.out
    made = list_runs(parent.path.parent)[0]
    assert made.origin.read_bytes() == CHECKPOINT
    config, meta = load_config(made.config), read_meta(made)
    assert (config.optimizer.kind, config.optimizer.lr, config.training.epochs) == ("sgd", 2e-3, 4)
    assert (meta.parent, meta.parent_checkpoint) == (parent.id, "step-000032.pt")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"kept": ["2 of 4 weights"], "dropped": ["2 weights are new: a, b"], "nothing": ""}, "keeps 2 of 4 weights, the optimizer's state of those weights"),
        ({"kept": [], "dropped": [], "nothing": "no weight of the checkpoint fits the model"}, "no weight of the checkpoint fits the model"),
        (OSError("there is no server"), "keeps the weights that fit by name and shape"),
    ],
)
def test_which_weights_a_fork_keeps_is_asked_where_configurations_do_not_tell(
    gradtop: Gradtop, parent: Run, monkeypatch: pytest.MonkeyPatch, answer: dict[str, object] | OSError, said: str
) -> None:
    asked: list[object] = []

    def request(kind: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        asked.append((kind, arguments["checkpoint"], arguments["tables"]["data"]["classes"]))
        if isinstance(answer, OSError):
            raise answer
        return dict(answer)

    monkeypatch.setattr("gradtop.trainer.launch.answers.request_answer", request)

    result = gradtop("fork", "base", "training.epochs=4", "data.classes=7", "--detach")

    assert asked == [("fork_weights", str(parent.checkpoints / "step-000032.pt"), 7)]
    assert said in result.out + result.err
    assert bool(result.code) == ("no weight" in said)


def test_a_checkpoint_that_lies_elsewhere_is_not_said_to_be_of_the_run(gradtop: Gradtop, parent: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept.pt"
    kept.write_bytes((parent.checkpoints / "step-000032.pt").read_bytes())
    answer = {"kept": ["2 of 4 weights"], "dropped": ["2 weights are new: a, b"], "nothing": ""}
    monkeypatch.setattr("gradtop.trainer.launch.answers.request_answer", lambda *_: answer)
    result = gradtop("fork", "base", "--from", str(kept), "training.epochs=4", "--detach")
    assert "kept.pt: keeps 2 of 4 weights, the optimizer's state of those weights" in result.out
    assert "kept.pt of base" not in result.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing is left to train; give more epochs"),
        (["training.seed=1", "epochs=4"], "training.seed needs a restart"),
        (["model.kind=mlp", "epochs=4"], "gradtop rerun base model.kind=mlp epochs=4"),
        (["epochs=4", "--from", "16"], "has no checkpoint '16'. Use last, best, the path of a file, or one of the steps 32"),
    ],
)
def test_a_fork_that_cannot_be_is_refused_and_nothing_is_made(gradtop: Gradtop, parent: Run, words: list[str], said: str) -> None:
    result = gradtop("fork", "base", *words)
    assert result.code == 2
    assert said in result.err
    assert list_runs(parent.path.parent) == [parent]


@pytest.mark.parametrize("kind", ["a FIFO", "a folder", "a dangling link", "nothing", "zeros", "text", "a half", "another archive"])
def test_a_fork_says_nothing_of_what_it_keeps_of_what_is_no_checkpoint(gradtop: Gradtop, parent: Run, kind: str) -> None:
    weights = parent.checkpoints / "step-000032.pt"
    weights.unlink()
    match kind:
        case "a FIFO":
            os.mkfifo(weights)
        case "a folder":
            weights.mkdir()
        case "nothing":
            weights.write_bytes(b"")
        case "zeros":
            weights.write_bytes(bytes(4096))
        case "text":
            weights.write_text("weights")
        case "a half":
            weights.write_bytes(CHECKPOINT[: len(CHECKPOINT) // 2])
        case "another archive":
            weights.write_bytes(archive("word/document.xml"))
        case _:
            weights.symlink_to("nowhere")
    result = gradtop("fork", "base", "epochs=4")
    assert (result.code, result.out) == (2, "")
    assert "step-000032.pt" in result.err
    assert list_runs(parent.path.parent) == [parent]


def test_a_rerun_starts_from_what_the_run_has_now(gradtop: Gradtop, parent: Run) -> None:
    assert gradtop("rerun", "base", "training.seed=1", "--detach").code == 0
    made = list_runs(parent.path.parent)[0]
    assert load_config(made.config).optimizer.lr == 2e-3
    assert [change.key for change in read_meta(made).changes] == ["training.seed"]
    assert not made.origin.exists()


def test_resuming_with_other_settings_is_a_fork_and_says_which(gradtop: Gradtop, parent: Run) -> None:
    result = gradtop("resume", "base", "optimizer.lr=3e-4")
    assert result.code == 2
    assert "fork it: gradtop fork base optimizer.lr=3e-4" in result.err


@pytest.mark.parametrize("command", [("rerun", "base"), ("fork", "base", "epochs=4")])
def test_queue_has_the_run_wait_in_line(gradtop: Gradtop, parent: Run, started: list[tuple[str, Run]], command: tuple[str, ...]) -> None:
    assert gradtop(*command, "--queue", "--detach").code == 0
    assert [way for way, _ in started] == ["queue"]


def test_a_stopped_run_waits_in_line_to_be_resumed(gradtop: Gradtop, parent: Run, started: list[tuple[str, Run]]) -> None:
    write_status(parent, read_status(parent)._replace(state=RunState.STOPPED))
    assert gradtop("resume", "base", "--queue", "--detach").code == 0
    assert started == [("queue", parent)]


def test_lineage_draws_the_whole_family_from_any_of_it(gradtop: Gradtop, parent: Run) -> None:
    gradtop("fork", "base", "epochs=4", "--name", "child", "--detach")
    gradtop("rerun", "child", "training.seed=1", "--name", "grandchild", "--detach")
    gradtop("rerun", "base", "--name", "other", "--detach")
    said = gradtop("lineage", "child").out.splitlines()
    assert [line.split("  ")[0].rstrip() for line in said] == ["■ base", "├─ ■ child ◄", "│", "└─ ■ other"]
    assert "(fork of step-000032: training.epochs 2 → 4)" in said[1]
    assert "grandchild" in said[2]
    assert "(from the start: training.seed 0 → 1)" in said[2]
    found = json.loads(gradtop("lineage", "grandchild", "--json").out)
    assert [(one["name"], one["chosen"]) for one in found] == [("base", False), ("child", False), ("grandchild", True), ("other", False)]


def test_a_parent_that_is_gone_or_elsewhere_is_named(gradtop: Gradtop, parent: Run, tmp_path: Path) -> None:
    gradtop("fork", "base", "epochs=4", "--name", "child", "--detach")
    gradtop("fork", str(parent.path), "epochs=5", "--name", "distant", "--runs", "elsewhere", "--detach")
    gradtop("rerun", "base", "--name", "again", "--detach")
    assert "which is missing" not in gradtop("lineage", "child").out
    (distant,) = list_runs(tmp_path / "elsewhere")
    assert distant.origin.read_bytes() == CHECKPOINT

    shutil.rmtree(parent.path)

    for name, where, words in (("child", "runs", "fork of step-000032"), ("distant", "elsewhere", "fork of step-000032"), ("again", "runs", "from the start, as")):
        (line,) = gradtop("lineage", name, "--runs", where).out.splitlines()
        assert f"({words} of {parent.id}, which is missing: " in line
    assert f"parent        {parent.id} (step-000032): training.epochs 2 → 4" in gradtop("show", "child").out


def test_lineage_the_list_and_the_screen_have_a_family_in_the_same_order(gradtop: Gradtop, parent: Run) -> None:
    for name, of in (("left", "base"), ("leaf", "left"), ("right", "base"), ("twig", "left")):
        gradtop("rerun", of, "--name", name, "--detach")
    index = RunIndex(parent.path.parent)
    index.refresh()
    names = [row.name for row in index.rows(RunsView())]
    assert names == ["base", "left", "leaf", "twig", "right"]
    assert [one["name"] for one in json.loads(gradtop("lineage", "leaf", "--json").out)] == names
    assert [line.split()[0 if line.startswith("base") else 1] for line in gradtop("ls").out.replace("│ ", "").splitlines()[1:]] == names


def test_a_family_that_is_its_own_ancestor_is_drawn_all_the_same(gradtop: Gradtop, parent: Run) -> None:
    gradtop("rerun", "base", "--name", "child", "--detach")
    child = list_runs(parent.path.parent)[0]
    meta = json.loads(parent.meta.read_text())
    parent.meta.write_text(json.dumps({**meta, "parent": child.id}))
    assert len(gradtop("lineage", "base").out.splitlines()) == 2


def test_diff_shows_what_differs_side_by_side(gradtop: Gradtop, parent: Run) -> None:
    gradtop("fork", "base", "epochs=4", "lr=1e-4", "--name", "child", "--detach")
    said = gradtop("diff", "base", "child")
    rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line.strip()}
    assert (rows["optimizer"], rows["lr"]) == ([], ["2e-3", "1e-4"])
    assert (rows["training"], rows["epochs"]) == ([], ["2", "4"])
    assert rows["state"] == ["done", "done"]
    found = json.loads(gradtop("diff", "base", "child", "--json").out)
    assert {one["key"]: (one["a"], one["b"]) for one in found["config"]} == {"optimizer.lr": (2e-3, 1e-4), "training.epochs": (2, 4)}
    assert found["results"]["a"]["best_val_loss"] == 0.5


def test_diff_of_three_runs_has_a_column_for_each(gradtop: Gradtop, parent: Run) -> None:
    for name, words in (("child", ["lr=1e-4"]), ("sibling", ["epochs=4"])):
        gradtop("rerun", "base", *words, "--name", name, "--detach")
    child = next(run for run in list_runs(parent.path.parent) if run.id.endswith("child"))
    write_status(child, read_status(child)._replace(best_val_loss=0.25))
    lines = [re.split(r"\s{2,}", line.strip()) for line in gradtop("diff", "base", "child", "sibling").out.splitlines()]
    assert lines[0] == ["base", "child", "sibling"]
    rows = {row[0]: row[1:] for row in lines if row[0]}
    assert rows["lr"] == ["2e-3", "1e-4", "2e-3"]  # of the one that did not change it the value that it has
    assert rows["epochs"] == ["2", "2", "4"]
    assert rows["best val loss"] == ["0.5", "0.25 ✓", "–"]
    one, other = json.loads(gradtop("diff", "base", "child", "sibling", "--json").out)["comparisons"]
    assert {"schema": 1, **one} == json.loads(gradtop("diff", "base", "child", "--json").out)
    assert [found["key"] for found in other["config"]] == ["training.epochs"]


def test_diff_and_the_screen_tell_the_same_with_what_was_changed_live(gradtop: Gradtop, parent: Run) -> None:
    gradtop("rerun", "base", "lr=1e-4", "--name", "child", "--detach")
    child = list_runs(parent.path.parent)[0]
    write_status(child, read_status(child)._replace(changes={"schedule.kind": "constant", "optimizer.betas": [0.8, 0.99]}, best_val_loss=0.25))
    found = compare(parent, child)
    rows = [re.split(r"\s{2,}", line.strip()) for line in gradtop("diff", "base", "child").out.splitlines()]
    told = (*found.results, *(pair for _depth, pair in nested(found.settings) if pair.one))
    marked = {
        pair.name: [pair.one + " ✓" * (pair.better == 0), pair.other + " ✓" * (pair.better == 1), *([pair.difference] if pair.difference else [])] for pair in told
    }
    assert {row[0]: row[1:] for row in rows[1:] if len(row) > 2} == marked
    assert marked["best val loss"] == ["0.5", "0.25 ✓", "-0.25 (-50 %)"]
    assert (marked["betas"], marked["min_lr"]) == (["[0.9, 0.999]", "[0.8, 0.99]"], ["0", "–"])
    assert rows[-1] == [found.same_text]
    assert json.loads(gradtop("diff", "base", "child", "--json").out)["config"] == [
        {"key": key, "a": one, "b": other} for key, one, other in found.differing
    ]
