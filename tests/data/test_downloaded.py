"""torchvision's data sets in small, in their true formats; served on loopback, put there by hand, broken, or not to be had."""

from __future__ import annotations

import gzip
import pickle
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import datasets

from gradtop.trainer.config import Cifar10, Cifar100, FashionMnist, Mnist
from gradtop.trainer.data.kinds.downloaded.loader import load
from gradtop.trainer.runtime.errors import UserError
from tests.data.files import idx, mnist_files, put, small_cifar, small_mnist


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server on loopback, and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/", folder
        http.shutdown()
        thread.join()


@pytest.fixture
def refused() -> str:
    """An address of loopback where nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def left(root: Path) -> set[str]:
    return {path.name for path in root.rglob("*") if path.is_file()}


def test_mnist_is_fetched_once_and_told_of(server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    address, folder = server
    put(folder, small_mnist(monkeypatch, address))
    config = Mnist(root=str(tmp_path / "data"))

    data = load(config, seed=0)

    said = capsys.readouterr().out
    assert f"downloading train-images-idx3-ubyte.gz (0.0 MB) from {address}train-images-idx3-ubyte.gz" in said
    assert "downloaded t10k-labels-idx1-ubyte.gz" in said
    assert data.train_images.shape == (30, 1, 28, 28)
    assert data.val_images.shape == (20, 1, 28, 28)
    assert data.train_images.dtype == torch.uint8
    assert data.train_images.numpy().tobytes() == mnist_files()["train-images-idx3-ubyte"][16:]
    assert data.val_labels.tolist() == [*range(10), *range(10)]
    assert not [name for name in left(tmp_path / "data") if name.endswith(".part")]
    monkeypatch.setattr(datasets.MNIST, "mirrors", [])
    assert torch.equal(load(config, seed=0).train_images, data.train_images)
    assert capsys.readouterr().out == ""


def test_prepared_images_have_a_mean_of_zero_and_a_deviation_of_one_where_the_bytes_have_the_published_ones(tmp_path: Path) -> None:
    put(tmp_path / "FashionMNIST" / "raw", mnist_files())
    data = load(FashionMnist(root=str(tmp_path)), seed=0)

    assert data.prepare is not None
    prepared = data.prepare(data.train_images)
    assert prepared.dtype == torch.float32
    torch.testing.assert_close(prepared, (data.train_images.float() / 255 - 0.2860) / 0.3530)


@pytest.mark.parametrize("packed", [True, False])
def test_files_put_there_by_hand_are_used(packed: bool, tmp_path: Path, refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.MNIST, "mirrors", [refused])
    files = mnist_files(seed=1)
    put(tmp_path / "MNIST" / "raw", {f"{name}.gz": gzip.compress(content) for name, content in files.items()} if packed else files)

    data = load(Mnist(root=str(tmp_path)), seed=0)

    assert data.train_images.numpy().tobytes() == files["train-images-idx3-ubyte"][16:]


def test_a_refused_download_says_which_files_to_put_where_and_leaves_nothing(tmp_path: Path, refused: str, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, folder = server
    files = small_mnist(monkeypatch, refused)
    config = Mnist(root=str(tmp_path / "data"))

    with pytest.raises(UserError) as caught:
        load(config, seed=0)

    said = str(caught.value)
    assert said.startswith(f"train-images-idx3-ubyte.gz could not be downloaded ({refused}train-images-idx3-ubyte.gz: ")
    assert "refused" in said
    assert all(name in said for name in files)
    assert said.endswith(f"put them into {tmp_path / 'data' / 'MNIST' / 'raw'}")
    assert left(tmp_path / "data") == set()
    put(folder, files)
    monkeypatch.setattr(datasets.MNIST, "mirrors", [refused, address])
    assert len(load(config, seed=0).train_images) == 30


@pytest.mark.parametrize("fault", ["missing", "other", "short"])
def test_a_download_that_goes_wrong_leaves_no_half_file_and_the_next_try_works(fault: str, tmp_path: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, folder = server
    files = small_mnist(monkeypatch, address)
    name = "train-labels-idx1-ubyte.gz"
    broken = {"missing": {}, "other": {name: b"<html>sign in</html>"}, "short": {name: files[name][:-5]}}[fault]
    put(folder, {**{file: content for file, content in files.items() if file != name}, **broken})
    config = Mnist(root=str(tmp_path / "data"))

    with pytest.raises(UserError, match=f"^{name} could not be downloaded"):
        load(config, seed=0)

    assert not [file for file in left(tmp_path / "data") if file.startswith(name.removesuffix(".gz"))]
    put(folder, files)
    assert len(load(config, seed=0).train_labels) == 30


def test_a_server_that_hangs_up_in_the_middle_is_told(tmp_path: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, folder = server
    put(folder, small_mnist(monkeypatch, address))
    # A server that promises more bytes than it sends.
    monkeypatch.setattr(SimpleHTTPRequestHandler, "copyfile", lambda self, source, output: output.write(source.read(10)))

    with pytest.raises(UserError, match="the connection ended after 10 of"):
        load(Mnist(root=str(tmp_path / "data")), seed=0)

    assert left(tmp_path / "data") == set()


@pytest.mark.parametrize("fault", ["cut", "other", "labels", "empty"])
def test_damaged_files_are_told_in_a_sentence(fault: str, tmp_path: Path) -> None:
    files = mnist_files()
    if fault == "cut":
        files["train-images-idx3-ubyte"] = files["train-images-idx3-ubyte"][:-100]
    elif fault == "other":
        files["t10k-images-idx3-ubyte"] = idx(np.zeros((20, 32, 32)))
    elif fault == "labels":
        files["train-labels-idx1-ubyte"] = idx(np.full(30, 40))
    else:
        files["t10k-labels-idx1-ubyte"] = b""
    put(tmp_path / "MNIST" / "raw", files)

    with pytest.raises(UserError) as caught:
        load(Mnist(root=str(tmp_path)), seed=0)

    assert str(tmp_path / "MNIST" / "raw") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_archive_is_told_and_unpacks_to_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "MNIST" / "raw"
    put(folder, {"train-images-idx3-ubyte.gz": gzip.compress(mnist_files()["train-images-idx3-ubyte"])[:-20]})

    with pytest.raises(UserError, match=f"{folder}/train-images-idx3-ubyte.gz is damaged; delete it"):
        load(Mnist(root=str(tmp_path)), seed=0)

    assert left(tmp_path) == {"train-images-idx3-ubyte.gz"}


@pytest.mark.parametrize(("config", "source", "classes", "train"), [(Cifar10, datasets.CIFAR10, 10, 100), (Cifar100, datasets.CIFAR100, 100, 20)])
@pytest.mark.parametrize("by_hand", [True, False])
def test_cifar_is_fetched_or_taken_from_the_archive_put_there(
    config: Any, source: Any, classes: int, train: int, by_hand: bool, tmp_path: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, folder = server
    files, packed = small_cifar(monkeypatch, source, classes, address)
    put(tmp_path / "data" if by_hand else folder, {source.filename: packed})

    data = load(config(root=str(tmp_path / "data")), seed=0)

    assert data.train_images.shape == (train, 3, 32, 32)
    assert data.train_images.dtype == torch.uint8
    assert data.train_images.is_contiguous()
    first = pickle.loads(files[source.train_list[0][0]])["data"]  # noqa: S301 - made above
    assert torch.equal(data.train_images[:20], torch.from_numpy(first).view(20, 3, 32, 32))
    assert int(data.val_labels.max()) == classes - classes // 10
    assert data.prepare is not None
    assert data.prepare(data.train_images[:2]).shape == (2, 3, 32, 32)


def test_a_pickle_that_is_not_the_published_one_is_never_opened(tmp_path: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, _ = server
    files, packed = small_cifar(monkeypatch, datasets.CIFAR10, 10, address)
    bomb = f"cos\nsystem\n(S'touch {tmp_path}/opened'\ntR.".encode()
    put(tmp_path / "data" / datasets.CIFAR10.base_folder, {**files, "data_batch_3": bomb})

    with pytest.raises(UserError, match=r"put it into|could not be downloaded"):
        load(Cifar10(root=str(tmp_path / "data")), seed=0)
    put(tmp_path / "data", {datasets.CIFAR10.filename: packed[:-10]})
    with pytest.raises(UserError, match=r"cifar-10-python.tar.gz is damaged or a different file; delete it"):
        load(Cifar10(root=str(tmp_path / "data")), seed=0)
    put(tmp_path / "data", {datasets.CIFAR10.filename: packed})

    assert len(load(Cifar10(root=str(tmp_path / "data")), seed=0).train_images) == 100
    assert not (tmp_path / "opened").exists()


def test_a_folder_that_cannot_be_made_is_told_with_the_key_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UserError, match=r"cannot keep mnist in .*file/data \(.+\); choose another folder as data.root"):
        load(Mnist(root=str(tmp_path / "file" / "data")), seed=0)
