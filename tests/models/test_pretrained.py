"""Weights from a file: what fits is loaded bit for bit, what does not is listed, and nothing of a file is ever run."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from gradtop.trainer.config import (
    Cnn,
    LanguageModel,
    ModelConfig,
    Shared,
    apply_overrides,
    dump_config,
    load_config,
    parse_config,
)
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.init_config import DefaultInit, Normal
from gradtop.trainer.models.initialise import initialise
from gradtop.trainer.models.pretrained import load_pretrained
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from tests.training.runs import SignalAtLook, events, newest_state, rows

CONFIGS = Path(__file__).parents[2] / "configs"
INFO = DataInfo(1, 8, 10)
CONFIG = Cnn(channels=(4, 6))


def new(config: ModelConfig = CONFIG, info: DataInfo = INFO, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build_model(config, info)


def loaded(path: Path, model: nn.Module) -> list[str]:
    return initialise(DefaultInit(pretrained=str(path)), model)


def differing(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> set[str]:
    """Names of what is not equal bit for bit."""
    assert one.keys() == other.keys()
    return {name for name, value in one.items() if not torch.equal(value, other[name])}


def prefixed(prefix: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda state: {prefix + name: value for name, value in state.items()}


WRAPPED: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "as it is": lambda state: state,
    "in model": lambda state: {"model": state, "epoch": 3},
    "in state_dict": lambda state: {"state_dict": state, "optimizer": {"lr": 0.1}},
    "in model_state_dict": lambda state: {"model_state_dict": state},
    "of DistributedDataParallel": prefixed("module."),
    "of torch.compile": prefixed("_orig_mod."),
    "of a parallel training that was compiled": prefixed("_orig_mod.module."),
    "of a compiled model in a parallel training": prefixed("module._orig_mod."),
    "of a module that keeps it as its model": lambda state: {"state_dict": prefixed("model.")(state)},
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_a_state_dict_is_found_however_it_was_wrapped(tmp_path: Path, wrap: Callable[[dict[str, Tensor]], object]) -> None:
    source, model = new(seed=1), new()
    torch.save(wrap(source.state_dict()), tmp_path / "weights.pt")

    said = loaded(tmp_path / "weights.pt", model)

    assert differing(source.state_dict(), model.state_dict()) == set()
    assert said == [f"loaded 16 of 16 tensors from {tmp_path / 'weights.pt'}"]


def test_safetensors_are_loaded(tmp_path: Path) -> None:
    source, model = new(seed=1), new()
    save_file(source.state_dict(), tmp_path / "weights.safetensors")

    loaded(tmp_path / "weights.safetensors", model)

    assert differing(source.state_dict(), model.state_dict()) == set()


def test_a_running_mean_as_torch_keeps_it_is_loaded(tmp_path: Path) -> None:
    source, model = new(seed=1), new()
    torch.save(AveragedModel(source).state_dict(), tmp_path / "mean.pt")

    said = loaded(tmp_path / "mean.pt", model)

    assert differing(source.state_dict(), model.state_dict()) == set()
    assert said[1:] == ["1 unexpected in the file, ignored: n_averaged"]


def test_of_a_checkpoint_with_an_average_the_average_is_loaded_as_its_score_is(tmp_path: Path) -> None:
    source, model = new(seed=1), new()
    average = AveragedModel(source)
    torch.save({"model": new(seed=2).state_dict(), "ema": average.state_dict()}, tmp_path / "early.pt")
    average.update_parameters(source)
    torch.save({"model": new(seed=2).state_dict(), "ema": average.state_dict()}, tmp_path / "weights.pt")

    said = loaded(tmp_path / "weights.pt", model)

    assert differing(source.state_dict(), model.state_dict()) == set()
    assert said == [f"loaded 16 of 16 tensors from {tmp_path / 'weights.pt'}, the EMA of its weights"]
    loaded(tmp_path / "early.pt", model)
    assert differing(new(seed=2).state_dict(), model.state_dict()) == set()

    assert load_pretrained(str(tmp_path / "weights.pt"), model, "ema") == said
    assert differing(source.state_dict(), model.state_dict()) == set()
    assert load_pretrained(str(tmp_path / "weights.pt"), model, "raw") == [f"loaded 16 of 16 tensors from {tmp_path / 'weights.pt'}"]
    assert differing(new(seed=2).state_dict(), model.state_dict()) == set()
    with pytest.raises(UserError, match=r"init\.pretrained_weights is ema, and .* holds no EMA of its weights; set it to auto or raw"):
        load_pretrained(str(tmp_path / "early.pt"), model, "ema")



@pytest.mark.parametrize("first", [True, False])
def test_an_exact_name_wins_over_one_with_a_prefix(tmp_path: Path, first: bool) -> None:
    source, model = new(seed=1), new()
    exact, other = source.state_dict(), prefixed("module.")(new(seed=2).state_dict())
    torch.save({**exact, **other} if first else {**other, **exact}, tmp_path / "weights.pt")

    said = loaded(tmp_path / "weights.pt", model)

    assert differing(source.state_dict(), model.state_dict()) == set()
    assert said[1].startswith("16 unexpected in the file, ignored: module.")


def test_a_file_of_an_untied_model_keeps_the_embedding_of_a_tied_one_and_says_what_was_left_out(tmp_path: Path) -> None:
    config, info = LanguageModel(num_layers=1, hidden_size=8, num_heads=2, context=4), DataInfo(0, 0, 9)
    source, model = new(config, info, seed=1), new(config, info)
    state = {name: value.clone() for name, value in source.state_dict().items()}
    state["head.weight"] = torch.full_like(state["head.weight"], 7.0)
    torch.save(state, tmp_path / "weights.pt")

    said = loaded(tmp_path / "weights.pt", model)

    assert torch.equal(model.get_parameter("embed.weight"), source.get_parameter("embed.weight"))
    assert said[1:] == ["1 with other values in the file, not loaded: head.weight, which the model ties to embed.weight"]
    distinct = len({id(value) for value in model.state_dict(keep_vars=True).values()})
    assert said[0].startswith(f"loaded {distinct} of {distinct} tensors")


def test_a_file_of_which_only_counters_fit_matches_nothing(tmp_path: Path) -> None:
    torch.save({"norm1.num_batches_tracked": torch.tensor(3), "other": torch.ones(2)}, tmp_path / "weights.pt")

    with pytest.raises(UserError, match="matches the model: it has norm1"):
        loaded(tmp_path / "weights.pt", new())


def test_names_that_the_model_has_itself_lose_nothing(tmp_path: Path) -> None:
    class Holds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(3, 3)
            self.model = nn.Linear(3, 2)

    source, model = Holds(), Holds()
    torch.save(source.state_dict(), tmp_path / "weights.pt")

    loaded(tmp_path / "weights.pt", model)

    assert differing(source.state_dict(), model.state_dict()) == set()


def test_a_head_of_other_classes_stays_new_and_the_rest_is_taken_bit_for_bit(tmp_path: Path) -> None:
    source, model = new(seed=1), new(info=DataInfo(1, 8, 3))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.save(source.state_dict(), tmp_path / "weights.pt")

    said = loaded(tmp_path / "weights.pt", model)

    after, head = model.state_dict(), {"head.weight", "head.bias"}
    assert differing(before, after) >= {"conv1.weight", "conv2.bias"}
    assert all(torch.equal(after[name], before[name]) for name in head)
    assert all(torch.equal(after[name], value) for name, value in source.state_dict().items() if name not in head)
    assert said[1:] == ["2 of a different shape, not loaded: head.weight (10×384 in the file, 3×384 here), head.bias (10 in the file, 3 here)"]


def test_what_is_missing_and_what_is_unexpected_is_listed(tmp_path: Path) -> None:
    torch.save(new(Cnn(channels=(4,))).state_dict(), tmp_path / "smaller.pt")
    torch.save(new(Cnn(channels=(4, 6, 6))).state_dict(), tmp_path / "larger.pt")

    missing, unexpected = loaded(tmp_path / "smaller.pt", new()), loaded(tmp_path / "larger.pt", new())

    assert "7 missing in the file, not loaded: conv2.weight, conv2.bias, norm2.weight, norm2.bias …" in missing
    assert "7 unexpected in the file, ignored: conv3.weight, conv3.bias, norm3.weight, norm3.bias …" in unexpected


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_another_precision_is_taken_into_that_of_the_model(tmp_path: Path, dtype: torch.dtype) -> None:
    source, model = new(seed=1).to(dtype), new()
    torch.save(source.state_dict(), tmp_path / "weights.pt")

    loaded(tmp_path / "weights.pt", model)

    assert {value.dtype for value in model.parameters()} == {torch.float32}
    assert differing(source.float().state_dict(), model.state_dict()) == set()


@pytest.mark.parametrize(
    ("config", "info"),
    [(LanguageModel(num_layers=1, hidden_size=8, num_heads=2, context=4), DataInfo(0, 0, 9)), (Shared(hidden_size=6, num_layers=3), INFO)],
    ids=["tied", "shared"],
)
def test_a_weight_that_is_there_twice_may_stand_in_the_file_once(tmp_path: Path, config: ModelConfig, info: DataInfo) -> None:
    source, model = new(config, info, seed=1), new(config, info)
    save_model(source, str(tmp_path / "weights.safetensors"))

    said = loaded(tmp_path / "weights.safetensors", model)

    assert differing(source.state_dict(), model.state_dict()) == set()
    assert len(said) == 1
    assert len(list(model.parameters())) == len(list(source.parameters()))


def test_the_file_is_loaded_over_the_initialisation(tmp_path: Path) -> None:
    source, model = new(seed=1), new(info=DataInfo(1, 8, 3))
    torch.save(source.state_dict(), tmp_path / "weights.pt")

    said = initialise(Normal(std=1e-6, pretrained=str(tmp_path / "weights.pt")), model)

    assert torch.equal(model.get_parameter("conv1.weight"), source.get_parameter("conv1.weight"))
    assert 0 < model.get_parameter("head.weight").abs().max() < 1e-5
    assert said[0].startswith("normal on 3 weights")


class Code:
    """Leaves a folder behind when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("code-was-run",)


