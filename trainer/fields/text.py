"""Values as a person types them, on the command line and in the form, and values as they are shown there."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import tomli
import tomli_w

from gradtop.trainer.fields.spec import FieldSpec
from gradtop.trainer.fields.typed import Typed, as_typed, untyped

# TOML wants 0.5 and 5.0; a person also types .5 and 5.
_NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# TOML also has 0x10; what is typed is decimal, as nobody means 16 by it. Nor does anybody comment on a number.
_ODD = re.compile(r"\b0[xob]|#", re.IGNORECASE)


def parse_text(spec: FieldSpec, text: str) -> Any:
    """The value that was meant: TOML first, a bare word or a bare list (`64, 32`) otherwise. Says nothing about its validity.

    Numbers know how they were typed.
    """
    text = text.strip()
    value = _meant(spec, text)
    return as_typed(value, text) if spec.type in {"int", "float"} else value


def parse_entry(text: str) -> Any:
    """A value within a table, of which nothing is declared: as TOML has it, and a bare word a string."""
    return untyped(_toml(text.strip()))


def _meant(spec: FieldSpec, text: str) -> Any:
    value = _toml(text)
    if spec.type == "int" and isinstance(value, float) and math.isfinite(value):
        return text  # 1e1 and 5.0 are refused as they were typed
    if spec.type in {"int", "float", "ints", "floats"} and _ODD.search(text):
        return text
    if spec.type in {"text", "choice"}:
        return value if isinstance(value, str) else text
    if spec.type == "table":
        return {} if not text else untyped(value)
    if spec.type == "texts":
        return value if isinstance(value, list) else _words(text)
    if spec.type in {"ints", "floats"} and not isinstance(value, list):
        return _numbers(spec, text, value)
    return _number(text) if isinstance(value, str) and spec.type == "float" else value


def to_text(value: Any) -> str:
    """How a value stands in the form: short, and such that `parse_text` gives it back."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return float_text(value)
        case tuple() | list():
            return ", ".join(map(to_text, value))
        case Mapping():
            return inline(value)
        case str() if value != value.strip() or value[:1] in {'"', "'"}:
            return inline(value)
        case _:
            return str(value)


def inline(value: Any) -> str:
    """A value as TOML writes it on one line."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{name} = {inline(each)}" for name, each in value.items()) + "}" if value else ""
        case list() | tuple():
            return "[" + ", ".join(map(inline, value)) + "]"
        case str():
            return tomli_w.dumps({"value": value}).removeprefix("value = ").rstrip("\n")
        case _:
            return to_text(value)


def float_text(value: float) -> str:
    """The shortest text of exactly this number: 1e-3, 0.9, 64."""
    text = repr(value)
    if "e" not in text:
        digits = text.removeprefix("-")
        if not digits.startswith("0.00"):
            return text.removesuffix(".0") if digits != "0.0" else "0"
        sign = "-" if value < 0 else ""
        significant = digits[2:].lstrip("0")
        point = len(digits) - 2 - len(significant) + 1
        mantissa = significant[0] + (f".{significant[1:]}" if significant[1:] else "")
        return f"{sign}{mantissa}e-{point}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def _toml(text: str) -> Any:
    """The TOML value that the text is; the text itself where it is none."""
    try:
        tables = tomli.loads(f"value = {text}\n", parse_float=Typed)
    except (tomli.TOMLDecodeError, ValueError, RecursionError):
        return text
    return tables["value"] if set(tables) == {"value"} and "\n" not in text else text


def _number(text: str) -> Any:
    return Typed(text) if _NUMBER.fullmatch(text) else text


def _words(text: str) -> list[str]:
    bare = text.removeprefix("[").removesuffix("]")
    return [word for part in bare.split(",") if (word := part.strip().strip("\"'"))]


def _numbers(spec: FieldSpec, text: str, value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if spec.per_layer else [value]
    if not text or text == "[]":
        return []
    bare = text.removeprefix("[").removesuffix("]").rstrip(", ")
    parts = [_toml(part) for part in re.split(r"\s*,\s*|\s+", bare)]
    parts = [_number(part) if isinstance(part, str) and spec.type == "floats" else part for part in parts]
    return parts if all(isinstance(part, int | float) for part in parts) else text
