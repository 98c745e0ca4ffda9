"""Callables of the user's own project, named as package.module:callable."""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gradtop.trainer.runtime.errors import TracedError, UserError

# What is said where somebody tries otherwise.
SCRIPT = "a training has one model, one loss and one optimizer; several of them, such as those of a GAN, need a loop of their own: write a script"

TargetCheck = Callable[[str, str, Mapping[str, Any]], object]
_checks: list[TargetCheck] = []
_imported_modules: set[str] = set()


@contextlib.contextmanager
def checked(check: TargetCheck) -> Iterator[None]:
    """Call `check` with key, target and arguments before user code is imported; it raises UserError to refuse."""
    _checks.append(check)
    try:
        yield
    finally:
        _checks.remove(check)


def was_imported() -> bool:
    """Whether this process has run any."""
    return bool(_imported_modules)


def call(target: str, arguments: Mapping[str, Any], key: str, **more: Any) -> Any:
    """Call it with its keyword arguments, and with those of `more` that it accepts. Raises UserError."""
    _allow(key, target, arguments)
    function = resolve(target, key)
    wanted = {name: value for name, value in more.items() if _takes(function, name)}
    try:
        return function(**{**wanted, **arguments})
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        # It is the user's own code: its traceback tells them more than any sentence of ours.
        traceback.print_exc()
        first = (str(error).strip().splitlines() or [""])[0]
        raise TracedError(f"{key}: {target} raised {type(error).__name__}: {first}") from error


def user_object(target: str, key: str) -> Any:
    """What a target names, whatever it is. Raises UserError if there is nothing of that name."""
    _allow(key, target, {})
    return _imported(target, key)


def resolve(target: str, key: str) -> Any:
    """Import the callable. Raises UserError if there is none of that name."""
    found = _imported(target, key)
    if not callable(found):
        raise UserError(f"{key}: {target} is {type(found).__name__}, which is not callable")
    return found


def resolve_allowed(target: str, key: str, arguments: Mapping[str, Any]) -> Any:
    """The callable that is going to be called with these arguments. Raises UserError."""
    _allow(key, target, arguments)
    return resolve(target, key)


def _allow(key: str, target: str, arguments: Mapping[str, Any]) -> None:
    for check in _checks:
        check(key, target, arguments)


def _imported(target: str, key: str) -> Any:
    module_name, _, path = target.partition(":")
    # Last on the path: all of our own modules are imported by now, and the project must not hide what they import later.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    _imported_modules.add(module_name)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise UserError(f"{key}: no module named {module_name} in {here} or among the installed packages") from error
        raise UserError(f"{key}: {module_name} needs {error.name}, which is not installed") from error
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        raise TracedError(f"{key}: {module_name} cannot be imported: {type(error).__name__}: {error}") from error
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise UserError(f"{key}: {module_name} has no {path}") from None
    return found


def _takes(function: Any, name: str) -> bool:
    import inspect

    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return name in parameters
