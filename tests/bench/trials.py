"""Searches: from the end of a trial to the first step of the next one, and a hundred trials beside Optuna's own loop."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.record import Run, StreamReader, list_runs, read_meta, read_status
from gradtop.trainer.record.streams.registry import STEPS
from gradtop.trainer.trials.recorded import read_trials
from tests.bench.figure import Figure, say
from tests.bench.sandbox import Sandbox, sandboxed

CONFIG = Path(__file__).parents[2] / "configs" / "digits_mlp.toml"
SPACE = "optimizer.lr=log(1e-3, 1e-1)"
TRIALS = 100
LOOP = 25  # trials of Optuna's loop, whose time is taken to grow with their number
SLOWER = 3  # times as long as with one thread: not waited for
IMPORTS = 15.0  # seconds before the loop begins, at most
SHORT = 20  # trials between which the gaps are taken
TRIAL = 2  # seconds of one, about, on a core that has nothing else to do


def measure() -> Iterator[Figure]:
    minutes = (2 * LOOP + 1.5 * TRIALS) * TRIAL / 60
    say(f"trials: about {minutes:.0f} min on two cores without other load; each figure is printed when it is known")
    with sandboxed() as sandbox:
        sandbox.gradtop("params", str(CONFIG))  # the torch server is there
        run, _ = search(sandbox, SHORT, 1, "training.epochs=10")
        taken = gaps(run)
        yield Figure("trial's end to the next first step", statistics.median(taken), "s", 0.15, details={"slowest, s": max(taken)})
        theirs: dict[int, float] = {}
        for threads in (1, 2):
            most = SLOWER * min(theirs.values()) * LOOP / TRIALS if theirs else None
            if (seconds := loop(LOOP, threads, most)) is None:
                say(f"Optuna's loop with {told_threads(threads)}: more than {SLOWER} times as long, and stopped")
                continue
            theirs[threads] = seconds * TRIALS / LOOP
            say(f"Optuna's loop with {told_threads(threads)}: {theirs[threads]:.0f} s for {TRIALS} trials, from {LOOP}")
        for workers, limit in ((1, 1.0), (2, 1.8)):
            _, ours = search(sandbox, TRIALS, workers, "training.threads=1" if workers > 1 else "training.threads=0")
            best = min(theirs.values())
            reference = f"Optuna's loop in one process, {best:.0f} s with {told_threads(min(theirs, key=lambda each: theirs[each]))}, from {LOOP} trials"
            details = {"ours, s": ours, **{f"Optuna with {told_threads(threads)}, s": seconds for threads, seconds in theirs.items()}}
            yield Figure(f"{TRIALS} trials, {workers} at a time", best / ours, "×", limit, at_least=True, reference=reference, ratio=best / ours, details=details)


def told_threads(number: int) -> str:
    return "1 thread" if number == 1 else f"{number} threads"


def search(sandbox: Sandbox, trials: int, workers: int, *words: str) -> tuple[Run, float]:
    """A search, and its seconds from the first trial's start to the last one's end."""
    options = ["--sampler", "random", "--trials", str(trials), "--workers", str(workers), "--name", f"hunt-{trials}-{workers}"]
    sandbox.gradtop("search", str(CONFIG), *words, "--space", SPACE, *options, "--json")
    run = next(run for run in list_runs(sandbox.runs) if read_meta(run).job == "search")
    found = read_trials(run)
    if len(found) < trials or any(not trial.values for trial in found):
        raise RuntimeError(f"{read_status(run).error or 'a trial failed'}: {run.path}")
    return run, max(trial.ended for trial in found) - min(trial.started for trial in found)


def gaps(run: Run) -> list[float]:
    """Seconds from the end of each trial, checkpoint included, to the first step of the next one."""
    bounds = []
    for trial in read_trials(run):
        of_trial = Run(run.path.parent / trial.run)
        steps = StreamReader(of_trial, STEPS)
        steps.refresh()
        bounds.append((next(iter(steps.rows()))[1], read_status(of_trial).ended))
    return [begin - end for (_, end), (begin, _) in pairwise(bounds)]


def loop(trials: int, threads: int, most: float | None) -> float | None:
    """Seconds of the same search as one writes it with Optuna and PyTorch, evaluating each epoch, in a process of its own; None where it takes more than `most`."""
    command = [sys.executable, "-m", "tests.bench.trials", str(trials)]
    env = os.environ | {"OMP_NUM_THREADS": str(threads)}
    try:
        told = subprocess.run(command, check=True, capture_output=True, text=True, env=env, timeout=most and most + IMPORTS)
    except subprocess.TimeoutExpired:
        return None
    return float(json.loads(told.stdout.splitlines()[-1]))


def optuna_loop(trials: int) -> float:
    import optuna
    import torch
    from torch.nn import functional

    from gradtop.trainer.data.dataset import Dataset
    from tests.bench.plain import plain_model

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    text, device = CONFIG.read_text(), torch.device("cpu")
    base = parse_config(text)

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("optimizer.lr", 1e-3, 1e-1, log=True)
        epoch, model, source = plain_model(parse_config(text, overrides=[f"optimizer.lr={lr}"]), device)
        assert isinstance(source, Dataset)
        best = float("inf")
        for _ in range(base.training.epochs):
            epoch()
            model.eval()
            with torch.no_grad():
                best = min(best, functional.cross_entropy(model(source.val_images), source.val_labels).item())
        return best

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    begin = time.monotonic()
    study.optimize(objective, n_trials=trials)
    return time.monotonic() - begin


if __name__ == "__main__":
    print(json.dumps(optuna_loop(int(sys.argv[1]))))
