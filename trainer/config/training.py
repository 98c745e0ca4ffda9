"""The training itself: how long, in what portions, on what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gradtop.trainer.declare import Section, setting


class TrainingConfig(Section):
    epochs: int = setting(30, help="Times that every training image is seen.", unit="epochs", effect="live", ge=1, le=1_000_000)
    steps: int = setting(0, help="Optimizer steps in all, where epochs are not to decide; 0 lets them.", unit="steps", effect="live", ge=0, le=1_000_000_000_000)
    batch_size: int = setting(64, help="Images that go through the model at once.", unit="images", effect="fork", ge=1, le=10_000_000)
    accumulate: int = setting(1, help="Batches whose gradients make one optimizer step.", unit="batches", effect="fork", ge=1, le=1_000_000)
    clip: float = setting(0.0, help="Largest total gradient norm; what exceeds it is scaled down. 0 is off.", effect="live", ge=0)
    clip_value: float = setting(0.0, help="Largest absolute value of a gradient; what exceeds it is cut off. 0 is off.", effect="live", ge=0)
    label_smoothing: float = setting(0.0, help="Share of the target spread over all classes.", effect="live", ge=0, lt=1)
    ema: float = setting(0.0, help="Decay of a running mean of the weights, which is what is then evaluated. 0 is off.", effect="fork", ge=0, lt=1)
    early_stopping: int = setting(0, help="Evaluations without a better validation loss after which training ends. 0 is off.", unit="evaluations", effect="live", ge=0, le=1_000_000)
    precision: Literal["fp32", "bf16", "fp16"] = setting("fp32", help="Number format of the forward pass; bf16 is faster on recent GPUs, fp16 needs its losses scaled, which is done.", effect="fork")
    channels_last: bool = setting(False, help="Keep images with their channels last, which convolutions on GPUs like.", effect="fork")
    compile: bool = setting(False, help="Compile the model with torch.compile: the first step takes a minute, the others less.", effect="fork")
    deterministic: bool = setting(False, help="Only algorithms that give the same numbers every time, on GPUs too; some are slower.", effect="fork")
    tf32: bool = setting(True, help="Matrix products in TF32 on NVIDIA GPUs: faster, with 10 bits of mantissa.", effect="fork")
    seed: int = setting(0, help="Decides initial weights and data order; the same seed repeats the run.", effect="restart", ge=0, le=2**32 - 1)
    device: str = setting(
        "auto", help="Where it trains; auto takes a GPU where there is one.", effect="fork",
        pattern=r"^(auto|cpu|mps|cuda(:(0|[1-9]\d{0,3}))?)$", expected="auto, cpu, cuda, cuda:N or mps",
    )
    threads: int = setting(0, help="CPU threads that compute, at most one for each core; 0 takes them all. Runs side by side want a share each.", unit="threads", effect="live", ge=0, le=1_000_000)
    checkpoint_every: int = setting(1, help="Epochs between two checkpoints.", unit="epochs", effect="live", ge=1, le=1_000_000)
    keep_checkpoints: int = setting(3, help="Newest checkpoints to keep, besides the best.", unit="files", effect="live", ge=1, le=1_000_000)

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if self.clip and self.clip_value:
            yield "clip_value", f"cannot be combined with training.clip, which is {self.clip:g}: clip by norm or by value"

    def steps_per_epoch(self, samples: int) -> int:
        """Optimizer steps of an epoch of so many samples; of a last batch that would be one sample alone there is none."""
        whole, rest = divmod(samples, self.batch_size)
        batches = whole + (rest > 1 or (rest == 1 and whole == 0))
        return -(-batches // self.accumulate)