def saved(make: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    return lambda path: torch.save(make(new(seed=1).state_dict()), path)


def every(change: Callable[[Tensor], Tensor]) -> Callable[[Path], None]:
    return saved(lambda state: {name: change(value) for name, value in state.items()})


def truncated(path: Path) -> None:
    saved(lambda state: state)(path)
    path.write_bytes(path.read_bytes()[:-300])


def quantised(value: Tensor) -> Tensor:
    return torch.quantize_per_tensor(value.float(), 0.1, 0, torch.qint8)


HOSTILE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "code": ("w.pt", saved(lambda state: {"model": state, "extra": Code()}), r"holds more than tensors \(posix\.mkdir\), which could run code and is not loaded"),
    "a whole module": ("w.pt", lambda path: torch.save(nn.Linear(2, 2), path), "holds more than tensors"),
    "nothing": ("w.pt", Path.touch, "is empty"),
    "nothing, as safetensors": ("w.safetensors", Path.touch, "is empty"),
    "a folder": ("w.pt", Path.mkdir, "is a folder; a file is expected"),
    "no file": ("w.pt", lambda path: None, "there is no file"),
    "a part of a file": ("w.pt", truncated, "cannot be read as a state dict; it may be damaged"),
    "a text": ("w.pt", lambda path: path.write_text("hello world\n"), "is no state dict that torch.save wrote"),
    "a picture": ("w.pt", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 99), "is no state dict that torch.save wrote"),
    "a text, as safetensors": ("w.safetensors", lambda path: path.write_text("hello world\n"), "it may be damaged"),
    "a list": ("w.pt", lambda path: torch.save([1, 2], path), "holds no state dict"),
    "one tensor": ("w.pt", lambda path: torch.save(torch.zeros(3), path), "holds no state dict"),
    "other names": ("w.pt", saved(prefixed("elsewhere.")), "nothing in .* matches the model: it has elsewhere.conv1.weight, "),
    "whole numbers": ("w.pt", every(Tensor.int), "holds conv1.weight as int32, as of a quantized model"),
    "quantised": ("w.pt", every(quantised), "holds conv1.weight as qint8, as of a quantized model"),
    "sparse": ("w.pt", every(Tensor.to_sparse), "holds conv1.weight as a sparse or nested tensor"),
    "shapes alone": ("w.pt", every(lambda value: value.to("meta")), "holds conv1.weight as a shape without values"),
    "complex": ("w.pt", every(lambda value: value.to(torch.complex64)), "holds conv1.weight as complex numbers"),
    "not finite": ("w.pt", every(lambda value: value * torch.inf if value.is_floating_point() else value), "with values that are not finite"),
}


