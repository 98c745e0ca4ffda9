from __future__ import annotations

import errno
import io
import json
import math
import os
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.encoding import encoded
from gradtop.trainer.checkpoint.generators import Generators
from gradtop.trainer.checkpoint.sidecar import Saved, read_sidecar
from gradtop.trainer.record.checkpoints import CheckpointInfo
from gradtop.trainer.runtime.errors import UserError
from tests.checkpoint.saving import save


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    save(tmp_path, 7)

    state = checkpoint.load(tmp_path / "step-000007.pt")

    assert state["step"] == 7
    assert torch.equal(state["weights"], torch.arange(100.0) + 7)


def test_the_sidecar_tells_a_reader_without_torch_all_it_needs(tmp_path: Path) -> None:
    path = save(tmp_path, 7, loss=0.25)

    facts = json.loads((tmp_path / "step-000007.json").read_text())

    assert facts == {
        "format": 1,
        "step": 7,
        "epoch": 0,
        "val_loss": 0.25,
        "val_accuracy": None,
        "monitor": "loss",
        "monitor_mode": "min",
        "score": None,
        "note": "",
        "best": False,
        "time": 1.0,
        "bytes": path.stat().st_size,
    }


def test_a_checkpoint_torn_at_any_place_is_skipped_for_the_one_before(tmp_path: Path) -> None:
    save(tmp_path, 1)
    whole = save(tmp_path, 2).read_bytes()
    for size in range(0, len(whole), 97):
        (tmp_path / "step-000002.pt").write_bytes(whole[:size])
        said: list[str] = []

        state = checkpoint.load_newest(tmp_path, said.append)

        assert state is not None
        assert state["step"] == 1, f"torn at {size}"
        assert len(said) == 1
        assert "step-000002.pt" in said[0]
        assert "not a regular file" not in said[0]
        assert "EOFError" not in said[0]


def test_an_unreadable_checkpoint_is_set_aside_and_not_deleted(tmp_path: Path) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2).write_bytes(b"torn")

    checkpoint.load_newest(tmp_path, lambda _: None)

    assert checkpoint.saved_steps(tmp_path) == [1]
    assert (tmp_path / "step-000002.pt.unreadable").read_bytes() == b"torn"
    assert not (tmp_path / "step-000002.json").exists()


def test_a_resume_does_not_start_over_when_no_checkpoint_can_be_read(tmp_path: Path) -> None:
    save(tmp_path, 1).write_bytes(b"torn")

    with pytest.raises(UserError, match="none of the 1 checkpoints"):
        checkpoint.load_newest(tmp_path, lambda _: None)


def test_a_run_without_checkpoints_has_none_to_load(tmp_path: Path) -> None:
    assert checkpoint.load_newest(tmp_path, lambda _: None) is None


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    for step, loss in ((1, 0.5), (2, 0.1), (3, 0.3), (4, 0.4), (5, 0.2)):
        save(tmp_path, step, loss)
        checkpoint.prune(tmp_path, 2)

    assert checkpoint.saved_steps(tmp_path) == [2, 4, 5]
    best = [step for step in (2, 4, 5) if json.loads((tmp_path / f"step-{step:06d}.json").read_text())["best"]]
    assert best == [2]


@pytest.mark.parametrize("broken", ["", "null", "[1]", "{", '{"step": 2}', '{"step": "2", "epoch": []}', "[" * 100_000, None])
def test_a_sidecar_that_is_missing_or_broken_is_made_anew_from_its_checkpoint(tmp_path: Path, broken: str | None) -> None:
    for step, loss in ((1, 0.5), (2, 0.1), (3, 0.3), (4, 0.4)):
        save(tmp_path, step, loss)
    sidecar, before = tmp_path / "step-000002.json", read_sidecar(tmp_path / "step-000002.pt")
    sidecar.unlink()
    if broken is not None:
        sidecar.write_text(broken)

    checkpoint.prune(tmp_path, 1)

    assert checkpoint.saved_steps(tmp_path) == [2, 4]
    assert before is not None
    after = read_sidecar(tmp_path / "step-000002.pt")
    assert after is not None
    assert after == replace(before, best=True, time=after.time)


def test_a_checkpoint_of_an_earlier_version_has_its_score_among_the_scores(tmp_path: Path) -> None:
    state = {"format": 2, "step": 8, "epoch": 1, "evaluated": 8, "scores": {"newest": {"loss": 0.25, "accuracy": 0.5}}}
    torch.save(state, tmp_path / "step-000008.pt")
    torch.save({**state, "step": 9}, tmp_path / "step-000009.pt")  # after a further step, which no evaluation came to

    facts = checkpoint.settle_sidecars(tmp_path)

    assert [(fact.val_loss, fact.val_accuracy, fact.best) for fact in facts.values() if fact] == [(0.25, 0.5, False), (None, None, False)]
    assert json.loads((tmp_path / "step-000008.json").read_text())["best"]


