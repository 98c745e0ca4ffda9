"""What a model is made of: its parameters, counted, and its modules, in the words of arithmetic."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from gradtop.trainer.models.formulas import formula_of, shape_of
from gradtop.trainer.models.sharing import Shareable, shareable
from gradtop.trainer.models.tied import identity_of


@dataclass(frozen=True)
class ParameterRow:
    """One name of a parameter; `tied_to` is the name under which it was counted, if that is another one."""

    name: str
    module: str
    shape: tuple[int, ...]
    count: int
    trainable: bool
    dtype: str
    bytes: int
    tied_to: str


@dataclass(frozen=True)
class ModuleRow:
    """A module, with the formula that counts the parameters which are its own and no child's."""

    path: str
    kind: str
    formula: str
    shape: str


@dataclass(frozen=True)
class Description:
    """The totals count a tied weight once, where it comes first."""

    model: str
    total: int
    trainable: int
    bytes: int
    parameters: tuple[ParameterRow, ...]
    modules: tuple[ModuleRow, ...]
    could_tie: tuple[Shareable, ...] = ()
    masked: int = 0  # of the parameters, those that a pruning mask keeps at zero
    quantized: str = ""  # the method by which a checkpoint holds them as integers; what is counted is computed with

    def to_json(self) -> dict[str, Any]:
        table = asdict(self)
        for row in table["parameters"]:
            row["shape"] = list(row["shape"])
        for group in table["could_tie"]:
            group["names"] = list(group["names"])
        return {**table, **{name: list(table[name]) for name in ("parameters", "modules", "could_tie")}}


def describe(model: nn.Module, name: str = "", *, values: bool = False) -> Description:
    """`name` is what the model is called; its class's name where none is given. With `values` equal parameters are found."""
    first: dict[object, str] = {}
    rows = []
    for path, parameter in model.named_parameters(remove_duplicate=False):
        counted_as = first.setdefault(identity_of(parameter), path)
        rows.append(_row(path, parameter, "" if counted_as == path else counted_as))
    own = [row for row in rows if not row.tied_to]
    return Description(
        model=name or type(model).__name__,
        total=sum(row.count for row in own),
        trainable=sum(row.count for row in own if row.trainable),
        bytes=sum(row.bytes for row in own),
        parameters=tuple(rows),
        modules=tuple(
            ModuleRow(path, type(module).__name__, formula_of(module), shape_of(module))
            for path, module in model.named_modules(remove_duplicate=False)
        ),
        could_tie=shareable(model, values=values),
    )


def _row(path: str, parameter: Tensor, tied_to: str) -> ParameterRow:
    return ParameterRow(
        name=path,
        module=path.rpartition(".")[0],
        shape=tuple(parameter.shape),
        count=parameter.numel(),
        trainable=parameter.requires_grad,
        dtype=str(parameter.dtype).removeprefix("torch."),
        bytes=parameter.numel() * parameter.element_size(),
        tied_to=tied_to,
    )
