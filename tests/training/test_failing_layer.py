"""Where in a model an error came from."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gradtop.trainer.training.failing_layer import failing_layer


class Careful(nn.Module):
    """Goes on without a layer that fails, and may fail itself."""

    def __init__(self, *, fails: bool) -> None:
        super().__init__()
        self.broken, self.blocks, self.fails = nn.Linear(5, 4), nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), fails

    def forward(self, inputs: Tensor) -> Tensor:
        try:
            self.broken(inputs)
        except RuntimeError:
            inputs = inputs + 0
        found: Tensor = self.blocks(inputs)
        return found.reshape(-1, 7) if self.fails else found


def raised_by(model: nn.Module, inputs: Tensor) -> str:
    with pytest.raises(RuntimeError) as raised:
        model(inputs)
    return failing_layer(model, raised.value)


def test_the_innermost_layer_that_fails_is_named_as_torch_prints_it() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), nn.Sequential(nn.Linear(5, 2)))
    assert raised_by(model, torch.zeros(2, 3)) == "1.0, Linear(in_features=5, out_features=2, bias=True)"


def test_what_the_model_does_itself_and_what_it_catches_are_no_layer() -> None:
    model = Careful(fails=True)
    assert raised_by(model, torch.zeros(2, 3)) == ""
    assert raised_by(model, torch.zeros(2, 9)) == "blocks.0, Linear(in_features=3, out_features=4, bias=True)"
    assert raised_by(nn.Sequential(model), torch.zeros(2, 3)) == "0, Careful"
    assert failing_layer(model, RuntimeError("of another")) == ""
