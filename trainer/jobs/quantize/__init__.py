"""Quantization of a checkpoint: what integers in place of floating-point weights save, and what they cost in accuracy."""

from __future__ import annotations

from gradtop.trainer.job import Job, JobCommand

DETAILS = """\
Quantizes the weights of a checkpoint after training, by each method in a
process of its own, and evaluates the result on the validation data of the run:

  dynamic_int8        weights and activations of linear layers in 8 bits, by
                      torchao: pip install 'gradtop[quantize]'
  dynamic_int8_torch  linear layers and LSTMs, by torch.ao; on the CPU only
  weight_int8         weights alone in 8 bits, of linear layers by torchao;
                      convolutions are kept so and computed with as float
  weight_int4         weights alone in 4 bits, in groups of 32

Per method: loss and metrics; size of the weights in a file, as written and
compressed by zlib; latency per batch size in turns with the float model, eager
and compiled; signal-to-quantization-noise ratio of the weights and outputs of
each layer. What does not run on this device is told with its reason.

--write METHOD writes a checkpoint with integer weights: at the end, or at once
where RUN is a quantization run. gradtop show, eval, predict, params and export
take it as any other; it cannot train on. RUN itself is not modified.

--json prints one object at the end: id, name, path, state, error, metric, mode,
verdict, layers, untouched, trials and checkpoint (gradtop help json); with
--detach only id, name, path.

  gradtop quantize last
  gradtop quantize quiet-heron --methods dynamic_int8_torch --batch-sizes 1,64
  gradtop quantize swift-otter --write weight_int8
"""

JOB = Job(
    name="quantize",
    title="a quantization run",
    label="quantization",
    resumable=True,
    writes_weights=True,
    command=JobCommand(
        "quantize a checkpoint, and measure what that costs and saves",
        DETAILS,
        options={
            "methods": ("NAMES", "methods (default: all four)"),
            "batch_sizes": ("NUMBERS", "batch sizes to time (default: 1, 8, 64)"),
            "layers": ("NAMES", "modules, as patterns (default: all that can be)"),
            "compiled": ("BOOL", "time with torch.compile, too (default: true)"),
        },
        needs_checkpoint=True,
        write=("METHOD", "write the checkpoint that this method gives"),
    ),
)