@pytest.mark.parametrize(("name", "make", "sentence"), HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_none_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[Path], object], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    model = new()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with warnings.catch_warnings():
        # That some kinds of tensors go away, and how others are looked at, is torch's to say in the log.
        warnings.simplefilter("ignore")
        make(tmp_path / name)
        with pytest.raises(UserError) as caught:
            loaded(tmp_path / name, model)

    said = str(caught.value)
    assert said.startswith("init.pretrained: ")
    assert re.search(sentence, said), said
    assert str(tmp_path / name) in said
    assert "\n" not in said
    assert "weights_only" not in said
    assert differing(before, model.state_dict()) == set()
    assert not Path("code-was-run").exists()


def test_code_in_a_file_would_be_seen_by_these_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(Code(), "w.pt")

    torch.load("w.pt", weights_only=False)

    assert Path("code-was-run").is_dir()


def test_a_home_that_nobody_has_is_no_file() -> None:
    with pytest.raises(UserError, match=r"there is no file ~nobody-of-this-name/w\.pt"):
        loaded(Path("~nobody-of-this-name/w.pt"), new())


DIGITS = parse_config("""
[model]
kind = "cnn"
channels = [4, 6]

[training]
steps = 6
batch_size = 32
device = "cpu"
""")


def trained(folder: Path, *settings: str) -> Run:
    run = new_run(folder, dump_config(apply_overrides(DIGITS, settings)), {})
    assert work(run) == 0, read_status(run).error
    return run


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run that has seen some digits."""
    run = trained(tmp_path_factory.mktemp("runs"))
    return run.checkpoints / "step-000006.pt"


def fine_tuning(pretrained: Path) -> list[str]:
    """The settings of configs/finetune.toml, as far as they are no others' here: its model, its data and its length."""
    config = load_config(CONFIGS / "finetune.toml")
    assert config.freeze.kind == "backbone"
    freezing = [f"freeze.{key}={str(value).lower()}" for key, value in vars(config.freeze).items()]
    optimizer = [f"optimizer.{key}={value}" for key, value in vars(config.optimizer).items() if key in {"kind", "lr", "momentum", "weight_decay"}]
    data = ["data.kind=fake", "data.samples=120", "data.classes=3", "data.image_size=8", "data.channels=1"]
    return [f"init.pretrained={pretrained}", *freezing, *optimizer, *data, "training.batch_size=8", "training.steps=0"]


