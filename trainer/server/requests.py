"""What the torch server forks processes for: work, which outlives whoever asked, and answers, which do not."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradtop.trainer.config import Config
    from gradtop.trainer.inference.progress import Tell
    from gradtop.trainer.record import Run
    from gradtop.trainer.server.child import Child

RequestArguments = Mapping[str, Any]
AnswerFunction = Callable[[RequestArguments], dict[str, Any]]
# Tells how far it is before it answers.
TellingFunction = Callable[[RequestArguments, "Tell"], dict[str, Any]]


def work(arguments: RequestArguments, child: Child) -> int:
    """Train the run of a run directory to its end; returns the exit code."""
    from gradtop.trainer.launch.forking import set_title
    from gradtop.trainer.record import Run, clean
    from gradtop.trainer.record.writing import open_to_append
    from gradtop.trainer.runtime.signals import Signals
    from gradtop.trainer.runtime.worker import work
    from gradtop.trainer.runtime.worker_log import log_plainly
    from gradtop.trainer.server.process import redirect

    run = Run(arguments["run"])
    try:
        redirect(open_to_append(run.path, run.log))
    except OSError as error:
        child.refused(f"{run.log}: {error.strerror}")
        return 1
    log_plainly()
    resume = bool(arguments.get("resume"))
    sys.argv = ["gradtop-worker", os.fspath(run.path), *(["--resume"] if resume else [])]
    set_title(f"gradtop {run.id}{' --resume' if resume else ''}")
    signals = Signals()
    signals.install()
    if not child.wanted:
        return 1

    def begun() -> None:
        child.begun()
        if not arguments.get("told"):
            child.hang_up()

    code = work(
        run, resume=resume, signals=signals, begun=begun, refused=lambda why: child.refused(clean(why, 300)),
        predecessor=int(arguments.get("predecessor") or 0), forked=True,
    )  # fmt: skip
    child.hang_up()
    return code


def lr_plan(arguments: RequestArguments) -> dict[str, Any]:
    """The learning rates that a configuration plans: points (step, lr), turns, steps, steps_per_epoch."""
    from gradtop.trainer.optim.lr_preview import POINTS
    from gradtop.trainer.server.previews import plan

    config, known = _configuration(arguments)
    return plan(config, int(arguments.get("steps_per_epoch") or known), min(int(arguments.get("points") or POINTS), POINTS))


def parameters(arguments: RequestArguments) -> dict[str, Any]:
    """What the model of a configuration is made of, or that of a `checkpoint` of a `run` with its values, as `Description.to_json` has it."""
    from gradtop.trainer.server.previews import describe_checkpoint, describe_config

    if "checkpoint" in arguments:
        return describe_checkpoint(*_entered(arguments)).to_json()
    return describe_config(_configuration(arguments)[0]).to_json()


def fork_weights(arguments: RequestArguments) -> dict[str, Any]:
    """Which weights of a `checkpoint` a fork of that configuration keeps and drops, in words; `nothing` says why it keeps none."""
    from gradtop.trainer.server.previews import compare_weights

    return compare_weights(_configuration(arguments)[0], arguments["checkpoint"])


def picture(arguments: RequestArguments) -> dict[str, Any]:
    """The picture `wanted` of the weights in the `checkpoint` of a `run`, or of their EMA (`averaged`), as `picture_from_checkpoint` has it."""
    from gradtop.trainer.record.pictures import Wanted
    from gradtop.trainer.runtime.errors import UserError
    from gradtop.trainer.server.pictures import picture_from_checkpoint

    wanted = Wanted.from_json(arguments["wanted"])
    if wanted is None:
        raise UserError(f"no picture: {arguments['wanted']}")
    return picture_from_checkpoint(Path(arguments["checkpoint"]), wanted, averaged=bool(arguments.get("averaged")))


def measure(arguments: RequestArguments) -> dict[str, Any]:
    """What `measure(run, question)` in the room of a `job` finds out for a `run`, in a process whose death is an answer, too."""
    from gradtop.trainer.job import find_measure
    from gradtop.trainer.record import Run
    from gradtop.trainer.runtime.worker import enter_directory

    run = Run(arguments["run"])
    enter_directory(run)
    return dict(find_measure(arguments["job"])(run, arguments.get("question") or {}))


def evaluation(arguments: RequestArguments, tell: Tell) -> dict[str, Any]:
    """The metrics of a `checkpoint` of a `run`, as `evaluate_checkpoint` has them."""
    from gradtop.trainer.inference.evaluation import evaluate_checkpoint

    return evaluate_checkpoint(*_entered(arguments), data=str(arguments["data"]), device=str(arguments.get("device") or ""), tell=tell)


def prediction(arguments: RequestArguments, tell: Tell) -> dict[str, Any]:
    """What the model of a `checkpoint` of a `run` says of `files`, as `predict` has it."""
    from gradtop.trainer.inference.prediction import predict

    run, checkpoint = _entered(arguments)
    return predict(run, checkpoint, arguments["files"], arguments.get("options") or {}, device=str(arguments.get("device") or ""), tell=tell)


def exported_model(arguments: RequestArguments, tell: Tell) -> dict[str, Any]:
    """Writes the model of a `checkpoint` of a `run` into the file `part` in a `format`, as `export_model` does."""
    from gradtop.trainer.inference.export.model import export_model

    run, checkpoint = _entered(arguments)
    return export_model(run, checkpoint, str(arguments["format"]), Path(arguments["part"]), tell=tell)


def config_check(arguments: RequestArguments, tell: Tell) -> dict[str, Any]:
    """What can be known of a training with a configuration before it begins, as `check_config` has it, with `problems` that would not end it."""
    from gradtop.trainer.server.config_check import check_config, problems_of

    config, _ = _configuration(arguments)
    found = check_config(config, Path(arguments["runs"]), tell)
    return {**found, "problems": problems_of(found)}


def _entered(arguments: RequestArguments) -> tuple[Run, Path]:
    """The `run`, whose directory this process is in from now on, and the `checkpoint`."""
    from gradtop.trainer.record import Run
    from gradtop.trainer.runtime.worker import enter_directory

    run = Run(arguments["run"])
    enter_directory(run)
    return run, Path(arguments["checkpoint"])


def _configuration(arguments: RequestArguments) -> tuple[Config, int]:
    """The configuration of `tables`, or of a `file` or `run` with `changes`; and steps per epoch where a run knows them, else 0.

    Read here, where pydantic and the declarations are imported: a command that did so itself would take a quarter of a second.
    """
    from gradtop.trainer.config import load_config
    from gradtop.trainer.config.fork_preview import same_epochs
    from gradtop.trainer.config.validate import validate
    from gradtop.trainer.launch.run_config import changed_config
    from gradtop.trainer.record import Run, read_status

    changes = list(arguments.get("changes") or ())
    if "run" in arguments:
        run = Run(arguments["run"])
        old, new, _ = changed_config(run, changes)
        return new, read_status(run).steps_per_epoch if same_epochs(old, new) else 0
    if "file" in arguments:
        return load_config(arguments["file"], changes), 0
    return validate(arguments["tables"]), 0


def _may_be_foreign(arguments: RequestArguments) -> bool:
    """Whether the configuration may have come from somebody else: it is that of a run with code that was not started here, or
    stands in a form over one. A file that somebody names is as if they had written it, unless it is a run's own."""
    from gradtop.trainer.launch.custom_code import UnknownCode, code_of_run, require_started
    from gradtop.trainer.launch.origin import current_directory
    from gradtop.trainer.record import Run

    file = Path(arguments.get("file", ""))
    if "file" in arguments and file.name != "run.toml":
        return False
    if "tables" in arguments:
        return True
    try:
        require_started(code_of_run(Run(arguments.get("run", file.parent)), current_directory()))
    except UnknownCode:
        return True
    return False


