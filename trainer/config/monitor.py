"""What is measured during training, and what that may cost."""

from __future__ import annotations

from collections.abc import Iterator

from gradtop.trainer.declare import Section, setting


class MonitorConfig(Section):
    enabled: bool = setting(True, help="Record norms and histograms of each parameter, and figures of the activations. The metric that decides what is the best is training.monitor.", effect="fork")
    budget: float = setting(0.01, help="Fraction of the step time that monitoring may take; it samples less often to stay below.", effect="fork", gt=0, le=0.5)
    histogram_bins: int = setting(64, help="Bins of a histogram.", unit="bins", effect="fork", ge=8, le=512)
    histogram_every: int = setting(1, help="Epochs between histograms; more often while a screen shows them.", unit="epochs", effect="fork", ge=1, le=1_000_000)
    max_bytes: int = setting(
        2 * 1024**3, help="Maximum size of the run's streams; beyond it norms, activations and histograms are recorded less often.", unit="bytes", effect="fork",
        ge=1_000_000, le=2**53,
    )
    healthy_low: float = setting(1.0, help="Lower bound of the band that the Overview draws as the usual range of the total gradient norm.", effect="live", gt=0)
    healthy_high: float = setting(100.0, help="Upper bound of that band.", effect="live", gt=0)

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if self.healthy_low >= self.healthy_high:
            yield "healthy_low", f"must be below monitor.healthy_high, which is {self.healthy_high:g}; it is {self.healthy_low:g}"
