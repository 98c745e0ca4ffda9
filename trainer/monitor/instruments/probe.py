"""Looks at what the modules of a model put out during one forward pass, through hooks that are there only for it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.rnn import PackedSequence

from gradtop.trainer.record.streams.registry import DEAD, SATURATED, STD

MOST_USES = 4  # of one module in a forward pass; those after are not looked at
# Values that the figures of one output are taken from, a part of a larger one standing for it. Whether a unit is dead takes more of them.
MOST_VALUES, MOST_FOR_DEAD = 1 << 18, 1 << 20
FEWEST_ROWS = 8  # of a batch in which a unit that is zero throughout is called dead
# Where the derivative is below 0.02 (tanh) or 0.01 (sigmoid).
TANH_EDGE, SIGMOID_EDGE = 0.99, 0.01
FAR = 4  # operations that only move values, or choose among them, between an activation function and the module that takes its output

RELUS: tuple[type[nn.Module], ...] = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Threshold)
TANHS: tuple[type[nn.Module], ...] = (nn.Tanh, nn.Softsign, nn.Hardtanh, nn.RNNBase, nn.RNNCellBase)
SIGMOIDS: tuple[type[nn.Module], ...] = (nn.Sigmoid, nn.Hardsigmoid)
OTHERS: tuple[type[nn.Module], ...] = (
    nn.CELU, nn.ELU, nn.GELU, nn.GLU, nn.Hardshrink, nn.LeakyReLU, nn.LogSigmoid, nn.Mish, nn.RReLU, nn.SELU, nn.SiLU, nn.Softplus,
    nn.Softshrink, nn.Tanhshrink,
)  # fmt: skip
CHANNELS_FIRST = (
    nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LocalResponseNorm,  # noqa: SLF001 - their only common names
)  # fmt: skip
FUNCTIONS = {"ReluBackward": nn.ReLU, "TanhBackward": nn.Tanh, "SigmoidBackward": nn.Sigmoid}
MOVING = (
    "View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Transpose", "Permute", "T", "Clone", "ToCopy", "Slice", "MaxPool1D",
    "MaxPool2DWithIndices", "MaxPool3DWithIndices", "Mean", "AvgPool2D", "AdaptiveAvgPool2D",
)  # fmt: skip


@dataclass(frozen=True)
class Output:
    """One use of a module: its name, its class, and the figures of what it put out, by column, as tensors on the device."""

    name: str
    kind: str
    figures: dict[str, Tensor]


class Probe:
    """Between `attach` and `detach` looks at the first forward pass of a model; nothing of it is raised into that.

    What is looked at again while gradients are computed (checkpointed modules), in a second micro-batch or in an evaluation, is not taken.
    """

    def __init__(self, model: nn.Module, begin: Callable[[], None] = lambda: None, end: Callable[[], None] = lambda: None) -> None:
        """`begin` and `end` are called around each look."""
        self._model, self._begin, self._end = model, begin, end
        self._handles: list[Any] = []
        self._found: list[Output] = []
        self._uses: dict[str, int] = {}
        self._nodes: list[object] = []  # of the graph, that nonlinearities have been seen to make
        self._over, self._channels_first = False, False
        self.error: Exception | None = None

    @property
    def attached(self) -> bool:
        return bool(self._handles)

    def attach(self) -> None:
        try:
            for name, module in looked_at(self._model):
                self._handles.append(module.register_forward_hook(partial(self._see, name)))
            self._handles.append(self._model.register_forward_hook(self._finish))
        except BaseException:
            self.detach()
            raise

    def detach(self) -> Sequence[Output]:
        """Take the hooks away; what was found, in the order of execution."""
        for handle in self._handles:
            handle.remove()
        found = self._found
        self._handles, self._found, self._uses, self._nodes = [], [], {}, []
        self._over = self._channels_first = False
        return found

    def _finish(self, _module: nn.Module, _args: object, _output: object) -> None:
        self._over, self._nodes = True, []

    def _see(self, name: str, module: nn.Module, args: tuple[object, ...], output: object) -> None:
        if self._over or self.error is not None or not self._model.training:
            return
        uses = self._uses[name] = self._uses.get(name, 0) + 1
        if uses > MOST_USES:
            return
        self._begin()
        try:
            with torch.no_grad():
                self._look(name if uses == 1 else f"{name}#{uses}", module, args, output)
        except Exception as error:  # noqa: BLE001 - whatever fails in looking, training goes on
            self.error = error
        self._end()

    def _look(self, name: str, module: nn.Module, args: tuple[object, ...], output: object) -> None:
        weighted = has_weights(module)
        if weighted and args and (taken := tensor_of(args[0])) is not None and (kind := self._function_of(taken)) is not None:
            figures = figures_of(kind, taken, channels_first=isinstance(module, CHANNELS_FIRST))
            self._found.append(Output(f"{name}.input", kind.__name__, figures))
        found = tensor_of(output)
        if found is None:
            return
        if weighted and not isinstance(module, nn.PReLU):
            self._channels_first = isinstance(module, CHANNELS_FIRST)
        elif found.grad_fn is not None:
            self._nodes.append(found.grad_fn)
        figures = figures_of(type(module), found, channels_first=self._channels_first)
        if isinstance(module, nn.GLU) and (gate := tensor_of(args[0])) is not None:
            figures[SATURATED] = saturated_gate(gate.chunk(2, module.dim)[1])
        self._found.append(Output(name, type(module).__name__, figures))

    def _function_of(self, taken: Tensor) -> type[nn.Module] | None:
        """The activation function, called as a function and not as a module, that this input comes from; None where there is none."""
        node: Any = taken.grad_fn
        for _ in range(FAR):
            if node is None or any(node is each for each in self._nodes):
                return None
            function = node.name().rstrip("0123456789")
            if found := FUNCTIONS.get(function):
                self._nodes.append(node)
                return found
            if function.removesuffix("Backward") not in MOVING:
                return None
            node = next((before for before, _ in node.next_functions if before is not None), None)
        return None


def looked_at(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Each module once, by its first name, that has weights of its own or is a nonlinearity."""
    left_out: set[nn.Module] = set()
    for _, module in model.named_modules():
        # Their forward makes a weight; what is compiled, or scripted, calls no hook; and an encoder that is frozen with its
        # fast path would take another one with hooks, and round differently.
        fast = isinstance(module, nn.TransformerEncoderLayer | nn.MultiheadAttention) and not module.training
        if isinstance(module, ParametrizationList | torch.jit.ScriptModule) or fast:
            left_out.update(module.modules())
    for name, module in model.named_modules():
        leaf = isinstance(module, nn.MultiheadAttention) or not any(module.children()) or hasattr(module, "parametrizations")
        wanted = has_weights(module) or isinstance(module, (*RELUS, *TANHS, *SIGMOIDS, *OTHERS))
        if leaf and wanted and module not in left_out and not isinstance(module, nn.ParameterList | nn.ParameterDict):
            yield name, module


