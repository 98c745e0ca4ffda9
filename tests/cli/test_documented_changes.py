"""The documentation's examples of changes, typed as they stand there, on a run that really trains."""

from __future__ import annotations

import re
import shlex
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtop.trainer import launch
from gradtop.trainer.config import dump_config, load_config, parse_config
from gradtop.trainer.optim.lr_preview import planned_lr
from gradtop.trainer.record import Run, list_runs, new_run, read_meta, read_status, send
from gradtop.trainer.runtime.worker import work
from tests.cli.conftest import Gradtop
from tests.docs import DOCS, README
from tests.support import wait_until
from tests.training.runs import SignalAtLook, events, rows

TEXT = (DOCS / "configuration.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("## Changing a run: live, fork, restart")[2].partition("\n## ")[0]
EXAMPLES = [shlex.split(line, comments=True)[1:] for line in re.findall(r"^ {4}(gradtop .*)$", SECTION, re.MULTILINE)]
LIVE, ANEW = ([words for words in EXAMPLES if (words[0] == "set") == live] for live in (True, False))
README_FORK = shlex.split(re.findall(r"^ {4}(gradtop fork .*)$", README.read_text(encoding="utf-8"), re.MULTILINE)[0], comments=True)[1:]
PER_EPOCH, BEGUN = 8, 12
STOPPED = re.compile(r"gradtop: [a-z-]+ ended by SIGTERM\n")
# Longer than any of these tests trains.
CONFIG = parse_config("""
[model]
kind = "cnn"
channels = [2]

[data]
kind = "fake"
samples = 64
classes = 3
image_size = 4
channels = 1

[training]
epochs = 4000
batch_size = 8
device = "cpu"
""")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = new_run(tmp_path_factory.mktemp("begun"), dump_config(CONFIG), {}, name="base")
    assert work(run, signals=SignalAtLook(BEGUN + 1)) == 0
    return run


@pytest.fixture
def parent(begun: Run, tmp_path: Path) -> Run:
    """A run that was stopped in its second epoch, alone in ./runs."""
    shutil.copytree(begun.path, tmp_path / "runs" / begun.id)
    return Run(tmp_path / "runs" / begun.id)


@pytest.fixture
def training(parent: Run) -> Iterator[Run]:
    """The same run while it goes on."""
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(work(parent, resume=True)))
    thread.start()
    try:
        wait_until(lambda: read_status(parent).state == "training" and len(rows(parent, "steps")) > BEGUN, why="the training")
        yield parent
    finally:
        send(parent, "stop")
        thread.join()
    assert ended == [0]


@pytest.fixture(autouse=True)
def a_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is started trains a few steps at once, in this process, and is stopped."""

    def start(run: Run, *, resume: bool = False, server: bool = True) -> None:
        assert work(run, resume=resume, signals=SignalAtLook(5)) == 0, read_status(run).error

    monkeypatch.setattr(launch, "start_worker", start)


def test_the_first_of_all_goes_on_with_another_learning_rate(gradtop: Gradtop, parent: Run) -> None:
    assert README_FORK[:2] == ["fork", "last"]
    assert README_FORK[2].startswith("optimizer.lr=")

    said = gradtop(*README_FORK)

    assert STOPPED.fullmatch(said.err)
    assert "keeps all weights, the optimizer's state, the position in the epoch and the data order" in said.out
    made = list_runs(parent.path.parent)[0]
    config = load_config(made.config)
    assert config.optimizer.lr == float(README_FORK[2].partition("=")[2])
    plan = dict(planned_lr(config.schedule, config.optimizer, total_steps=4000 * PER_EPOCH, steps_per_epoch=PER_EPOCH))
    first, lr = rows(made, "steps", "lr")[0]
    assert first == read_status(parent).step + 1
    assert lr == pytest.approx(config.optimizer.lr, rel=1e-3)
    assert lr <= plan[1] == config.optimizer.lr


@pytest.mark.parametrize("words", ANEW, ids=" ".join)
def test_a_fork_and_a_restart_are_made_and_train(gradtop: Gradtop, parent: Run, words: list[str]) -> None:
    said = gradtop(*words)

    assert STOPPED.fullmatch(said.err)
    made, old = list_runs(parent.path.parent)
    assert old == parent
    meta, steps = read_meta(made), rows(made, "steps")
    assert meta.parent == parent.id
    assert [change.key for change in meta.changes] == [word.partition("=")[0] for word in words if "=" in word]
    if words[0] == "rerun":
        assert (meta.parent_checkpoint, steps[0][0]) == ("", 1)
    else:
        step = {"best": PER_EPOCH}.get(words[-1], read_status(parent).step)
        assert meta.parent_checkpoint == f"step-{step:06d}.pt"
        assert len(events(made, "forked")) == 1


@pytest.mark.parametrize("words", LIVE, ids=" ".join)
def test_a_live_change_is_taken_by_the_running_training(gradtop: Gradtop, training: Run, words: list[str]) -> None:
    said = gradtop(*words)

    assert (said.code, said.err) == (0, "")
    changes = wait_until(lambda: read_status(training).changes, why="the changes in the status")
    for word in words[2:]:
        key, _, value = word.partition("=")
        if value:
            (known,) = [found for full, found in changes.items() if full == key or full.endswith(f".{key}")]
            assert known == (float(value) if isinstance(known, float) else [value] if isinstance(known, list) else value)
    assert changes.get("schedule.kind") == ("constant" if "--replace" in words else None)


def test_the_readme_has_examples_of_all_three_ways() -> None:
    assert {words[0] for words in EXAMPLES} == {"set", "fork", "rerun"}
