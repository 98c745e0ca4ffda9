"""torchvision's models, on shapes alone where weights do not matter: 80 models in the time of one."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from gradtop.trainer.config import TorchvisionModel
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.description import describe
from gradtop.trainer.runtime.errors import UserError

SMALL = DataInfo(channels=3, size=32, classes=10)
FAMILIES = (
    "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "mnasnet0_5", "mobilenet_v2",
    "mobilenet_v3_small", "resnet18", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "swin_v2_t",
    "vgg11", "vgg11_bn", "vit_b_16", "wide_resnet50_2",
)  # fmt: skip


def shaped(name: str, info: DataInfo) -> nn.Module:
    with torch.device("meta"):
        return build_model(TorchvisionModel(name=name), info)


CHANNELS = [*zip(FAMILIES, itertools.cycle((1, 4)), strict=False), ("resnet18", 3), ("resnet18", 4), ("vit_b_16", 3), ("swin_t", 3)]


@pytest.mark.parametrize(("name", "channels"), CHANNELS)
def test_every_family_takes_small_images_of_any_number_of_channels(name: str, channels: int) -> None:
    model = shaped(name, DataInfo(channels, 32, 7))

    assert model.training
    assert model(torch.zeros(4, channels, 32, 32, device="meta")).shape == (4, 7)


@pytest.mark.parametrize("name", ["regnet_x_400mf", "googlenet"])
def test_a_model_trains_with_one_tensor_as_output(name: str) -> None:
    """A RegNet cannot be made of shapes alone; a GoogLeNet has further heads while it trains."""
    model = build_model(TorchvisionModel(name=name), SMALL)

    assert isinstance(model(torch.randn(2, 3, 32, 32)), torch.Tensor)


def test_inception_trains_with_one_tensor_as_output_on_images_that_are_large_enough() -> None:
    model = shaped("inception_v3", DataInfo(3, 96, 10))

    assert isinstance(model(torch.zeros(2, 3, 96, 96, device="meta")), torch.Tensor)


@pytest.mark.parametrize(
    ("name", "size"), [("inception_v3", 32), ("alexnet", 32), ("vgg11", 28), ("maxvit_t", 32), ("vit_b_16", 28), ("densenet121", 28)]
)
def test_a_model_that_cannot_take_such_images_says_so_and_why(name: str, size: int) -> None:
    with pytest.raises(UserError, match=rf"^{name} cannot take images of {size}×{size} pixels \(.+\); choose another model$") as caught:
        shaped(name, DataInfo(3, size, 10))

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("resnet81", "did you mean resnet18?"), ("vitb16", "did you mean vit_b_16?"), ("xyz", "such are alexnet, convnext_base")],
)
def test_an_unknown_name_gets_a_suggestion(wrong: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        shaped(wrong, SMALL)

    assert str(caught.value).startswith(f"model.name: torchvision has no classification model {wrong!r}; {hint}")


@pytest.mark.parametrize("name", ["fasterrcnn_resnet50_fpn", "fcn_resnet50", "r3d_18", "list_models"])
def test_what_is_in_torchvision_and_classifies_no_images_is_unknown(name: str) -> None:
    with pytest.raises(UserError, match="no classification model"):
        shaped(name, SMALL)


@pytest.mark.parametrize("channels", [1, 6])
def test_other_channels_keep_the_size_of_what_the_first_layer_gives(channels: int) -> None:
    torch.manual_seed(0)
    grey = build_model(TorchvisionModel(name="resnet18"), DataInfo(channels, 32, 10)).get_submodule("conv1")
    colour = build_model(TorchvisionModel(name="resnet18"), SMALL).get_submodule("conv1")

    seen = grey(torch.randn(32, channels, 32, 32)).std() / colour(torch.randn(32, 3, 32, 32)).std()
    assert isinstance(grey, nn.Conv2d)
    assert grey.weight.shape == (64, channels, 7, 7)
    assert 0.9 < seen < 1.1


def test_trying_a_model_out_leaves_no_trace() -> None:
    torch.manual_seed(0)
    model = build_model(TorchvisionModel(name="resnet18"), SMALL)
    torch.manual_seed(0)
    from torchvision.models import resnet18

    fresh = resnet18(num_classes=10).state_dict()

    assert model.training
    assert all(torch.equal(value, fresh[name]) for name, value in model.state_dict().items())


def test_the_classes_come_from_the_data() -> None:
    assert describe(shaped("resnet18", DataInfo(3, 32, 1000))).total == 11_689_512
    assert describe(shaped("resnet18", DataInfo(3, 32, 10))).total == 11_689_512 - 990 * 513
