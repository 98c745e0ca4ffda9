"""Ranges in a trace for the forward pass of every module, while they are installed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn
from torch.autograd.profiler import record_function
from torch.utils.hooks import RemovableHandle

from gradtop.trainer.analysis.profiling.trace_file import MODULE
from gradtop.trainer.record.profiles import MOST_MODULES


class ModuleRanges:
    """Hooks that change no value; after `remove` none is left."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._handles: list[RemovableHandle] = []
        self._open: list[record_function] = []

    def install(self) -> str:
        """Returns a note where not every module has a range."""
        modules = sorted(self._model.named_modules(), key=lambda each: each[0].count("."))
        left_out = max(len(modules) - MOST_MODULES, 0)
        for name, module in modules[:MOST_MODULES]:
            label = f"{MODULE}{name} ({type(module).__name__})"
            try:
                self._handles += self._hooked(module, partial(self._enter, label))
            except Exception:  # noqa: BLE001 - one that takes no hooks, as compiled ones
                left_out += 1
        return f"{left_out:,} of the model's {len(modules):,} modules are not told apart" if left_out else ""

    def _hooked(self, module: nn.Module, enter: Callable[..., None]) -> list[RemovableHandle]:
        before = module.register_forward_pre_hook(enter, prepend=True)
        try:
            return [before, module.register_forward_hook(self._leave, always_call=True)]
        except Exception:
            before.remove()
            raise

    def _enter(self, label: str, _module: nn.Module, _inputs: Any) -> None:
        opened = record_function(label)
        opened.__enter__()
        self._open.append(opened)

    def _leave(self, _module: nn.Module, _inputs: Any, _outputs: Any) -> None:
        if self._open:
            self._open.pop().__exit__(None, None, None)

    def remove(self) -> None:
        while self._handles:
            self._handles.pop().remove()
        while self._open:
            self._open.pop().__exit__(None, None, None)
