"""Convolutional network."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from trainer.config import Cnn
from trainer.data import DataInfo

# The linear layer sees a picture of at most this side: one more pixel in each direction costs it a row of weights per class.
LARGEST = 8


class CNN(nn.Sequential):
    """Convolutions `conv1`, `conv2`, …, each with activation and normalisation, then dropout and the linear layer `head`."""

    def __init__(self, config: Cnn, info: DataInfo) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        seen, size = info.channels, info.size
        for number, (channels, kernel, stride, padding) in enumerate(config.layers, start=1):
            layers[f"conv{number}"] = nn.Conv2d(seen, channels, kernel, stride, padding)
            layers[f"relu{number}"] = nn.ReLU()
            # After the activation: before it the mean would be taken out again, and the convolution's bias learn nothing.
            layers[f"norm{number}"] = nn.BatchNorm2d(channels)
            seen, size = channels, (size + 2 * padding - kernel) // stride + 1
        if size > LARGEST:
            window = -(-size // LARGEST)
            layers["pool"] = nn.AvgPool2d(window, ceil_mode=True, count_include_pad=False)
            size = -(-size // window)
        layers["flatten"] = nn.Flatten()
        # There even where it drops nothing, so that a running worker can be told to drop.
        layers["dropout"] = nn.Dropout(config.dropout)
        layers["head"] = nn.Linear(seen * size * size, info.classes)
        super().__init__(layers)
