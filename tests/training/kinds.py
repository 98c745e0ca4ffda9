"""Settings with which each kind of optimizer and of schedule learns a tiny problem, beside `lr` 0.01 and 8 epochs."""

from __future__ import annotations

OPTIMIZERS = {
    "sgd": ["optimizer.lr=0.05"],
    "adam": [],
    "adamw": [],
    "nadam": [],
    "radam": ["optimizer.lr=0.1"],
    "rmsprop": [],
    "adagrad": ["optimizer.lr=0.05"],
    "muon": [],
}
SCHEDULES = {
    "constant": [],
    "step": ["schedule.step_size=2", "schedule.gamma=0.7"],
    "multistep": ["schedule.milestones=4,6", "schedule.gamma=0.5"],
    "exponential": ["schedule.gamma=0.9"],
    "linear": [],
    "polynomial": [],
    "cosine": [],
    "cosine_restarts": ["schedule.period=2"],
    "one_cycle": [],
    "plateau": ["schedule.patience=0"],
    "wsd": [],
}
