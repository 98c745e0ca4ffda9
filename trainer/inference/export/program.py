"""The whole model as a program that needs none of its code: torch.export's .pt2, and ONNX."""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.utils import _pytree as pytree

from gradtop.trainer.data.nested import ModelInputs, count_samples, inputs_text, map_tensors
from gradtop.trainer.inference.export.written import ToExport, WrittenModel, opened_part
from gradtop.trainer.models.calling import call_model, outputs_of
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.task import shape_text

ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
LARGEST_ONNX = 1536 << 20  # bytes of weights: a protobuf message ends at 2 GiB
INPUTS, OUTPUTS = "inputs", "outputs"


def write_pt2(wanted: ToExport, path: Path) -> WrittenModel:
    """Raises UserError where torch.export cannot trace the model."""
    program = trace(wanted)
    with quiet(), opened_part(path) as file:
        torch.export.save(program, file)
    with quiet(), path.open("rb") as file:
        module = torch.export.load(file).module()

    @torch.no_grad()
    def run(inputs: ModelInputs) -> Tensor:
        return outputs_of(call_model(module, inputs))

    return _written(program, run, {})


def write_onnx(wanted: ToExport, path: Path) -> WrittenModel:
    """Raises UserError where the model cannot be traced, or has what ONNX lacks."""
    size = sum(each.numel() * each.element_size() for each in wanted.model.parameters())
    if size > LARGEST_ONNX:
        raise UserError(f"the model has {size / (1 << 30):.1f} GiB of weights, and one ONNX file holds 2 GiB; use --model pt2 or safetensors")
    if not isinstance(wanted.example, Tensor):
        raise UserError(f"--model onnx takes models of one tensor, and an input of this one is {inputs_text(wanted.example, shape_text)}; use --model pt2 or safetensors")
    program = trace(wanted)
    with quiet():
        try:
            made = torch.onnx.export(program, dynamo=True, verbose=False, external_data=False, input_names=[INPUTS], output_names=[OUTPUTS])
            content = made.model_proto.SerializeToString() if made is not None else b""
        except Exception as error:
            raise UserError(f"the model has what ONNX lacks ({first_line(error)}); use --model pt2 or safetensors") from error
    with opened_part(path) as file:
        file.write(content)
    with quiet():
        import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])

    def run(inputs: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {INPUTS: inputs.numpy()})[0])

    return _written(program, run, {"opset": made.model.opset_imports.get("")} if made is not None else {})


def require_onnx() -> None:
    """Raises UserError."""
    if missing := [name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None]:
        raise UserError(f"--model onnx needs {', '.join(missing)}, not installed here: pip install 'gradtop[export]'")


def trace(wanted: ToExport) -> ExportedProgram:
    """The program of a forward pass, for batches of any size where the model allows it; of token models for any number of positions, too.

    Raises UserError.
    """
    axes: dict[int, Any] = {0: Dim.AUTO}
    # Traced with one sample, it would take no more.
    example = map_tensors(lambda tensor: torch.cat((tensor, tensor)), wanted.example) if count_samples(wanted.example) == 1 else wanted.example
    if isinstance(example, Tensor) and not example.is_floating_point() and example.dim() > 1:
        axes[1] = Dim.AUTO
        # Traced with all positions of the context, it would take no fewer.
        example = example[:, : max(example.shape[1] // 2, 2)]
    # Zeros, as the file keeps the example, and a sample of the data is nobody's business. What is a single operator of torch in evaluation mode is none of ONNX.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        zeros, shapes = map_tensors(torch.zeros_like, example), map_tensors(lambda _: axes, example)
        with quiet(), torch.no_grad(), _plain_outputs(wanted.model, zeros):
            if isinstance(example, dict):
                return torch.export.export(wanted.model, (), zeros, dynamic_shapes=shapes, strict=False)
            given, dynamic = ((zeros,), (shapes,)) if isinstance(example, Tensor) else (zeros, shapes)
            return torch.export.export(wanted.model, given, dynamic_shapes=dynamic, strict=False)
    except Exception as error:
        raise UserError(f"torch.export cannot trace the model ({first_line(error)}); change its forward so that it can, or export the weights alone: --model safetensors") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextlib.contextmanager
def _plain_outputs(model: nn.Module, inputs: ModelInputs) -> Iterator[None]:
    """An object that a model returns, and a program could not: its outputs in place of it."""
    leaves = pytree.tree_leaves(call_model(model, inputs))
    if all(each is None or isinstance(each, Tensor | bool | int | float | str) for each in leaves):
        yield
        return
    hook = model.register_forward_hook(lambda _model, _given, returned: outputs_of(returned))
    try:
        yield
    finally:
        hook.remove()


def _written(program: ExportedProgram, run: Any, facts: dict[str, Any]) -> WrittenModel:
    names = set(program.graph_signature.user_inputs)
    shapes = [node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder" and node.name in names and "val" in node.meta]
    dynamic = [["any" if not isinstance(size, int) else size for size in shape] for shape in shapes]
    return WrittenModel(run, all(each[:1] == ["any"] for each in dynamic), {**facts, "shape": dynamic[0]})


def first_line(error: Exception) -> str:
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {line[:200]}" if line else type(error).__name__


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Warnings of the exporters are about themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
