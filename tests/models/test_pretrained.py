"""Weights from a file: what fits is loaded bit for bit, what does not is listed, and nothing of a file is ever run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from gradtop.trainer.config import Cnn, LanguageModel, ModelConfig, Shared
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.init_config import Normal
from gradtop.trainer.models.initialise import initialise
from gradtop.trainer.models.pretrained import load_pretrained
from gradtop.trainer.runtime.errors import UserError
from tests.models.weights import INFO, differing, loaded, new, prefixed

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