def test_what_nothing_is_known_of_is_not_deleted(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save(tmp_path, step, step / 10)
    (tmp_path / "step-000002.pt").write_bytes(b"torn")
    (tmp_path / "step-000002.json").unlink()

    checkpoint.prune(tmp_path, 1)

    assert checkpoint.saved_steps(tmp_path) == [1, 2, 3]


def test_a_nan_is_never_the_best(tmp_path: Path) -> None:
    for step, loss in ((1, float("nan")), (2, 0.9), (3, float("nan"))):
        save(tmp_path, step, loss)
        checkpoint.prune(tmp_path, 1)

    assert checkpoint.saved_steps(tmp_path) == [2, 3]


def test_a_full_disk_leaves_the_earlier_checkpoint_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 1)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, 2)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000001.json", "step-000001.pt"]


def test_a_disk_that_fills_up_while_tensors_are_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.save raises an error of its own stream writer instead."""

    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    written = torch.save
    monkeypatch.setattr(torch, "save", lambda state, _file: written(state, Full()))

    with pytest.raises(OSError, match="No space left on device") as raised:
        save(tmp_path, 2)
    assert raised.value.errno == errno.ENOSPC


def test_nothing_counts_before_what_must_be_older_is_durable(tmp_path: Path) -> None:
    seen: list[list[int]] = []

    checkpoint.save(
        tmp_path, {"step": 3}, Saved(step=3, epoch=0), before_rename=lambda: seen.append(checkpoint.saved_steps(tmp_path))
    )

    assert seen == [[]]
    assert checkpoint.saved_steps(tmp_path) == [3]


def test_every_generator_goes_on_where_it_was(tmp_path: Path) -> None:
    random.seed(1)
    torch.manual_seed(2)
    np.random.seed(3)  # noqa: NPY002 - the global generator is the one that user code draws from
    save_state = {"step": 1, "random": Generators().state_dict()}
    checkpoint.save(tmp_path, save_state, Saved(step=1, epoch=0))
    drawn = random.random(), torch.rand(3), np.random.rand(3)  # noqa: NPY002

    Generators().load_state_dict(checkpoint.load(tmp_path / "step-000001.pt")["random"])

    assert random.random() == drawn[0]
    assert torch.equal(torch.rand(3), drawn[1])
    assert np.array_equal(np.random.rand(3), drawn[2])  # noqa: NPY002


def test_a_detached_state_does_not_follow_the_training() -> None:
    weight = torch.zeros(3, requires_grad=True)
    state = {"model": {"weight": weight}, "groups": [{"betas": (0.9, 0.999), "step": torch.tensor(1.0)}]}

    copy = encoded(state)
    with torch.no_grad():
        weight += 1
    state["groups"][0]["step"] += 1  # type: ignore[index]

    assert copy["model"]["weight"].tolist() == [0, 0, 0]
    assert copy["groups"][0] == {"betas": (0.9, 0.999), "step": torch.tensor(1.0)}


@pytest.mark.parametrize("mask", [0, 0o777], ids=oct)
def test_checkpoints_have_one_mode_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    before = os.umask(mask)
    try:
        save(folder, 7, loss=0.25)
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {"step-000007.pt": 0o600, "step-000007.json": 0o600}


def test_nothing_is_written_removed_or_renamed_through_a_folder_that_is_a_link(tmp_path: Path) -> None:
    mine, run = tmp_path / "mine", tmp_path / "run"
    mine.mkdir()
    run.mkdir()
    for step in (1, 2, 3):
        save(mine, step, loss=0.5 - step / 10)
    (mine / ".step-000004.pt.17.tmp").touch()
    before = {path.name: path.read_bytes() for path in mine.iterdir()}
    folder = run / "checkpoints"
    folder.symlink_to(mine)

    with pytest.raises(OSError, match="Not a directory"):
        save(folder, 4)
    with pytest.raises(OSError, match="Not a directory"):
        checkpoint.prune(folder, 1)
    checkpoint.set_aside(folder / "step-000001.pt")
    checkpoint.remove_leftovers(folder)

    assert {path.name: path.read_bytes() for path in mine.iterdir()} == before


@pytest.mark.parametrize("kind", [Saved, partial(CheckpointInfo, path=Path("x.pt"))])
def test_the_mode_of_the_monitored_metric_counts_for_the_loss_too(kind: Callable[..., Saved | CheckpointInfo]) -> None:
    def rank(mode: str, loss: float) -> float:
        return kind(step=1, epoch=1, val_loss=loss, score=loss, monitor="loss", monitor_mode=mode).rank

    assert rank("min", 0.5) < rank("min", 2.0) < math.inf
    assert rank("max", 2.0) < rank("max", 0.5) < math.inf
    assert rank("max", math.inf) == rank("max", math.nan) == math.inf
