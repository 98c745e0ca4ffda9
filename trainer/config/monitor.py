"""What is measured on the way, and what that may cost."""

from __future__ import annotations

from collections.abc import Iterator

from gradtop.trainer.declare import Section, setting


class MonitorConfig(Section):
    enabled: bool = setting(True, help="Measure norms and histograms of each parameter.", effect="fork")
    budget: float = setting(0.01, help="Share of a step's time that measuring may cost; it samples less often to keep it.", effect="fork", gt=0, le=0.5)
    histogram_bins: int = setting(64, help="Bars of a weight histogram.", unit="bins", effect="fork", ge=8, le=512)
    histogram_every: int = setting(1, help="Epochs between two sets of histograms; more often while somebody looks.", unit="epochs", effect="fork", ge=1, le=1_000_000)
    max_bytes: int = setting(
        2 * 1024**3, help="Size the run's streams may reach; then norms and histograms are thinned out.", unit="bytes", effect="fork",
        ge=1_000_000, le=2**53,
    )
    healthy_low: float = setting(1.0, help="Total gradient norms below this are marked as small.", effect="live", gt=0)
    healthy_high: float = setting(100.0, help="Total gradient norms above this are marked as large.", effect="live", gt=0)

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if self.healthy_low >= self.healthy_high:
            yield "healthy_low", f"must be below monitor.healthy_high, which is {self.healthy_high:g}; it is {self.healthy_low:g}"
