"""A checkpoint that is not what was written is refused, in our words."""

from __future__ import annotations

import os
import pickle
import random
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import pytest
import torch

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.runtime.errors import UserError
from tests.checkpoint.saving import save


class Harm:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("harmed",)


def test_a_checkpoint_cannot_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"step": 1, "harm": Harm()}, tmp_path / "step-000001.pt")

    with pytest.raises(UserError, match="cannot be read"):
        checkpoint.load(tmp_path / "step-000001.pt")

    assert not (tmp_path / "harmed").exists()


def without(name: str) -> Callable[[dict[str, bytes]], object]:
    return lambda parts: parts.pop(name)


def holding(name: str, data: bytes) -> Callable[[dict[str, bytes]], object]:
    return lambda parts: parts.update({name: data})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without("version"), "damaged: its parts do not fit together"),
        (without("data/0"), "damaged: its parts do not fit together"),
        (holding("byteorder", b"middle"), "damaged: its parts do not fit together"),
        (holding("data.pkl", b"9999\n"), "damaged: its parts do not fit together"),
        (without("data.pkl"), "the file is no checkpoint"),
        (holding("data.pkl", b""), "empty or cut short"),
        (holding("version", b"9999\n"), "a newer version of PyTorch wrote it"),
        (holding("data.pkl", pickle.dumps({"step": 7, "harm": Harm()}, 2)), "it holds more than tensors and plain values (posix.mkdir), which could run code and is not loaded"),
    ],
)
@pytest.mark.parametrize("mapped", [False, True])
def test_a_checkpoint_whose_parts_are_not_what_they_were_is_refused_in_our_words(tmp_path: Path, change: Callable[[dict[str, bytes]], object], why: str, mapped: bool) -> None:  # fmt: skip
    path = save(tmp_path, 7)
    with ZipFile(path) as archive:
        parts = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    change(parts)
    with ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(f"archive/{name}", data)

    with pytest.raises(UserError, match=rf"^the checkpoint step-000007\.pt cannot be read \({re.escape(why)}\)$"):
        checkpoint.load(path, mapped=mapped)


OURS = re.compile(r"^$|(cannot be read \((empty or cut short|cut short|the file is empty|the file is cut short, or no checkpoint|the file is no checkpoint|damaged: .*|a newer version of PyTorch wrote it|it holds more than .*)\)|is not one that gradtop wrote|has the format -?\d+, this version reads 2)$")  # fmt: skip


def said(load: Callable[[], object]) -> str:
    try:
        load()
    except UserError as error:
        return str(error)
    return ""


def test_whatever_bytes_are_not_what_they_were_it_is_said_in_our_words(tmp_path: Path) -> None:
    path, chance = save(tmp_path, 7), random.Random(3)
    whole = path.read_bytes()
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 2, 5))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data if chance.random() < 0.8 else data[: chance.randrange(len(data))])
        for mapped in (False, True):
            assert OURS.search(said(partial(checkpoint.load, path, mapped=mapped)))


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")])
def test_a_checkpoint_for_which_there_is_no_memory_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    path = save(tmp_path, 7)
    monkeypatch.setattr(torch, "load", fails)
    with pytest.raises(UserError, match=r"cannot be read \(there is not enough memory\)"):
        checkpoint.load(path)


def test_a_later_format_is_refused_with_a_sentence(tmp_path: Path) -> None:
    torch.save({"step": 1, "format": 99}, tmp_path / "step-000001.pt")

    with pytest.raises(UserError, match="format 99"):
        checkpoint.load(tmp_path / "step-000001.pt")
