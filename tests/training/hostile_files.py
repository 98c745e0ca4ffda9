"""Folders, texts and weights of every sort that a person may name in a configuration."""

from __future__ import annotations

import gzip
import warnings
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision import datasets

from tests.data.files import mnist_files, put, small_cifar


class Opened:
    """What no state dict has in it."""


def make(folder: Path, monkeypatch: pytest.MonkeyPatch, nobody: str) -> Path:
    """`nobody` is an address where downloads are refused."""
    _folders(folder, monkeypatch, nobody)
    _texts(folder)
    _weights(folder)
    return folder


def _folders(folder: Path, monkeypatch: pytest.MonkeyPatch, nobody: str) -> None:
    for source in (datasets.MNIST, datasets.FashionMNIST):
        monkeypatch.setattr(source, "mirrors", [nobody])
        put(folder / "downloads" / source.__name__ / "raw", mnist_files())
        put(folder / "damaged" / source.__name__ / "raw", {name: content[:100] for name, content in mnist_files().items()})
    for cifar, many in ((datasets.CIFAR10, 10), (datasets.CIFAR100, 100)):
        _, packed = small_cifar(monkeypatch, cifar, many, nobody)
        put(folder / "downloads", {cifar.filename: packed})
        put(folder / "damaged", {cifar.filename: packed[:-9]})
    for name, classes, count in (("images", "ab", 4), ("one class", "a", 4), ("one each", "ab", 1), ("some broken", "ab", 4), ("empty class", "a", 2)):
        for number, label in enumerate(classes):
            (folder / name / label).mkdir(parents=True)
            for which in range(count):
                Image.new("RGB", (9 + which, 12), (80 * number, 20 * which, 9)).save(folder / name / label / f"{which}.png")
    put(folder / "some broken" / "a", {"4.png": b"none", "5.jpg": gzip.compress(b"none")})
    for label in "ab":
        put(folder / "all broken" / label, {f"{which}.png": b"\x89PNG\r\n" for which in range(3)})
    (folder / "empty class" / "b").mkdir()
    (folder / "empty").mkdir()
    (folder / "a file").write_text("")


def _texts(folder: Path) -> None:
    good = "the quick brown fox jumps over the lazy dog. " * 4
    put(folder, {
        "good": good.encode(), "latin1": "naïve".encode("latin1") * 20, "short": b"abcabc", "one": b"a", "same": b"a" * 90, "nothing": b"",
        "wide": ("日本語🦊" * 30).encode(), "bom": b"\xef\xbb\xbf" + good.encode(), "binary": bytes(range(128)) * 3,
    })  # fmt: skip
    (folder / "a folder").mkdir()


def _weights(folder: Path) -> None:
    good = {"head.bias": torch.ones(10), "head.weight": torch.ones(10, 64), "1.bias": torch.ones(3), "fc.bias": torch.ones(10), "linear1.bias": torch.ones(128)}
    torch.save(good, folder / "good.pt")
    torch.save({name: value * torch.inf for name, value in good.items()}, folder / "infinite.pt")
    torch.save({name: value.half() for name, value in good.items()}, folder / "half.pt")
    torch.save({name: value.to(torch.complex64) for name, value in good.items()}, folder / "complex.pt")
    torch.save({name: value.to_sparse() for name, value in good.items()}, folder / "sparse.pt")
    with warnings.catch_warnings():
        # That torch will give them up is no news for files that were saved before.
        warnings.simplefilter("ignore")
        torch.save({name: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8) for name, value in good.items()}, folder / "quantised.pt")
    torch.save({"state_dict": OrderedDict(("module." + name, value) for name, value in good.items()), "epoch": 3}, folder / "inside.pt")
    torch.save({"other": torch.ones(3)}, folder / "other.pt")
    torch.save([torch.ones(3)], folder / "list.pt")
    torch.save(None, folder / "none.pt")
    torch.save({"model": Opened()}, folder / "object.pt")
    save_file(good, folder / "good.safetensors")
    put(folder, {"empty.pt": b"", "rubbish.pt": b"rubbish" * 99, "rubbish.safetensors": b"\xff" * 99})
