"""Each configuration in configs/ trains, for a few steps."""

from __future__ import annotations

import math
import runpy
import sysconfig
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.models import resnet18

from gradtop.trainer.analysis.event_text import event_line
from gradtop.trainer.config import Text, dump_config, load_config
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.record import new_run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.server.config_check import check_config
from tests.training.runs import events, rows

CONFIGS = Path(__file__).parents[2] / "configs"
# Their data is not on this machine; a stand-in of the same shape is.
STAND_INS = {
    "cifar10_resnet18": ["data.kind=fake", "data.samples=8", "training.batch_size=4"],
    "fashion_mnist": ["data.kind=fake", "data.samples=64", "data.image_size=28", "data.channels=1"],
}
TOO_LARGE = "gpt2"
TOKENIZED = {"byte_pair_text"}
NAMES = sorted(path.stem for path in CONFIGS.glob("*.toml") if path.stem != TOO_LARGE)


def images(folder: Path) -> str:
    for label, colour in (("cat", "orange"), ("dog", "brown")):
        (folder / label).mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (40 + number, 32), colour).save(folder / label / f"{number}.png")
    return str(folder)


@pytest.mark.parametrize("name", NAMES)
def test_every_example_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name in TOKENIZED:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    changes = [*STAND_INS.get(name, []), "training.steps=2", "training.device=cpu"]
    # Two steps are shorter than any warm-up.
    changes += [f"schedule.{key}=0" for key in ("warmup_steps", "warmup_epochs") if hasattr(load_config(CONFIGS / f"{name}.toml").schedule, key)]
    if name == "table_regression":
        runpy.run_path(str(CONFIGS / "houses.py"))["main"](tmp_path / "houses.csv")
        changes += [f"data.file={tmp_path / 'houses.csv'}"]
    if name == "unbalanced_images":
        script = runpy.run_path(str(CONFIGS / "plates.py"))
        script["COUNTS"].update(good=40, scratch=8, hole=4)
        script["main"](tmp_path / "plates")
        changes += [f"data.root={tmp_path / 'plates'}", "data.workers=0"]
    if name == "mask_folder":
        script = runpy.run_path(str(CONFIGS / "cells.py"))
        monkeypatch.setitem(script["main"].__globals__, "COUNT", 20)
        script["main"](tmp_path / "cells")
        changes += [f"data.root={tmp_path / 'cells'}", "data.workers=0"]
    if name == "finetune":
        weights = tmp_path / "weights.pth"
        torch.save(resnet18(num_classes=7).state_dict(), weights)
        changes += [f"init.pretrained={weights}", f"data.root={images(tmp_path / 'images')}", "data.image_size=32", "data.workers=0"]
        changes += ["training.batch_size=4"]
    config = load_config(CONFIGS / f"{name}.toml", changes)
    run = new_run(tmp_path / "runs", dump_config(config), {})

    assert work(run) == 0, read_status(run).error

    assert [row[0] for row in rows(run, "steps", "loss")] == [1, 2]
    if name == "finetune":
        said = " ".join(event_line(event).text for kind in ("init", "freeze") for event in events(run, kind))
        assert "2 of a different shape, not loaded: fc.weight (7×512 in the file, 2×512 here)" in said
        assert "60 parameters are frozen" in said


def test_the_example_of_the_size_of_gpt2_has_its_parameters_and_can_be_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(CONFIGS / "gpt2.toml")
    assert isinstance(config.data, Text)
    with torch.device("meta"):
        model = config.model.build(DataInfo(channels=0, size=0, classes=config.data.vocab_size))
    # 50 257 and 1024 embeddings of 768, 12 blocks, the last norm.
    block = 4 * 768 * 768 + 4 * 768 + 8 * 768 * 768 + 5 * 768 + 4 * 768
    assert sum(parameter.numel() for parameter in model.parameters()) == (50_257 + 1_024) * 768 + 12 * block + 2 * 768 == 124_439_808

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    script = runpy.run_path(str(CONFIGS / "python_source.py"))
    script["LEFT_OUT"].update(path.name for path in Path(sysconfig.get_path("stdlib")).iterdir() if path.name != "json")
    script["main"](tmp_path / "python.txt")
    small = [f"data.file={tmp_path / 'python.txt'}", "training.device=cpu", "model.context=32", "training.batch_size=2", "training.accumulate=1"]
    found = check_config(load_config(CONFIGS / "gpt2.toml", small), tmp_path / "runs", lambda _: None)
    assert found["data"]["unit"] == "tokens"
    assert found["batch"]["inputs"] == [2, 32]
    assert found["loss"]["value"] == pytest.approx(math.log(found["data"]["classes"]), abs=0.5)
