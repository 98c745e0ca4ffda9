"""torchvision's data sets in small, in their true formats."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision import datasets


def idx(values: np.ndarray[Any, Any]) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def mnist_files(seed: int = 0) -> dict[str, bytes]:
    numbers = np.random.default_rng(seed)
    files = {}
    for part, count in (("train", 30), ("t10k", 20)):
        files[f"{part}-images-idx3-ubyte"] = idx(numbers.integers(0, 256, (count, 28, 28)))
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(count) % 10)
    return files


def cifar_files(source: Any, classes: int) -> dict[str, bytes]:
    numbers = np.random.default_rng(0)
    key = "labels" if classes == 10 else "fine_labels"
    files = {}
    for name, _ in [*source.train_list, *source.test_list]:
        data = numbers.integers(0, 256, (20, 3 * 32 * 32)).astype(np.uint8)
        files[name] = pickle.dumps({"data": data, key: [label * (classes // 10) for label in range(10)] * 2})
    files[source.meta["filename"]] = pickle.dumps({source.meta["key"]: [str(label) for label in range(classes)]})
    return files


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def tar(folder: str, files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            about = tarfile.TarInfo(f"{folder}/{name}")
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return packed.getvalue()


def small_mnist(monkeypatch: pytest.MonkeyPatch, *mirrors: str, source: Any = datasets.MNIST) -> dict[str, bytes]:
    packed = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in mnist_files().items()}
    monkeypatch.setattr(source, "mirrors", list(mirrors))
    monkeypatch.setattr(source, "resources", [(name, md5(content)) for name, content in packed.items()])
    return packed


def small_cifar(monkeypatch: pytest.MonkeyPatch, source: Any, classes: int, address: str) -> tuple[dict[str, bytes], bytes]:
    files = cifar_files(source, classes)
    packed = tar(source.base_folder, files)
    monkeypatch.setattr(source, "url", address + source.filename)
    monkeypatch.setattr(source, "tgz_md5", md5(packed))
    monkeypatch.setattr(source, "meta", {**source.meta, "md5": md5(files[source.meta["filename"]])})
    for name in ("train_list", "test_list"):
        monkeypatch.setattr(source, name, [[file, md5(files[file])] for file, _ in getattr(source, name)])
    return files, packed


def put(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
