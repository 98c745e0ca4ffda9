"""What is measured inside a training; `INSTRUMENTS` are those that every training has, beside the record of its steps."""

from __future__ import annotations

from gradtop.trainer.monitor.instruments.activations import Activations
from gradtop.trainer.monitor.instruments.histograms import Histograms
from gradtop.trainer.monitor.instruments.instrument import Instrument
from gradtop.trainer.monitor.instruments.norms import Norms
from gradtop.trainer.monitor.instruments.pictures import Pictures
from gradtop.trainer.monitor.instruments.system import SystemSampler

INSTRUMENTS: tuple[type[Instrument], ...] = (Norms, Activations, Histograms, Pictures, SystemSampler)
