"""What a checkpoint says of its quantization may be anything: it is refused with a sentence, and nothing is made larger than what the file has."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gradtop.trainer.models.quantized import (
    ACTIVATIONS,
    METHOD_KEY,
    PER_ROW,
    PER_TENSOR,
    QUANTIZATION,
    TENSORS,
    quantization_in,
    round_activations,
    with_float_weights,
)
from gradtop.trainer.runtime.errors import UserError

VALUES, SCALES = torch.tensor([[1, -2], [3, 4]], dtype=torch.int8), torch.tensor([[0.5], [2.0]])
GOOD = {"values": VALUES, "scales": SCALES, "bits": 8, "shape": [2, 2]}
HUGE = torch.zeros(1, dtype=torch.int8).expand(10**6, 10**6)


def said(tensors: Any = None, activations: Any = None, method: Any = "weight_int8") -> dict[str, Any]:
    return {QUANTIZATION: {METHOD_KEY: method, TENSORS: {"0.weight": GOOD} if tensors is None else tensors, ACTIVATIONS: {} if activations is None else activations}}


@pytest.mark.parametrize(
    "changes",
    [
        {"values": 5},
        {"values": VALUES.float()},
        {"values": VALUES.to_sparse()},
        {"values": VALUES.to("meta")},
        {"values": HUGE, "shape": [10**6, 10**6]},
        {"values": VALUES.flatten()[:3]},
        {"scales": None},
        {"scales": SCALES.double()},
        {"scales": SCALES.flatten()},
        {"scales": torch.ones(3, 1)},
        {"scales": torch.ones(0, 1)},
        {"scales": torch.ones(1, 1).expand(10**6, 10**6)},
        {"bits": 3},
        {"bits": 4},
        {"bits": "8"},
        {"bits": [8]},
        {"shape": [10**9, 10**9]},
        {"shape": [-2, -2]},
        {"shape": [4.0]},
        {"shape": [True, 4]},
        {"shape": "22"},
        {"shape": [1] * 100 + [4]},
    ],
)
def test_what_are_no_integers_with_their_scales_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="the quantized weights in the checkpoint cannot be read"):
        quantization_in(said({"0.weight": {**GOOD, **changes}}))


@pytest.mark.parametrize(
    "state",
    [
        {QUANTIZATION: 5},
        {QUANTIZATION: [1]},
        {QUANTIZATION: {METHOD_KEY: "weight_int8"}},
        said(method=3),
        said(method=""),
        said([GOOD]),
        said({"0.weight": 5}),
        said({7: GOOD}),
        said(activations=["0"]),
        said(activations={"0": "int3"}),
        said(activations={"0": [PER_ROW]}),
        said(activations={0: PER_ROW}),
    ],
)
def test_what_is_no_description_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="the quantized weights in the checkpoint cannot be read"):
        quantization_in(state)


def test_integers_are_multiplied_with_their_scales_and_other_tensors_stay() -> None:
    found = quantization_in(said())
    weights = with_float_weights({"0.bias": torch.ones(2)}, found)
    assert weights["0.weight"].tolist() == [[0.5, -1.0], [6.0, 8.0]]
    assert weights["0.bias"].tolist() == [1.0, 1.0]
    four = {"values": torch.tensor([9 | 6 << 4, 11], dtype=torch.uint8), "scales": torch.tensor([[2.0]]), "bits": 4, "shape": [1, 3]}
    assert with_float_weights({}, quantization_in(said({"0.weight": four})))["0.weight"].tolist() == [[2.0, -4.0, 6.0]]
    assert quantization_in(said(method="x\x1b[31m" + "y" * 99))[METHOD_KEY].isprintable()
    assert quantization_in({}) == {}


def test_the_inputs_of_linear_layers_alone_are_rounded() -> None:
    layer = nn.Linear(2, 2, bias=False)
    layer.weight = nn.Parameter(torch.eye(2))
    model = nn.Sequential(layer, nn.ReLU())
    round_activations(model, {"0": PER_ROW})
    scale = 1.0 / 127.5
    assert model(torch.tensor([[1.0, 0.3]])).tolist() == [pytest.approx([127 * scale, round(0.3 / scale) * scale])]
    with pytest.raises(ValueError, match="1 is no linear layer"):
        round_activations(model, {"1": PER_ROW})
    with pytest.raises(AttributeError):
        round_activations(model, {"2": PER_ROW})


class Rounded(nn.Module):
    """Linear layers with both ways of rounding."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 3)
        round_activations(self, {"first": PER_ROW, "second": PER_TENSOR})

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.second(self.first(inputs))
        return outputs


def test_rounding_is_exported_to_onnx() -> None:
    model, inputs = Rounded().eval(), torch.randn(4, 8)
    program = torch.onnx.export(model, (inputs,), dynamo=True, verbose=False)
    assert program is not None
    (outputs,) = program(inputs)
    torch.testing.assert_close(outputs, model(inputs), atol=1e-4, rtol=1e-4)
