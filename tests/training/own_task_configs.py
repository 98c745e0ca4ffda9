"""Configurations of tasks of the user's own."""

from __future__ import annotations

TRAINING = '\n[training]\nepochs = 3\nbatch_size = 16\ndevice = "cpu"\nthreads = 1\nseed = 2\n'
PROJECT, NESTED = "tests.training.own_task_project", "tests.training.nested_project"


def own_task_config(model: str, data: str, task: str, arguments: str = "{}", training: str = "") -> str:
    tables = (("model", model, "{}"), ("data", data, "{}"), ("task", task, arguments))
    return "".join(f'[{name}]\nkind = "custom"\ntarget = "{target}"\narguments = {given}\n\n' for name, target, given in tables) + TRAINING + training


READER = own_task_config(f"{NESTED}:reader", f"{NESTED}:encoded", f"{PROJECT}:charted", "{scale = 0.5}", 'monitor = "hidden_norm"\nmonitor_mode = "max"\n')
AUTOENCODER = own_task_config(f"{PROJECT}:autoencoder", f"{PROJECT}:vectors", f"{PROJECT}:reconstruction")
