"""The search for hyperparameters, by Optuna: each trial is a run."""

from __future__ import annotations

from gradtop.trainer.job import Job, JobCommand

DETAILS = """\
Each trial is a training with other values, a run of its own, which `gradtop ls`
lists where a filter is given (gradtop ls job:train). The space is a TOML file
of keys of the configuration, or --space KEY=DISTRIBUTION, repeated:

  log(1e-5, 1e-2)          float(0, 0.5)       float(0, 1, step=0.1)
  int(16, 256, log)        int(16, 64, step=16)
  choice(sgd, adamw)       float(0, 0.9) if optimizer.kind == sgd

The value of a trial is that of its best evaluation by the first objective.
Trials and samplers are kept in RUN/optuna.journal, which optuna-dashboard
opens, or in any Optuna storage (search.storage=sqlite:///search.db).

Of a search that exists: --add adds a trial, --stop-trial stops one, --extend
adds trials (one that has ended is resumed), --best-config writes the best.

  gradtop search configs/digits_mlp.toml --space "optimizer.lr=log(1e-5, 1e-1)"
  gradtop search configs/search/digits_mlp.toml --trials 100 --workers 2
  gradtop search last --add optimizer.lr=3e-4
  gradtop search last --best-config best.toml
"""

JOB = Job(
    name="search",
    title="a hyperparameter search",
    label="search",
    resumable=True,
    command=JobCommand(
        "search hyperparameters with Optuna, each trial a run",
        DETAILS,
        options={
            "trials": ("N", "trials in total (default: 20)"),
            "workers": ("N", "trials that train at the same time (default: 1)"),
            "sampler": ("NAME", "tpe, random, grid, gp or cmaes (default: tpe)"),
            "pruner": ("NAME", "none, median, hyperband or wilcoxon (default: none)"),
            "objectives": ("METRIC,…", "metrics to optimize (default: training.monitor)"),
            "timeout": ("SECONDS", "start no trial after so many seconds"),
            "storage": ("URL", "an Optuna storage (default: optuna.journal in the run)"),
        },
        takes_weights=False,
    ),
)
