"""A file that holds no weights of the model is refused in one sentence, and nothing in it is run."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import torch
from torch import Tensor, nn

from gradtop.trainer.runtime.errors import UserError
from tests.models.weights import differing, loaded, new, prefixed


class Code:
    """Leaves a folder behind when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("code-was-run",)


def saved(make: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    return lambda path: torch.save(make(new(seed=1).state_dict()), path)


def every(change: Callable[[Tensor], Tensor]) -> Callable[[Path], None]:
    return saved(lambda state: {name: change(value) for name, value in state.items()})


def truncated(path: Path) -> None:
    saved(lambda state: state)(path)
    path.write_bytes(path.read_bytes()[:-300])


def flipped(path: Path) -> None:
    saved(lambda state: state)(path)
    data = bytearray(path.read_bytes())
    with ZipFile(path) as archive:
        data[archive.getinfo("w/data/0").header_offset + 100] ^= 1
    path.write_bytes(data)


def quantised(value: Tensor) -> Tensor:
    return torch.quantize_per_tensor(value.float(), 0.1, 0, torch.qint8)


HOSTILE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "code": ("w.pt", saved(lambda state: {"model": state, "extra": Code()}), r"holds more than tensors \(posix\.mkdir\), which could run code and is not loaded"),
    "a whole module": ("w.pt", lambda path: torch.save(nn.Linear(2, 2), path), "holds more than tensors"),
    "nothing": ("w.pt", Path.touch, "is empty"),
    "nothing, as safetensors": ("w.safetensors", Path.touch, "is empty"),
    "a folder": ("w.pt", Path.mkdir, "is a folder; a file is expected"),
    "no file": ("w.pt", lambda path: None, "there is no file"),
    "a part of a file": ("w.pt", truncated, r"cannot be read as a state dict \(the file is cut short, or no checkpoint\)"),
    "a bit flipped": ("w.pt", flipped, r"cannot be read as a state dict \(damaged: what it holds in w/data/0 is not what was written there\)"),
    "a text": ("w.pt", lambda path: path.write_text("hello world\n"), "is no state dict that torch.save wrote"),
    "a picture": ("w.pt", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 99), "is no state dict that torch.save wrote"),
    "a text, as safetensors": ("w.safetensors", lambda path: path.write_text("hello world\n"), "it may be damaged"),
    "a list": ("w.pt", lambda path: torch.save([1, 2], path), "holds no state dict"),
    "one tensor": ("w.pt", lambda path: torch.save(torch.zeros(3), path), "holds no state dict"),
    "other names": ("w.pt", saved(prefixed("elsewhere.")), "nothing in .* matches the model: it has elsewhere.conv1.weight, "),
    "whole numbers": ("w.pt", every(Tensor.int), "holds conv1.weight as int32, as of a quantized model"),
    "quantised": ("w.pt", every(quantised), "holds conv1.weight as qint8, as of a quantized model"),
    "sparse": ("w.pt", every(Tensor.to_sparse), "holds conv1.weight as a sparse or nested tensor"),
    "shapes alone": ("w.pt", every(lambda value: value.to("meta")), "holds conv1.weight as a shape without values"),
    "complex": ("w.pt", every(lambda value: value.to(torch.complex64)), "holds conv1.weight as complex numbers"),
    "not finite": ("w.pt", every(lambda value: value * torch.inf if value.is_floating_point() else value), "with values that are not finite"),
}


@pytest.mark.parametrize(("name", "make", "sentence"), HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_none_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[Path], object], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    model = new()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with warnings.catch_warnings():
        # That some kinds of tensors go away, and how others are looked at, is torch's to say in the log.
        warnings.simplefilter("ignore")
        make(tmp_path / name)
        with pytest.raises(UserError) as caught:
            loaded(tmp_path / name, model)

    said = str(caught.value)
    assert said.startswith("init.pretrained: ")
    assert re.search(sentence, said), said
    assert str(tmp_path / name) in said
    assert "\n" not in said
    assert "weights_only" not in said
    assert differing(before, model.state_dict()) == set()
    assert not Path("code-was-run").exists()


def test_code_in_a_file_would_be_seen_by_these_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(Code(), "w.pt")

    torch.load("w.pt", weights_only=False)

    assert Path("code-was-run").is_dir()


def test_a_home_that_nobody_has_is_no_file() -> None:
    with pytest.raises(UserError, match=r"there is no file ~nobody-of-this-name/w\.pt"):
        loaded(Path("~nobody-of-this-name/w.pt"), new())
