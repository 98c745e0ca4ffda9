"""Pictures of the weights of a real training, from its worker and from its checkpoint."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import torch

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.record import RunReader, StreamReader, write_lease
from gradtop.trainer.record.pictures import Picture, PictureKind, Wanted
from gradtop.trainer.record.streams.registry import PICTURES
from gradtop.trainer.server.requests import ANSWERS, answer
from gradtop.trainer.training.session import Session
from gradtop.tui.screens.weights.pictures import newest
from tests.support import wait_until
from tests.training.runs import tiny_run, trained

CNN = '[model]\nkind = "cnn"\nchannels = [6, 5]\n'


def test_a_worker_takes_the_picture_that_a_screen_asks_for_and_its_checkpoint_has_the_same(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    text = run.config.read_text()
    text = text.replace("[training]", "[training]\nema = 0.5")
    run.config.write_text(CNN + text[text.index("[data]") :])
    wanted = Wanted("conv2.weight", PictureKind.KERNELS, 0, 3)
    taken: dict[float, torch.Tensor] = {}

    def watch(session: Session) -> None:
        weight = session.model.get_parameter("conv2.weight")
        write_lease(run, f"{os.getpid()}-test", ["histograms"], [wanted.parameter], [wanted])
        viewers = session.monitor._viewers
        assert viewers is not None
        wait_until(lambda: wanted in viewers().pictures, why="the lease")
        session.monitor._drain_at = -math.inf
        due = session.control.due

        def look() -> bool:
            taken[session.step] = weight.detach().clone()
            session.monitor._drain_at = -math.inf
            return due()

        session.control.due = look  # type: ignore[method-assign]

    session = trained(run, watch)
    taken[session.step] = session.model.get_parameter("conv2.weight").detach().clone()

    stream = StreamReader(run, PICTURES)
    stream.refresh()
    shown = newest(stream, wanted, (5, 6, 3, 3))
    assert shown is not None
    assert torch.equal(torch.tensor(shown.picture.tiles).reshape(5, 3, 3), taken[shown.step][:, 3])

    kept = RunReader(run).checkpoints()[-1]
    given = {"run": str(run.path), "checkpoint": str(kept.path), "wanted": wanted.to_json()}
    told = json.loads(json.dumps(answer(ANSWERS["picture"], given)))
    picture = Picture.from_numbers(told["numbers"])
    assert picture is not None
    weights = checkpoint.load(kept.path)["model"]["conv2.weight"]
    assert torch.equal(torch.tensor(picture.tiles).reshape(5, 3, 3), weights[:, 3])
    assert (told["step"], told["shape"]) == (kept.step, [5, 6, 3, 3])
    averaged = Picture.from_numbers(answer(ANSWERS["picture"], {**given, "averaged": True})["numbers"])
    assert averaged is not None
    average = session.compute.evaluated.get_parameter("conv2.weight")
    assert torch.equal(torch.tensor(averaged.tiles).reshape(5, 3, 3), average[:, 3])
    assert not torch.equal(average, weights)
    gone = answer(ANSWERS["picture"], {**given, "wanted": Wanted("gone", PictureKind.MEAN).to_json()})
    assert gone["error"] == f"the checkpoint {kept.path.name} has no parameter gone"
    assert "no picture" in answer(ANSWERS["picture"], {**given, "wanted": ["conv2.weight", 7, 0, 0, 0, 0]})["error"]
