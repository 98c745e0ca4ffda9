"""The documentation pages that are installed with gradtop."""

from __future__ import annotations

import re
from pathlib import Path

# Page and summary; the files are docs/PAGE.md, which `.src/gradtop/docs` links into the package.
PAGES = {
    "commands": "every command with its options",
    "keys": "every key, and how to remap them",
    "configuration": "models, data, optimizers, schedules; changing a run",
    "tasks": "classification, regression, …: loss, metrics, baselines",
    "data": "your own data: Datasets, DataLoaders, arrays; samplers",
    "tables": "CSV and Parquet files: columns, missing values",
    "text": "texts: characters, byte-pair tokens, bits per character",
    "fields": "every configuration key: default, bounds, effect of a change",
    "monitoring": "what is measured, at what cost; non-finite values",
    "findings": "every finding: what it says, its threshold and its source",
    "quantization": "quantizing a checkpoint: methods, formulas, the written file",
    "profiling": "profiling steps: operators, modules, phases, the trace",
    "searching": "searching hyperparameters: the space, trials, storage",
    "pruning": "pruning a checkpoint: methods, what it saves, fine-tuning",
    "sensitivity-analysis": "how much a metric depends on each hyperparameter",
    "models": "trained models: evaluate, predict, export, load in Python",
    "run-directory": "files, streams and events of a run",
    "json": "output of --json",
    "troubleshooting": "installation, failed runs, terminals and ssh",
    "benchmarks": "measurements and limits",
}
COMMENT = re.compile(r"^<!--.*?-->\n+", re.MULTILINE)


def read_page(name: str) -> str:
    """The Markdown of a page, without the marks of the generator. Raises OSError."""
    text = (Path(__file__).parents[1] / "docs" / f"{name}.md").read_text(encoding="utf-8")
    return COMMENT.sub("", text)
