"""Evaluating a checkpoint gives what the training recorded at its step, to the last figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import Run, new_run
from gradtop.trainer.record.streams.registry import EVALS
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from tests.training.runs import rows, tiny_run

DIGITS = '[model]\nkind = "cnn"\nchannels = [8]\n\n[data]\nkind = "digits"\n\n'
CHARACTERS = """
[model]
kind = "language_model"
hidden_size = 16
num_layers = 1
num_heads = 2
context = 16

[data]
kind = "text"
file = "FILE"

[sample]
every = 0

"""
TRAINING = '[training]\nbatch_size = 16\ndevice = "cpu"\nthreads = 1\n'
TEXT = "it was the best of times, it was the worst of times. " * 40


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Run]:
    """Trains a run of a configuration to its end."""

    def make(text: str) -> Run:
        run = new_run(tmp_path / "runs", text, {})
        assert work(run) == 0
        return run

    return make


def evaluated(run: Run, wanted: str = "last", **options: Any) -> dict[str, Any]:
    return evaluate_checkpoint(run, find_checkpoint(run, wanted).path, **options)


def test_a_classifier_is_evaluated_as_it_was_in_training(made: Callable[..., Run]) -> None:
    run = made(DIGITS + TRAINING + "epochs = 2\nkeep_checkpoints = 2\n")
    steps = [step for (step,) in rows(run, EVALS)]
    for step in steps:
        found = evaluated(run, str(int(step)))
        assert found["as_recorded"] is True, found
        assert found["metrics"].keys() == {"loss", "accuracy", "balanced_accuracy", "f1", "top5_accuracy"}
        assert (found["step"], found["samples"], found["of"], found["weights"], found["notes"]) == (step, 360, "samples", "model", [])
    # What a plain loop over the same samples finds.
    training = evaluated(run, data="train")
    assert (training["samples"], training["recorded"], training["as_recorded"]) == (1437, None, None)
    assert training["metrics"]["loss"] != found["metrics"]["loss"]


def test_the_average_of_a_language_model_is_evaluated_in_half_precision(made: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    run = made(CHARACTERS.replace("FILE", str(tmp_path / "text.txt")) + TRAINING + 'steps = 6\nema = 0.5\nprecision = "bf16"\n')
    found = evaluated(run)
    assert found["as_recorded"] is True, found
    assert (found["weights"], found["of"], found["precision"]) == ("ema", "characters", "bf16")
    assert found["metrics"].keys() == {"loss", "accuracy", "perplexity", "bits_per_character"}
    other = tmp_path / "other.txt"
    other.write_text(TEXT[:201])
    assert evaluated(run, data=str(other))["samples"] == 200
    other.write_text("it was Ünknown")
    with pytest.raises(UserError, match="characters that the model does not know: 'k' 'n' 'Ü'"):
        evaluated(run, data=str(other))
    # The data have changed, and are of another vocabulary.
    (tmp_path / "text.txt").write_text(TEXT.replace("w", "W").replace("t", "T", 1))
    with pytest.raises(UserError, match=r"does not fit the model that run.toml describes \(.*embed.weight"):
        evaluated(run)
    (tmp_path / "text.txt").unlink()
    with pytest.raises(UserError, match=r"text\.txt cannot be read"):
        evaluated(run)


def test_what_changed_since_is_said(made: Callable[..., Run], tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    run = made(CHARACTERS.replace("FILE", str(text)) + TRAINING + "steps = 4\n")
    text.write_text(TEXT.replace("best of times", "best of mites"))
    found = evaluated(run)
    assert found["as_recorded"] is False
    assert found["recorded"]["loss"] != found["metrics"]["loss"]
    (note,) = found["notes"]
    assert note.startswith("the data have changed since the checkpoint: ")


def test_pictures_of_a_folder_are_evaluated_by_the_names_of_their_classes(made: Callable[..., Run], tmp_path: Path) -> None:
    from PIL import Image

    generator = torch.Generator().manual_seed(0)
    for name in ("cat", "dog", "emu"):
        for number in range(10):
            pixels = torch.randint(0, 256, (9, 12, 3), dtype=torch.uint8, generator=generator)
            for place in ((tmp_path / "pictures" / name, *([tmp_path / "held" / name] if number == 0 and name != "dog" else []))):
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.numpy()).save(place / f"{number}.png")
    data = f'[model]\nkind = "mlp"\nhidden = [8]\n\n[data]\nkind = "image_folder"\nroot = "{tmp_path / "pictures"}"\nimage_size = 8\nvalidation = 0.3\nworkers = 0\n\n'
    run = made(data + TRAINING + "epochs = 2\n")
    assert evaluated(run)["as_recorded"] is True
    held = evaluated(run, data=str(tmp_path / "held"))
    assert (held["samples"], held["recorded"]) == (2, None)
    (tmp_path / "held" / "gnu").mkdir()
    with pytest.raises(UserError, match="held has gnu, which is not among the classes of the model: cat, dog, emu"):
        evaluated(run, data=str(tmp_path / "held"))
    with pytest.raises(UserError, match="there is no such file or folder"):
        evaluated(run, data=str(tmp_path / "nowhere"))


def test_what_is_damaged_is_said(made: Callable[..., Run], tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "runs", epochs=1)
    assert work(run) == 0
    path = find_checkpoint(run).path
    told: list[Any] = []
    evaluated(run, tell=told.append)
    assert [each["doing"] for each in told] == ["reading the checkpoint", "loading the data", "evaluating"]
    with pytest.raises(UserError, match=r"training\.device is cuda:9"):
        evaluated(run, device="cuda:9")
    run.config.write_text(run.config.read_text().replace("hidden = [8]", "hidden = [9]"))
    with pytest.raises(UserError, match=r"does not fit the model that run.toml describes \(linear1.weight \(8, 16\)"):
        evaluated(run)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="cannot be read"):
        evaluated(run)
