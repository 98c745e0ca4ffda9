"""Runs that are made but not trained."""

from __future__ import annotations

from pathlib import Path

from gradtop.trainer.config import Config, parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run

CONFIG = parse_config("")


def make_run(folder: Path, config: Config = CONFIG) -> Run:
    return create_run(folder / "runs", config, name="quiet-heron")
