"""`python -P -m gradtop.trainer.models RUN_TOML --json`: what the model of a config is made of, without data and without weights."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from gradtop.trainer.config import Config, ConfigProblems, load_config
from gradtop.trainer.data import info_of
from gradtop.trainer.models import Description, build, describe
from gradtop.trainer.runtime.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gradtop.trainer.models", description="Count the parameters of a config's model.")
    parser.add_argument("file", metavar="RUN_TOML", type=Path, help="a configuration")
    parser.add_argument("--json", action="store_true", help="print all that is known, as JSON")
    options = parser.parse_args(arguments)
    try:
        found = describe_config(load_config(options.file))
    except (ConfigProblems, UserError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(found.to_json()))
    else:
        for row in found.parameters:
            print(f"{row.count:>13,}  {row.name}{f'  tied to {row.tied_to}' if row.tied_to else ''}")
        print(f"{found.total:>13,}  in all, {found.trainable:,} trainable")
    return 0


def describe_config(config: Config) -> Description:
    """Raises UserError where the model cannot be built."""
    name = config.model.name if config.model.kind == "torchvision" else config.model.kind
    info = info_of(config.data)
    try:
        # Shapes only: no memory, no random numbers.
        with torch.device("meta"):
            model = build(config.model, info)
    except (NotImplementedError, RuntimeError):
        # A builder that reads a number out of a tensor needs real ones.
        model = build(config.model, info)
    return describe(model, name)


if __name__ == "__main__":
    sys.exit(main())
