"""Convolutional network."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.kinds.cnn import Cnn
from gradtop.trainer.models.layers import ACTIVATIONS, norm

# The linear layer sees a picture of at most this side: one more pixel in each direction costs it a row of weights per class.
LARGEST = 8


class CNN(nn.Sequential):
    """Convolutions `conv1`, `conv2`, … (`conv1_1`, `conv1_2`, … where there are several for one number of channels), each
    with activation and normalisation, then dropout and the linear layer `head`.
    """

    def __init__(self, config: Cnn, info: DataInfo) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        seen, size = info.channels, info.size
        for number, (channels, kernel, stride, padding) in enumerate(config.layers, start=1):
            for place in range(1, config.depth + 1):
                name = f"{number}" if config.depth == 1 else f"{number}_{place}"
                first = place == 1
                layers[f"conv{name}"] = (
                    nn.Conv2d(seen, channels, kernel, stride, padding) if first else nn.Conv2d(channels, channels, kernel, padding="same")
                )
                layers[f"{config.activation}{name}"] = ACTIVATIONS[config.activation]()
                if config.norm != "none":
                    # After the activation: before it the mean would be taken out again, and the convolution's bias learn nothing.
                    layers[f"norm{name}"] = norm(config.norm, channels)
            seen, size = channels, (size + 2 * padding - kernel) // stride + 1
        if size > LARGEST:
            window = -(-size // LARGEST)
            layers["pool"] = nn.AvgPool2d(window, ceil_mode=True, count_include_pad=False)
            size = -(-size // window)
        layers["flatten"] = nn.Flatten()
        # There even where it drops nothing, so that a running worker can be told to drop.
        layers["dropout"] = nn.Dropout(config.dropout)
        layers["head"] = nn.Linear(seen * size * size, info.outputs)
        super().__init__(layers)
