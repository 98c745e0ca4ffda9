"""The training itself: length, batches, precision, device, checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gradtop.trainer.declare import Section, setting
from gradtop.trainer.metrics import METRICS, Monitored, monitored, wrong_in


class TrainingConfig(Section):
    epochs: int = setting(30, help="Passes over the training set.", unit="epochs", effect="live", ge=1, le=1_000_000)
    steps: int = setting(0, help="Total optimizer steps, instead of epochs; 0 uses epochs.", unit="steps", effect="live", ge=0, le=1_000_000_000_000)
    batch_size: int = setting(64, help="Samples per batch; a single sample left over joins the last batch.", unit="samples", effect="fork", ge=1, le=10_000_000)
    accumulate: int = setting(1, help="Gradient accumulation: batches per optimizer step.", unit="batches", effect="fork", ge=1, le=1_000_000)
    clip: float = setting(0.0, help="Maximum total gradient norm (gradient clipping by norm); 0 disables it.", effect="live", ge=0)
    clip_value: float = setting(0.0, help="Maximum absolute value of a gradient (gradient clipping by value); 0 disables it.", effect="live", ge=0)
    label_smoothing: float = setting(0.0, help="Label smoothing (Szegedy et al., 2016).", effect="live", ge=0, lt=1)
    ema: float = setting(0.0, help="Decay of an exponential moving average of the weights, which is then evaluated; 0 disables it.", effect="fork", ge=0, lt=1)
    keep_pruned: bool = setting(True, help="In a fork from a pruned checkpoint: keep the pruned weights at zero while training. If false, they train again.", effect="fork")
    evaluate_every: int = setting(0, help="Optimizer steps between evaluations; 0 evaluates at the end of each epoch, or every 500 steps where the data have no length.", unit="steps", effect="fork", ge=0, le=1_000_000_000)
    monitor: str = setting(
        "loss", choices=tuple(METRICS), effect="fork",
        help="Validation metric that decides which evaluation is the best: for its checkpoint, early stopping and the list of runs; also one that code of yours measures. Not to be confused with the section monitor, which sets what is measured in training.",
    )
    monitor_mode: Literal["auto", "min", "max"] = setting("auto", help="Whether the lowest (min) or highest (max) value of training.monitor is the best; auto chooses by the metric, where it is one of these.", effect="fork")
    metrics: tuple[str, ...] = setting((), help=f"Metrics that evaluations measure beside those of the task, where they fit it: {', '.join(name for name, metric in METRICS.items() if metric.added)}, topK_accuracy of any K, or package.module:callable of yours.", effect="fork")
    early_stopping: int = setting(0, help="Patience of early stopping: evaluations without a better value of training.monitor; 0 disables it.", unit="evaluations", effect="live", ge=0, le=1_000_000)
    precision: Literal["fp32", "bf16", "fp16"] = setting("fp32", help="Precision of the forward pass: autocast to bf16 or fp16, the latter with gradient scaling.", effect="fork")
    channels_last: bool = setting(False, help="Channels-last memory format; faster convolutions on GPUs.", effect="fork")
    compile: bool = setting(False, help="Compile the model with torch.compile; the first step takes about a minute.", effect="fork")
    deterministic: bool = setting(False, help="Use deterministic algorithms only; some are slower.", effect="fork")
    tf32: bool = setting(True, help="TF32 matrix multiplications on NVIDIA GPUs: faster, with 10 bits of mantissa.", effect="fork")
    seed: int = setting(0, help="Random seed of the initial weights and the data order.", effect="restart", ge=0, le=2**32 - 1)
    device: str = setting(
        "auto", help="Device to train on; auto uses a GPU if there is one.", effect="fork",
        pattern=r"^(auto|cpu|mps|cuda(:(0|[1-9]\d{0,3}))?)$", expected="auto, cpu, cuda, cuda:N or mps",
    )
    threads: int = setting(0, help="CPU threads (torch.set_num_threads), at most one per core; 0 uses all cores, one where a step is less than 4 million floating point operations, and fewer while other processes keep the cores busy.", unit="threads", effect="live", ge=0, le=1_000_000)
    checkpoint_every: int = setting(1, help="Epochs between checkpoints.", unit="epochs", effect="live", ge=1, le=1_000_000)
    keep_checkpoints: int = setting(3, help="Newest checkpoints to keep, in addition to the best.", unit="files", effect="live", ge=1, le=1_000_000)

    @property
    def best(self) -> Monitored:
        """What decides which evaluation is the best."""
        return monitored(self.monitor, self.monitor_mode)

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if wrong := wrong_in(self.metrics):
            yield "metrics", wrong
        if self.clip and self.clip_value:
            yield "clip_value", f"cannot be combined with training.clip, which is {self.clip:g}: clip by norm or by value"

    def steps_per_epoch(self, samples: int) -> int:
        """Optimizer steps of an epoch of so many samples; a single sample that is left over joins the last batch."""
        whole, rest = divmod(samples, self.batch_size)
        batches = whole + (rest > 1 or (rest == 1 and whole == 0))
        return -(-batches // self.accumulate)
