"""The training itself: how long, in what portions, on what."""

from __future__ import annotations

from typing import Literal

from trainer.config.declare import Section, setting


class TrainingConfig(Section):
    epochs: int = setting(30, help="Times that every training image is seen.", unit="epochs", effect="live", ge=1, le=1_000_000)
    batch_size: int = setting(64, help="Images per optimizer step.", unit="images", effect="fork", ge=1, le=10_000_000)
    clip: float = setting(0.0, help="Largest total gradient norm; what exceeds it is scaled down. 0 is off.", effect="live", ge=0)
    label_smoothing: float = setting(0.0, help="Share of the target spread over all classes.", effect="live", ge=0, lt=1)
    precision: Literal["fp32", "bf16"] = setting("fp32", help="Number format of the forward pass; bf16 is faster on recent GPUs.", effect="fork")
    seed: int = setting(0, help="Decides initial weights and data order; the same seed repeats the run.", effect="restart", ge=0, le=2**32 - 1)
    device: str = setting(
        "auto", help="Where it trains; auto takes a GPU where there is one.", effect="fork",
        pattern=r"^(auto|cpu|mps|cuda(:(0|[1-9]\d{0,3}))?)$", expected="auto, cpu, cuda, cuda:N or mps",
    )
    checkpoint_every: int = setting(1, help="Epochs between two checkpoints.", unit="epochs", effect="live", ge=1, le=1_000_000)
    keep_checkpoints: int = setting(3, help="Newest checkpoints to keep, besides the best.", unit="files", effect="live", ge=1, le=1_000_000)