def has_weights(module: nn.Module) -> bool:
    return hasattr(module, "parametrizations") or any(parameter is not None for parameter in module._parameters.values())  # noqa: SLF001 - `parameters` builds generators and sets, for the same answer


def compiled(model: nn.Module) -> str:
    """Why hooks must not be set: they would have torch compile the model once more; "" where they may."""
    if any(getattr(module, "_compiled_call_impl", None) is not None for module in model.modules()):
        return "the model is compiled, and hooks on its modules would have it compiled again"
    dynamo = sys.modules.get("torch._dynamo.utils")
    if dynamo is not None and dynamo.counters["frames"]:
        return "the model compiles parts of itself, and hooks on its modules would have these compiled again"
    return ""


def tensor_of(output: object) -> Tensor | None:
    """What there are figures of: a tensor of real numbers, or the first of several."""
    if isinstance(output, PackedSequence):
        output = output.data
    elif isinstance(output, tuple | list):
        return tensor_of(output[0]) if output else None
    plain = type(output) in {Tensor, nn.Parameter}
    return output if plain and output.is_floating_point() and output.layout is torch.strided and output.dim() and output.numel() else None  # type: ignore[attr-defined, return-value]


def figures_of(kind: type[nn.Module], output: Tensor, *, channels_first: bool) -> dict[str, Tensor]:
    """The columns that there are for the output of a module of this kind."""
    unit = 1 if channels_first and output.dim() > 1 else output.dim() - 1
    values = part_of(output, unit, MOST_VALUES)
    figures = {STD: spread(values)}
    if not issubclass(kind, RELUS) and issubclass(kind, TANHS):
        figures[SATURATED] = values.abs().ge(TANH_EDGE).float().mean()
    elif issubclass(kind, SIGMOIDS):
        figures[SATURATED] = (values - 0.5).abs().ge(0.5 - SIGMOID_EDGE).float().mean()
    elif issubclass(kind, RELUS) and output.dim() > 1:
        more = part_of(output, unit, MOST_FOR_DEAD)
        if more.numel() // more.shape[unit] >= FEWEST_ROWS:
            figures[DEAD] = 1 - more.ne(0).any(dim=[each for each in range(more.dim()) if each != unit]).float().mean()
    return figures


def saturated_gate(gate: Tensor) -> Tensor:
    """Of the input of a sigmoid."""
    values = part_of(gate, gate.dim() - 1, MOST_VALUES)
    return values.abs().ge(math.log((1 - SIGMOID_EDGE) / SIGMOID_EDGE)).float().mean()


def spread(values: Tensor) -> Tensor:
    """The standard deviation; of the half precisions in float32."""
    values = values if values.dtype == torch.float64 else values.float()
    # Five times as fast as torch's std, which goes through the values one by one.
    deviation: Tensor = torch.linalg.vector_norm(values - values.mean())
    return deviation / math.sqrt(values.numel())


def part_of(output: Tensor, unit: int, most: int) -> Tensor:
    """Of a large output about `most` values: some samples of the batch, or of one large sample some positions. All units stay."""
    if output.numel() <= most or output.dim() < 2:
        return output[:most] if output.dim() < 2 else output
    if unit != 0:
        output = output[: max(1, most * len(output) // output.numel())]
    other = next((each for each in range(output.dim() - 1, 0, -1) if each != unit), None)
    if output.numel() > most and other is not None:
        every = min(-(-output.numel() // most), output.shape[other])
        output = output[(slice(None),) * other + (slice(None, None, every),)]
    return output
