"""Models of a user's own whose parameters and buffers are of kinds that a plain network has not."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import weight_norm
from torch.nn.utils.parametrizations import orthogonal

FEATURES = 16


class Odd(nn.Module):
    """All that trains, or is kept beside what trains."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.lazy = nn.LazyLinear(8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecated, and in use
            self.old = weight_norm(nn.Linear(8, classes))
        self.new = orthogonal(nn.Linear(8, classes))
        self.embedding = nn.Embedding(4, classes, sparse=True)
        self.complex = nn.Parameter(torch.ones(classes, dtype=torch.complex64))
        self.bfloat = nn.Parameter(torch.zeros(classes, dtype=torch.bfloat16))
        self.doubles = nn.Parameter(torch.zeros(classes, dtype=torch.float64))
        self.scalar = nn.Parameter(torch.tensor(1.0))
        self.empty = nn.Parameter(torch.zeros(0, classes))
        self.unused = nn.Parameter(torch.zeros(3))
        for name, dtype in {"int8": torch.int8, "uint8": torch.uint8, "bool": torch.bool, "float8": torch.float8_e4m3fn}.items():
            self.register_parameter(f"frozen_{name}", nn.Parameter(torch.ones(2, 3).to(dtype), requires_grad=False))
            self.register_buffer(f"buffer_{name}", torch.ones(2, 3).to(dtype))
        for name, values in {"inf": [1.0, 2.0, 3.0, float("inf")], "nan": [float("nan")] * 4, "large": [1e20, -1e20, 3e20, 0.0]}.items():
            self.register_parameter(f"frozen_{name}", nn.Parameter(torch.tensor(values), requires_grad=False))
        index = torch.arange(199)
        self.register_buffer("index", index)
        self.register_buffer("same_index", index)
        self.register_buffer("sparse", torch.eye(3).to_sparse())
        self.register_buffer("nothing", None)
        self.register_buffer("passing", torch.ones(2), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.lazy(inputs.float().flatten(1))
        zeros = torch.zeros(len(inputs), dtype=torch.long, device=inputs.device)
        outputs = self.old(hidden) + self.new(hidden) + self.embedding(zeros) + self.complex.abs() + self.bfloat.float()
        return outputs * self.scalar + self.doubles.float() + self.empty.sum(0)  # type: ignore[no-any-return]


class Wrapped(nn.Module):
    """Named as by DistributedDataParallel."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.module = inner

    def forward(self, inputs: Tensor) -> Tensor:
        return self.module(inputs)  # type: ignore[no-any-return]


def wrapped(classes: int) -> nn.Module:
    return Wrapped(Odd(classes))


class WithTensor(nn.Module):
    """A linear layer, and a tensor that it adds to."""

    def __init__(self, extra: Tensor, classes: int = 3) -> None:
        super().__init__()
        self.linear = nn.Linear(FEATURES, classes)
        if isinstance(extra, nn.Parameter):
            self.extra = extra
        else:
            self.register_buffer("extra", extra)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.linear(inputs.flatten(1))  # type: ignore[no-any-return]


def _inference() -> nn.Module:
    with torch.inference_mode():
        return nn.Linear(FEATURES, 3)


REFUSED: dict[str, Callable[[], nn.Module]] = {
    "lazy": lambda: WithTensor(nn.UninitializedParameter()),
    "inference": _inference,
    "expanded parameter": lambda: WithTensor(nn.Parameter(torch.ones(1).expand(3))),
    "expanded buffer": lambda: WithTensor(torch.ones(1).expand(3)),
    "sparse parameter": lambda: WithTensor(nn.Parameter(torch.eye(3).to_sparse(), requires_grad=False)),
}


def sparse_by_function(classes: int) -> nn.Module:
    class Looking(WithTensor):
        def forward(self, inputs: Tensor) -> Tensor:
            zeros = torch.zeros(len(inputs), dtype=torch.long)
            return super().forward(inputs) + nn.functional.embedding(zeros, self.extra, sparse=True)

    return Looking(nn.Parameter(torch.ones(4, classes)), classes)


def locked() -> nn.Module:
    class Locked(WithTensor):
        def __init__(self) -> None:
            super().__init__(torch.ones(1))
            self.lock = threading.Lock()

    return Locked()


def float8() -> nn.Module:
    return WithTensor(nn.Parameter(torch.ones(3).to(torch.float8_e5m2)))
