"""What a custom model may keep in its state: it comes back from a file as what it was, or is refused by its key."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import io
import pathlib
import random
import types
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.encoding import TAG, decoded, encoded
from gradtop.trainer.runtime.errors import UserError


class Colour(enum.Enum):
    RED = (1, 0)
    BLUE = (0, 1)


class Mode(enum.Flag):
    A = 1
    B = 2


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: Any


@dataclass(frozen=True)
class Settings:
    path: pathlib.Path
    sizes: list[Point] = field(default_factory=list)


@dataclass(slots=True)
class Slotted:
    value: int


def through_a_file(value: object) -> Any:
    file = io.BytesIO()
    torch.save(encoded({"value": value}), file)
    file.seek(0)
    return decoded(torch.load(file, weights_only=True))["value"]


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
VALUES: list[object] = [
    None, True, 7, 1 << 3000, -1.5, 2j, "text", b"bytes", bytearray(b"x"), ..., (1, (2, [3])), [], {}, {1: {None: 2}}, {(1, 2): Colour.RED},
    {TAG: "set", "value": []}, OrderedDict(b=1, a=2), OrderedDict({(1,): 2}), Counter("aab"), defaultdict(list, {"a": [1]}), defaultdict(None, {1: 2}),
    {1, 2}, {(1, Level.LOW)}, frozenset({"a"}), deque([1, {2}], maxlen=3), slice(1, None, 2), range(3, 9, 2), types.SimpleNamespace(a={1}),
    Point(1, Point(2, [3])), Settings(pathlib.Path("/data/x"), [Point(1, 2)]), Slotted(4), Colour.BLUE, Mode.A, Mode.A | Mode.B, Level.LOW, Point, float,
    pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("c:\\d"), dt.date(2024, 2, 29), dt.time(1, 2, 3, 4, tzinfo=dt.UTC),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1), dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2), "X")),
    dt.timedelta(days=-1, seconds=5), BERLIN, decimal.Decimal("1.10"), fractions.Fraction(1, 3), uuid.UUID(int=5), torch.float16, torch.device("cpu"),
    [1, 2, 3], (-1, 1 << 3000), [-(1 << 3000), 0], [1, True], ["a", 1.5, None], [1, "a", {2}], torch.Size([2, 3]), np.float32(1.5), np.int64(-3), np.bool_(True), np.str_("é"), np.datetime64("2024-01-01"), np.dtype("<i4"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("inside", [lambda value: value, lambda value: {"deep": [({"er": deque([value])},)]}], ids=["alone", "nested"])
def test_a_value_comes_back_as_what_it_was(value: object, inside: Any) -> None:
    held = inside(value)
    back = through_a_file(held)
    assert back == held
    assert repr(back) == repr(held)
    assert type(back) is type(held)


def test_arrays_come_back_with_their_types_and_shapes() -> None:
    record = np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "<i4"), ("b", "<f8")])
    arrays = [np.arange(6.0).reshape(2, 3).T, np.array(["a", "bcd"]), np.zeros((0, 4), bool), record, np.array([{1}, Point(1, 2)], dtype=object)]
    for array in arrays:
        back = through_a_file(array)
        assert back.dtype == array.dtype
        assert back.shape == array.shape
        assert back.tolist() == array.tolist()
        back.flags.writeable = True


def test_generators_go_on_where_they_were() -> None:
    own, numpy, legacy, of_torch = random.Random(3), np.random.default_rng(3), np.random.RandomState(3), torch.Generator().manual_seed(3)
    back = through_a_file([own, numpy, legacy, of_torch, np.random.MT19937(5)])
    assert back[0].random() == own.random()
    assert back[1].random() == numpy.random()
    assert back[2].rand() == legacy.rand()
    assert torch.rand(1, generator=back[3]) == torch.rand(1, generator=of_torch)
    assert np.random.Generator(back[4]).random() == np.random.Generator(np.random.MT19937(5)).random()


def test_the_versions_of_a_modules_state_are_kept() -> None:
    state = torch.nn.BatchNorm1d(2).state_dict()
    back = through_a_file(state)
    assert back._metadata == state._metadata  # type: ignore[attr-defined]


def test_a_parameter_stays_one_and_a_memory_view_keeps_its_format() -> None:
    weight = torch.nn.Parameter(torch.ones(2, 3))
    frozen, wanting = torch.nn.Parameter(torch.ones(2), requires_grad=False), torch.ones(2, requires_grad=True)
    back = through_a_file([weight, frozen, wanting, weight.detach(), weight * 2, memoryview(bytes(range(8))).cast("H", (2, 2))])
    assert [type(each) for each in back[:5]] == [torch.nn.Parameter, torch.nn.Parameter, torch.Tensor, torch.Tensor, torch.Tensor]
    assert [each.requires_grad for each in back[:5]] == [True, False, True, False, False]
    assert back[0].data_ptr() == back[3].data_ptr()
    assert back[5] == memoryview(bytes(range(8))).cast("H", (2, 2))
    assert back[5].format == "H"


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
def test_a_sparse_tensor_comes_back_as_one() -> None:
    tensor = torch.arange(6.0).reshape(2, 3).to_sparse()
    back = through_a_file(tensor)
    assert back.layout == tensor.layout
    assert torch.equal(back.to_dense(), tensor.to_dense())


class Labelled(torch.Tensor):
    pass


def zone_of_a_file() -> zoneinfo.ZoneInfo:
    file = io.BytesIO(b"TZif" + bytes(32) + (1).to_bytes(4, "big") + (4).to_bytes(4, "big") + bytes(6) + b"UTC\0")
    return zoneinfo.ZoneInfo.from_file(file)


class Tokenizer:
    pass


def local() -> object:
    @dataclass
    class Local:
        a: int = 1

    return Local()


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (Tokenizer(), "tests.checkpoint.test_encoding.Tokenizer, which a checkpoint cannot hold"),
        (lambda: 1, "builtins.function, which a checkpoint cannot hold"),
        (local(), "Local, which cannot be found again by that name"),
        (type("Sub", (dict,), {})(), "Sub, which a checkpoint cannot hold"),
        (torch.ones(2).as_subclass(Labelled), "a checkpoint cannot hold tests.checkpoint.test_encoding.Labelled; have the state consist of plain tensors"),
        (torch.empty(2, device="meta"), "a checkpoint cannot hold a tensor on the device meta"),
        (zone_of_a_file(), "a checkpoint cannot hold a time zone that zoneinfo.ZoneInfo does not find by its name"),
        (np.array([(1, {})], dtype=[("a", int), ("b", object)]), "a checkpoint cannot hold an array of the dtype [('a'"),
    ],
)
def test_what_cannot_come_back_is_refused_by_its_key(value: object, what: str) -> None:
    with pytest.raises(UserError) as caught:
        encoded({"model": {"head._extra_state": [1, {"tokens": value}]}}, copy=False)
    assert str(caught.value).startswith("model.head._extra_state.1.tokens")
    assert what in str(caught.value)


def test_what_holds_itself_is_refused_by_its_key() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(UserError, match="holds itself"):
        encoded({"model": endless})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("class", "os:system"),
        ("class", "antigravity:geohash"),
        ("enum", ["subprocess:Popen", None, ["true"]]),
        ("dataclass", ["subprocess:Popen", {}]),
        ("namedtuple", ["subprocess:Popen", [1]]),
        ("structseq", ["subprocess:Popen", ["true"]]),
        ("bit generator", {"bit_generator": "seed"}),
        ("other", 1),
    ],
)
def test_a_checkpoint_calls_nothing_of_its_choosing(kind: str, value: object) -> None:
    with pytest.raises(UserError, match="the checkpoint holds"):
        decoded({"model": {TAG: kind, "value": value}})


def test_the_key_of_what_a_file_does_not_give_back_is_found() -> None:
    assert checkpoint.unreadable_key({"model": {"a": torch.ones(1), "b": {"c": Tokenizer()}}}) == "model.b.c"
    zone = {TAG: "set", "value": [1, (2, {TAG: "ZoneInfo", "value": "No/Where"})]}
    assert checkpoint.unreadable_key({"step": 1, "model": {"a": [zone]}}) == "model.a.0.1.1"


def test_a_tensor_with_two_names_is_written_once_and_comes_back_as_one() -> None:
    layer = torch.nn.Linear(300, 300, bias=False)
    tied = torch.nn.ModuleDict({"a": layer, "b": torch.nn.Linear(300, 300, bias=False)})
    before = io.BytesIO()
    torch.save(encoded(tied.state_dict()), before)
    tied["b"].weight = layer.weight
    after = io.BytesIO()
    torch.save(encoded(tied.state_dict()), after)
    assert after.tell() < 0.6 * before.tell()
    after.seek(0)
    found = torch.load(after, weights_only=True)
    assert found["a.weight"].data_ptr() == found["b.weight"].data_ptr() != layer.weight.data_ptr()
    # A part of it, and what only has its values, are others.
    other = encoded({"whole": layer.weight, "part": layer.weight[:1], "turned": layer.weight.T, "copy": layer.weight.clone(), "array": [np.ones(3), np.zeros(3)]})
    assert len({other[name].data_ptr() for name in ("whole", "part", "turned", "copy")}) == 4
    one, zero = decoded(other)["array"]
    assert one.tolist() == [1.0] * 3
    assert zero.tolist() == [0.0] * 3
