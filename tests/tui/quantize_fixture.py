"""A quantization run, without a worker."""

from __future__ import annotations

from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.quantize.result import quantize_result
from gradtop.trainer.jobs.quantize.trial import BatchLatency, LayerNoise, QuantizeTrial
from gradtop.trainer.jobs.quantize.verdict import LeftKind, QuantizeAbout, TouchedLayer
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunState, Status, write_status
from tests.tui.runs_fixture import NOW

ABOUT = QuantizeAbout(
    "loss", "min", 93_322, (*(TouchedLayer(f"blocks.{place}.linear", "Linear", 9000, dynamic=True) for place in range(10)), TouchedLayer("head", "Linear", 650, dynamic=True)),
    (LeftKind("Embedding", "", 2560), LeftKind("Linear", "its weight is tied to another layer's", 112)),
)  # fmt: skip


def quantize_trials() -> list[QuantizeTrial]:
    def trial(method: str, backend: str, loss: float, size: float, speed: float, noise: float, *notes: str) -> QuantizeTrial:
        times = tuple(BatchLatency(batch, 1e-3, 1e-3 * speed * more, 1e-3, 1.1e-3 * speed * more) for batch, more in ((1, 0.7), (8, 1.0), (64, 1.3)))
        layers = tuple(LayerNoise(each.name, noise + 0.5 * place, noise + 2 - place) for place, each in enumerate(ABOUT.layers))
        return QuantizeTrial(method, backend, "", loss, 0.97 - loss / 10, loss, size, 0.9 * size, 0.97, times, layers, notes)

    return [
        QuantizeTrial("", "float32, torch 2.14.1", "", 0.1102, 0.9611, 0.1102, 378_112, 349_001, 0.0),
        QuantizeTrial("dynamic_int8", error="torchao is not installed here: pip install 'gradtop[quantize]'"),
        trial("dynamic_int8_torch", "torch.ao 2.14.1, engine x86", 0.1109, 103_600, 1.6, 38.0),
        trial("weight_int8", "torchao 0.18.0", 0.1104, 103_500, 0.9, 40.0),
        trial("weight_int4", "torchao 0.18.0", 0.1310, 66_112, 0.5, 19.0, "values of 4 bits are computed with as 8 bits: the file is smaller, memory is as with weight_int8"),
    ]


def quantize_run(runs: Path, *, state: RunState = RunState.DONE, parent: Run | None = None, measured: int = 5) -> Run:
    """A run that has measured so much."""
    run = create_run(runs, parse_config("", job="quantize"), name="swift-otter", parent=parent)
    trials = quantize_trials()[:measured]
    write_status(run, Status(state=state, step=measured, steps=5, updated=NOW, ended=NOW, seconds=30.0, parameters=ABOUT.parameters, result=quantize_result(trials, ABOUT)))
    return run
