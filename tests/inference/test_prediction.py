"""Predictions are what the model says of inputs transformed as those for validation."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import datasets
import pytest
import torch
from PIL import Image

from gradtop.trainer.data.dataset import Dataset
from gradtop.trainer.data.kinds.digits import Digits
from gradtop.trainer.data.load import load_data
from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.inference.prediction import predict
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import Run, new_run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from tests.documented import executed, python_of

TRAINING = '[training]\nbatch_size = 16\ndevice = "cpu"\nthreads = 1\n'


def done(folder: Path, text: str, steps: int = 20) -> tuple[Run, Path]:
    run = new_run(folder / "runs", f"{text}{TRAINING}steps = {steps}\n", {})
    assert work(run) == 0
    return run, find_checkpoint(run).path


def test_a_picture_of_a_digit_is_the_digit_that_the_data_hold(tmp_path: Path) -> None:
    run, path = done(tmp_path, '[model]\nkind = "mlp"\nhidden = [16]\n\n[data]\nkind = "digits"\n\n')
    data = load_data(Digits(), seed=0)
    assert isinstance(data, Dataset)
    low, high = data.train_images.min(), data.train_images.max()
    files = []
    for number, image in enumerate(data.val_images[:4, 0]):
        grey = ((image - low) / (high - low) * 255).round().to(torch.uint8)
        # Wider, of which the middle is taken, and every other one in colour.
        picture = Image.new("L", (12, 8), 99)
        picture.paste(Image.fromarray(grey.numpy()), (2, 0))
        files.append(str(tmp_path / f"{number}.png"))
        (picture.convert("RGB") if number % 2 else picture).save(files[-1])
    found = predict(run, path, [*files, str(tmp_path / "none.png"), str(tmp_path), str(run.config)], {"top": 3})
    *pictures, missing, folder, other = found["predictions"]
    weights = torch.load(path, weights_only=True)["model"]
    hidden = torch.relu(data.val_images[:4].flatten(1) @ weights["linear1.weight"].T + weights["linear1.bias"])
    wanted = (hidden @ weights["head.weight"].T + weights["head.bias"]).softmax(1)
    for prediction, row in zip(pictures, wanted, strict=True):
        assert [each["class"] for each in prediction["top"]] == row.argsort(descending=True)[:3].tolist()
        assert prediction["top"][0]["probability"] == pytest.approx(row.max().item(), abs=0.02)
        assert prediction["top"][0]["name"] is None
    assert missing["error"] == "there is no such file"
    assert folder["error"].startswith("is a folder")
    assert other["error"] == "cannot be read (no image, or of a kind that Pillow does not read)"
    with pytest.raises(UserError, match=r"--seed: this is a classifier, which has no use for it; leave out --seed"):
        predict(run, path, files, {"seed": 1})


def test_classes_have_their_names_without_the_data_too(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    for name, shade in (("black", 10), ("white", 240)):
        (root / name).mkdir(parents=True)
        for number in range(8):
            Image.new("RGB", (12, 9), (shade + number,) * 3).save(root / name / f"{number}.png")
    run, path = done(tmp_path, f'[model]\nkind = "mlp"\nhidden = [8]\n\n[data]\nkind = "image_folder"\nroot = "{root}"\nimage_size = 8\nvalidation = 0.3\nworkers = 0\n\n')
    Image.new("L", (20, 30), 245).save(tmp_path / "new.png")
    shutil.rmtree(root)
    found = predict(run, path, [str(tmp_path / "new.png")], {})
    assert found["notes"] == []
    (prediction,) = found["predictions"]
    assert {each["name"]: each["class"] for each in prediction["top"]} == {"black": 0, "white": 1}
    assert math.fsum(each["probability"] for each in prediction["top"]) == pytest.approx(1)


def test_a_text_is_continued_in_its_own_characters(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("abab" * 200)
    model = '[model]\nkind = "language_model"\nhidden_size = 16\nnum_layers = 1\nnum_heads = 2\ncontext = 8\ndropout = 0.0\n\n'
    run, path = done(tmp_path, model + f'[data]\nkind = "text"\nfile = "{tmp_path / "text.txt"}"\n\n[sample]\nevery = 0\n\n[optimizer]\nlr = 0.01\n\n', 80)
    prompt, strange, empty = (tmp_path / f"{name}.txt" for name in ("prompt", "strange", "empty"))
    prompt.write_text("aba\n")
    strange.write_text("abc")
    empty.write_text("\n")
    files = [str(each) for each in (prompt, strange, empty)]
    good, unknown, nothing = predict(run, path, files, {"length": 6, "temperature": 0.0})["predictions"]
    assert (good["prompt"], good["text"]) == ("aba", "bababa")
    assert "characters that the model does not know: 'c'" in unknown["error"]
    assert nothing["error"].startswith("the text is empty")
    one, other = (predict(run, path, files[:1], {"length": 30, "temperature": 5.0, "seed": 7})["predictions"][0]["text"] for _ in range(2))
    assert one == other
    assert len(one) == 30
    # The checkpoint alone is enough.
    (tmp_path / "text.txt").unlink()
    assert predict(run, path, files, {"length": 6, "temperature": 0.0})["predictions"][0]["text"] == "bababa"


def test_what_takes_no_pictures_says_so(tmp_path: Path) -> None:
    run, path = done(tmp_path, '[model]\nkind = "mlp"\nhidden = [8]\n\n[data]\nkind = "fake"\nsamples = 40\nclasses = 3\nimage_size = 4\nchannels = 5\n\n')
    with pytest.raises(UserError, match="its inputs are 5×4×4, and square images of 1 or 3 channels are expected"):
        predict(run, path, [str(tmp_path / "a.png")], {})


@pytest.mark.parametrize("kind", ["hf", "custom"])
def test_pictures_of_every_kind_of_data_need_the_checkpoint_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    shades = torch.arange(24, dtype=torch.uint8).view(24, 1, 1, 1) * 10
    images = shades.expand(24, 3, 8, 8).contiguous()
    labels = (torch.arange(24) >= 12).long()
    if kind == "hf":
        features = datasets.Features({"image": datasets.Array3D((3, 8, 8), "uint8"), "label": datasets.ClassLabel(names=["dark", "light"])})
        datasets.disable_progress_bars()
        datasets.Dataset.from_dict({"image": images.numpy(), "label": labels.tolist()}, features=features).save_to_disk(str(tmp_path / "data"))
        data = f'kind = "hf"\nroot = "{tmp_path / "data"}"\nvalidation = 0.25\nworkers = 0'
    else:
        (tmp_path / "data").mkdir()
        torch.save((images, labels), tmp_path / "data" / "all.pt")
        code = f'import torch\n\n\ndef load():\n    images, labels = torch.load("{tmp_path}/data/all.pt")\n    return (images, labels), (images[::2], labels[::2])\n'
        (tmp_path / "shades_of_grey.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        data = 'kind = "custom"\ntarget = "shades_of_grey:load"'
    run, path = done(tmp_path, f'[model]\nkind = "mlp"\nhidden = [8]\n\n[data]\n{data}\n\n', 30)
    picture = tmp_path / "light.png"
    Image.new("RGB", (8, 8), (230, 230, 230)).save(picture)
    with_data = predict(run, path, [str(picture)], {})
    shutil.rmtree(tmp_path / "data")
    alone = predict(run, path, [str(picture)], {})
    assert alone == with_data
    assert alone["notes"] == []
    # As plain PyTorch makes inputs of a picture, by what the checkpoint holds: the code of the page.
    plain = executed(python_of("data")[-1], run, path, tmp_path)
    checkpoint, inputs = plain["checkpoint"], plain["normalize"](torch.full((1, 3, 8, 8), 230, dtype=torch.uint8)).flatten(1)
    weights = checkpoint["model"]
    hidden = torch.relu(inputs @ weights["linear1.weight"].T + weights["linear1.bias"])
    wanted = (hidden @ weights["head.weight"].T + weights["head.bias"]).softmax(1)[0]
    names = checkpoint.get("class_names") or [None, None]
    assert names == (["dark", "light"] if kind == "hf" else [None, None])
    for each in alone["predictions"][0]["top"]:
        assert each["probability"] == pytest.approx(wanted[each["class"]].item(), abs=1e-4)
        assert each["name"] == names[each["class"]]
    with pytest.raises(UserError, match=r"to evaluate on other samples, name them: --data PATH"):
        evaluate_checkpoint(run, path)
    if kind == "hf":
        for name, shade in (("dark", 20), ("light", 200)):
            (tmp_path / "others" / name).mkdir(parents=True)
            Image.new("RGB", (8, 8), (shade,) * 3).save(tmp_path / "others" / name / "0.png")
        found = evaluate_checkpoint(run, path, data=str(tmp_path / "others"))
        assert found["samples"] == 2
        assert found["notes"][0].startswith("the data of the run cannot be had: data.root:")
