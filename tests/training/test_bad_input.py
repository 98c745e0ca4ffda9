"""What the sweep over the declarations found, each one written out: it trains, or it says in a sentence why it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gradtop.trainer.config import parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.server.requests import ANSWERS, answer
from gradtop.trainer.training.step import explain_step_error
from tests.config.strategies import problems_of
from tests.training.runs import rows

OWN = '[data]\nkind = "custom"\ntarget = "tests.training.project:pictures"\n'


def failure(run: Run) -> str:
    """What a run fails with, in one line that points to no traceback."""
    assert work(run) == 1
    error = read_status(run).error
    assert "traceback" not in error
    assert error.isprintable()
    return error


def of(folder: Path, *sections: str, steps: int = 2) -> Run:
    """A run of a configuration as `gradtop train` makes it."""
    return create_run(folder, parse_config("\n".join([*sections, f'[training]\ndevice = "cpu"\nsteps = {steps}'])))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f'{OWN}[model]\nkind = "cnn"\nchannels = []', "model.channels: needs at least one number"),
        (f'{OWN}[model]\nkind = "cnn"\nchannels = [4, 4]\nstride = [1, 1, 1]', "model.stride: has 3 numbers, but model.channels makes 2 stages"),
        ("[optimizer]\nlr = 1e300", "optimizer.lr: must be at most 1e30, not 1e300"),
        ("[optimizer]\neps = 1e300", "optimizer.eps: must be at most 1e30, not 1e300"),
        ('[init]\nkind = "xavier_uniform"\ngain = 1e200', "init.gain: must be at most 1e30, not 1e200"),
    ],
)
def test_what_can_be_known_without_torch_is_a_problem_of_its_key(text: str, problem: str) -> None:
    (said,) = problems_of(text)
    assert said.startswith(problem)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ('kind = "cnn"\nkernel_size = 9', "model.kernel_size: 9 is larger than the input of stage 1: tests.training.project:pictures is 4×4 there"),
        ('kind = "transformer"\npatch_size = 3', "model.patch_size: must divide the side of the images, 4 for tests.training.project:pictures; it is 3"),
    ],
)
def test_a_model_that_does_not_fit_the_size_of_own_images_is_told_of_by_its_key(tmp_path: Path, model: str, problem: str) -> None:
    assert failure(of(tmp_path, OWN, f"[model]\n{model}")).startswith(problem)


def test_outputs_without_a_gradient_are_told_of(tmp_path: Path) -> None:
    run = of(tmp_path, '[model]\nkind = "custom"\ntarget = "tests.training.project:given"\narguments = {how = "no gradient"}')
    assert "the loss depends on no parameter that trains; freeze fewer of them, or look in the forward of model.target" in failure(run)


def test_weights_that_hold_more_than_numbers_are_told_of_without_the_colours_of_torch(tmp_path: Path) -> None:
    torch.save({"model": Path("x")}, tmp_path / "object.pt")
    assert "save the state_dict() of the model alone" in failure(of(tmp_path, f'[init]\npretrained = "{tmp_path}/object.pt"'))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("train", "model.kind = custom does not take them in training (ValueError: only in training) (the traceback is in worker.log)"),
        ("text in training", "the model returns str, in which there are no outputs; a tensor is expected"),
        ("other in training", "it in training returns 1 values for each label, and the data have 3 classes"),
        ("whole", "the model returns numbers of int64; floats are expected"),
    ],
)
def test_an_own_model_that_goes_wrong_in_training_alone_is_told_of_before_it(tmp_path: Path, how: str, said: str) -> None:
    run = of(tmp_path, OWN, f'[model]\nkind = "custom"\ntarget = "tests.training.project:given"\narguments = {{how = "{how}"}}')
    assert work(run) == 1
    assert said in read_status(run).error


def test_an_exception_whose_message_cannot_be_made_is_named(tmp_path: Path) -> None:
    run = of(tmp_path, OWN, '[model]\nkind = "custom"\ntarget = "tests.training.project:given"\narguments = {how = "unsayable"}')
    assert work(run) == 1
    sentence = "RuntimeError: Unsayable was raised, and its message cannot be made, as its __str__ raised KeyError (the traceback is in worker.log)"
    assert (read_status(run).state, read_status(run).error) == ("failed", sentence)


def test_a_traceback_is_said_to_be_in_the_log_only_where_there_is_one(tmp_path: Path) -> None:
    run = of(tmp_path, '[model]\nkind = "custom"\ntarget = "json:loads"\narguments = {s = "x"}')
    written = run.config.rename(tmp_path / "mine.toml")
    said = answer(ANSWERS["parameters"], {"file": str(written)})["error"]
    written.rename(run.config)
    assert said == "model.target: json:loads raised JSONDecodeError: Expecting value: line 1 column 1 (char 0)"
    assert work(run) == 1
    assert read_status(run).error == f"{said} (the traceback is in worker.log)"


def test_an_own_model_without_values_is_told_of(tmp_path: Path) -> None:
    assert "returns a module on the device meta" in failure(of(tmp_path, OWN, '[model]\nkind = "custom"\ntarget = "tests.training.project:on_meta"'))


def test_a_model_that_cannot_be_compiled_names_the_setting() -> None:
    from torch._dynamo.exc import Unsupported
    from torch._inductor.exc import InductorError, InvalidCxxCompiler

    without = explain_step_error(InductorError(InvalidCxxCompiler(), None))
    assert without == "training.compile is true, which needs a C++ compiler, and none is found; install one such as g++, or set it to false"
    assert explain_step_error(Unsupported("a graph break\nhere")) == "training.compile is true, and torch cannot compile the model (a graph break); set it to false"


@pytest.mark.parametrize("rise", ["5e-324", "1e-9", "0.9999999999999999"])
def test_one_cycle_is_gone_through_however_short_the_run_and_the_rise(tmp_path: Path, rise: str) -> None:
    run = of(tmp_path, f'[schedule]\nkind = "one_cycle"\nrise = {rise}\n[model]\nkind = "mlp"', steps=6)
    assert work(run) == 0
    rates = [lr for _, lr in rows(run, "steps", "lr")]
    assert max(rates) == pytest.approx(1e-3)
    assert rates[0] == pytest.approx(1e-3 / 25)
    assert rates[-1] == pytest.approx(1e-3 / 25 / 1e4)


def test_numbers_that_the_labels_of_a_text_do_not_have_are_told_of(tmp_path: Path) -> None:
    run = of(tmp_path, '[data]\nkind = "custom"\ntarget = "tests.training.project:strange_characters"', '[model]\nkind = "language_model"\ncontext = 4')
    assert "data.target: an input is the number 9, and by the labels there are 5 characters, 0 to 4" in failure(run)


def test_weights_that_an_initialisation_cannot_fill_are_told_of(tmp_path: Path) -> None:
    run = of(tmp_path, OWN, '[model]\nkind = "custom"\ntarget = "tests.training.project:half_weights"', '[init]\nkind = "orthogonal"')
    assert failure(run).startswith("init.kind: orthogonal cannot initialize weights of float16")