def test_fine_tuning_trains_the_new_head_first_and_then_everything(tmp_path: Path, pretrained: Path) -> None:
    source = torch.load(pretrained, weights_only=True)["model"]
    frozen = trained(tmp_path, *fine_tuning(pretrained), "training.epochs=3")

    learned = newest_state(frozen)["model"]
    assert [name for name in learned if name not in {"head.weight", "head.bias"} and not torch.equal(learned[name], source[name])] == []
    said = [str(event["message"]) for event in events(frozen, "init")]
    assert said[0] == f"loaded 14 of 16 tensors from {pretrained}"
    assert said[1].startswith("2 of a different shape, not loaded: head.weight (10×384 in the file, 3×384 here)")
    losses = [loss for _, loss in rows(frozen, "steps", "loss")]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])

    thawed = newest_state(trained(tmp_path, *fine_tuning(pretrained), "training.epochs=4"))["model"]
    changed = {name for name in thawed if not name.startswith("head") and not torch.equal(thawed[name], source[name])}
    assert {"conv1.weight", "conv2.bias", "norm1.weight", "norm1.running_mean"} <= changed


def test_a_run_goes_on_without_the_file_that_it_began_with(tmp_path: Path, pretrained: Path) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(pretrained.read_bytes())
    whole = trained(tmp_path, f"init.pretrained={weights}")
    parted = new_run(tmp_path, whole.config.read_text(), {})
    assert work(parted, signals=SignalAtLook(2)) == 0
    weights.unlink()

    assert work(parted, resume=True) == 0, read_status(parted).error

    assert differing(newest_state(whole)["model"], newest_state(parted)["model"]) == set()


def test_a_file_that_is_none_ends_the_run_before_it_trains(tmp_path: Path) -> None:
    run = new_run(tmp_path, dump_config(apply_overrides(DIGITS, ["init.pretrained=nowhere.pt"])), {})

    assert work(run) == 1

    status = read_status(run)
    assert (status.state, status.step, status.error) == ("failed", 0, "init.pretrained: there is no file nowhere.pt")