def _refuse_unknown(key: str, target: str, given: Mapping[str, Any]) -> None:
    """Nothing is run for somebody who looks, but what this user has started here."""
    from gradtop.trainer.launch.custom_code import UnknownCode, code_called, require_started
    from gradtop.trainer.runtime.errors import UserError

    try:
        require_started(code_called(key, target, given))
    except UnknownCode as error:
        raise UserError(f"{error.codes[0]} is custom code that you have not started here before, and looking at a run does not import it") from error


MEASURE = "measure"
WORK: dict[str, Callable[[RequestArguments, Child], int]] = {"work": work}
ANSWERS: dict[str, AnswerFunction] = {
    "lr_plan": lr_plan, "parameters": parameters, "fork_weights": fork_weights, "picture": picture, MEASURE: measure,
}  # fmt: skip
TELLING: dict[str, TellingFunction] = {"evaluate": evaluation, "predict": prediction, "export_model": exported_model, "check": config_check}


def answer_to(kind: str, arguments: RequestArguments, say: Tell) -> dict[str, Any]:
    """The answer to a request; what is told before it is said as {"progress": …}."""
    if kind in TELLING:
        return answer(lambda given: TELLING[kind](given, lambda progress: say({"progress": progress})), arguments)
    return answer(ANSWERS[kind], arguments)


def answer(function: AnswerFunction, arguments: RequestArguments) -> dict[str, Any]:
    """What it returns; {"error": …} with a sentence for what the user can put right, and for whatever else goes wrong.

    Where the error is the configuration's, `configuration` is true, and the error names file and keys, a line each.
    """
    from gradtop.trainer.config import ConfigProblems
    from gradtop.trainer.runtime.errors import UserError
    from gradtop.trainer.runtime.user_code import checked

    try:
        with checked(_refuse_unknown) if _may_be_foreign(arguments) else contextlib.nullcontext():
            return function(arguments)
    except ConfigProblems as error:
        return {"error": str(error), "configuration": True}
    except UserError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - the client must hear of it, whatever it is
        return {"error": f"{type(error).__name__}: {error}"}
