from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import resnet18, vit_b_16

from gradtop.trainer.models.description import describe
from gradtop.trainer.models.sharing import Shareable
from tests.models.formulas import evaluated
from tests.tui.fake_model import layer_table


def total(module: nn.Module) -> int:
    return describe(module).total


def test_the_published_counts_come_out() -> None:
    with torch.device("meta"):
        assert total(nn.Linear(784, 128)) == 100_480
        assert total(nn.Conv2d(3, 64, 3)) == 1_792
        assert total(resnet18(num_classes=1000)) == 11_689_512
        assert total(vit_b_16(num_classes=1000)) == 86_567_656


@pytest.mark.parametrize(
    ("module", "formula", "shape"),
    [
        (nn.Linear(784, 128), "784 × 128 + 128", "128×784"),
        (nn.Linear(5, 3, bias=False), "5 × 3", "3×5"),
        (nn.Conv2d(3, 64, 3), "3·3·3·64 + 64", "64×3×3×3"),
        (nn.Conv2d(32, 64, (5, 1), groups=4, bias=False), "8·5·1·64", "64×8×5×1"),
        (nn.ConvTranspose2d(8, 4, 2), "8·2·2·4 + 4", "8×4×2×2"),
        (nn.BatchNorm2d(64), "2 · 64", "64"),
        (nn.LayerNorm((8, 16)), "2 · 8·16", "8×16"),
        (nn.RMSNorm(64), "64", "64"),
        (nn.BatchNorm2d(64, affine=False), "", ""),
        (nn.Embedding(1000, 512), "1000 × 512", "1000×512"),
        (nn.PReLU(), "1", "1"),
        (nn.ReLU(), "", ""),
        (nn.LSTM(3, 2), "8·3 + 8·2 + 2 · 8", "8×3"),
        (nn.MultiheadAttention(8, 2), "24·8 + 24", "24×8"),
        (nn.Bilinear(2, 3, 4), "4·2·3 + 4", "4×2×3"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_module_is_told_in_the_words_of_arithmetic(module: nn.Module, formula: str, shape: str) -> None:
    row = describe(module).modules[0]

    assert (row.formula, row.shape, row.kind) == (formula, shape, type(module).__name__)


@pytest.mark.parametrize("builder", ["resnet18", "vit_b_32", "swin_v2_t", "convnext_tiny", "mobilenet_v3_small"])
def test_every_formula_gives_the_count_of_its_module(builder: str) -> None:
    from torchvision.models import get_model

    with torch.device("meta"):
        found = describe(get_model(builder))

    counts = dict.fromkeys((row.path for row in found.modules), 0)
    for parameter in found.parameters:
        counts[parameter.module] += parameter.count
    assert {row.path: evaluated(row.formula) for row in found.modules} == counts
    assert sum(counts.values()) == found.total


class Tied(nn.Module):
    """A language model's usual tie, and a block that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.block = nn.Linear(4, 4)
        self.again = self.block
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.embed.weight


def test_a_tied_weight_is_counted_once_and_where_it_comes_first() -> None:
    found = describe(Tied())

    assert {row.name: row.tied_to for row in found.parameters} == {
        "embed.weight": "",
        "block.weight": "",
        "block.bias": "",
        "again.weight": "block.weight",
        "again.bias": "block.bias",
        "head.weight": "embed.weight",
    }
    assert found.total == 40 + 20
    assert found.bytes == 4 * 60
    assert [row.path for row in found.modules] == ["", "embed", "block", "again", "head"]


class Untied(Tied):
    def __init__(self) -> None:
        super().__init__()
        self.head.weight = nn.Parameter(torch.randn(10, 4))
        self.other = nn.Linear(4, 4)


def test_two_parameters_over_the_same_memory_count_once() -> None:
    with torch.device("meta"):
        planned = Untied()
        planned.head.weight = nn.Parameter(planned.embed.weight.data)
    model = Untied()
    model.head.weight = nn.Parameter(model.embed.weight.data)
    for found in (describe(model), describe(planned)):
        assert found.total == 40 + 2 * 20
        assert {row.name: row.tied_to for row in found.parameters}["head.weight"] == "embed.weight"
        assert [group.why for group in found.could_tie] == ["same shape"]


def test_what_could_be_tied_is_told_with_what_it_saves() -> None:
    assert describe(Tied()).could_tie == ()
    model = Untied()
    layers = Shareable("same shape", ("block.weight", "other.weight"), 4 * 16)
    assert describe(model).could_tie == (Shareable("embedding and output layer", ("embed.weight", "head.weight"), 4 * 40), layers)
    with torch.no_grad():
        model.other.weight.copy_(model.block.weight)
        model.other.bias.zero_()
        model.block.bias.zero_()
    equal = Shareable("equal values", ("block.weight", "other.weight"), 4 * 16)
    assert describe(model, values=True).could_tie[1:] == (equal,)
    assert describe(model).could_tie[1:] == (layers,)
    # Of other numbers none can be the same.
    model.head.to(torch.bfloat16)
    assert describe(model).could_tie == (layers,)


def test_frozen_and_half_precision_parameters_are_told_apart() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2).to(torch.bfloat16))
    model[0].requires_grad_(requires_grad=False)

    found = describe(model, "mine")

    assert (found.model, found.total, found.trainable, found.bytes) == ("mine", 30, 10, 4 * 20 + 2 * 10)
    assert [(row.dtype, row.trainable) for row in found.parameters[1:3]] == [("float32", False), ("bfloat16", True)]


def test_a_model_without_parameters_is_described() -> None:
    found = describe(nn.ReLU())

    assert (found.model, found.total, found.parameters) == ("ReLU", 0, ())


def test_a_parameter_of_the_model_itself_belongs_to_the_module_without_a_path() -> None:
    model = nn.ParameterList([torch.zeros(2, 3)])

    assert [(row.name, row.module) for row in describe(model).parameters] == [("0", "")]
    assert describe(model).modules[0].formula == "2·3"


def test_the_json_has_the_keys_that_the_screen_reads() -> None:
    found = describe(nn.Linear(2, 3)).to_json()
    expected = layer_table()

    assert found.keys() == {*expected, "total", "trainable", "bytes", "masked", "quantized"}
    for table in ("parameters", "modules"):
        wanted = expected[table]
        assert isinstance(wanted, list)
        assert found[table][0].keys() == wanted[0].keys()
        assert {key: type(value) for key, value in found[table][0].items()} == {key: type(value) for key, value in wanted[0].items()}
