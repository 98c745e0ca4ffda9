"""What may become of the files of a run: values of other types and at the edges of their ranges, torn files, bytes of noise."""

from __future__ import annotations

import json
import math
import os
import random
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

EDGES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**40, 10**400, 0.5, -0.0, 5e-324, 1e11, 1.7e308, -1.7e308, 1e300,
    math.nan, math.inf, -math.inf, "", "nan", "inf", "-inf", "1e999", "train", "auto", "cuda", "\ud800", "a\udcffb", "\x1b]0;x\x07", "\u202e",
    "日本", "[red]", "x" * 5000, ".".join("a" * 3000), "a/" * 3000, "../../..", "/", "\0", [], {}, [[]], [{}], [None] * 300, {"": None}, {"kind": {}},
    [1, "a", None, {}, [2.5]], {"name": 1, "path": [], "shape": "x"}, {"name": "head.weight", "shape": [1e308, -1, None]},
    [16, 1, 10**9, 10**9], [2**53] * 40,
)  # fmt: skip
NUMBERS = [each for each in EDGES if isinstance(each, int | float)]
DOUBLES = (0.0, -0.0, 1.0, -1.0, 64.0, 65.0, 4097.0, 0.5, 5e-324, 1e-308, 1.7e308, -1.7e308, 1e154, 1e300, 2.0**53, 2.0**53 + 2, 1e11, 1e12, math.nan, math.inf, -math.inf)  # fmt: skip
OFTEN = ("meta.json", "status.json", "events.jsonl", "run.toml", "origin.json", "data.json", "classes.json", "profiles/step-000143.json")  # each has more to say than a segment
# So often, at most, is one of its values changed where all files are: of those that decide what else is read, seldom.
VALUES = {".bin": 12, ".roll": 6, ".json": 3, ".jsonl": 8, "status.json": 12, "events.jsonl": 80, "meta.json": 4, "run.toml": 1}
REPLACEMENTS = ("nothing", "empty", "large", "folder", "pipe", "loop", "nowhere", "endless", "other", "no permission")
LARGE = 200 << 20  # bytes, zeros that take no space
STREAM_NAMES = ("steps.0.json", "steps.7.json", "steps.999999999.json", "x.0.json", ".0.json", "layers.r1.0.json", "system.r999999999.0.json", "a\udcff.0.json", "steps.-1.json")  # fmt: skip


def mutate(run: Path, chance: random.Random, pristine: dict[str, bytes]) -> str:
    """Change one file of the run; returns what was done."""
    names = sorted(pristine)
    name = chance.choice(OFTEN if chance.random() < 0.4 else names)
    path = run / name
    how = chance.choice(WAYS.get(path.suffix, BYTES))
    if not path.is_file() or path.is_symlink() or path.stat().st_size == LARGE or not os.access(path, os.R_OK):
        return f"{name}: not again"
    return f"{name}: {how.__name__} {how(path, chance)}"


def mutate_all(run: Path, chance: random.Random, pristine: dict[str, bytes]) -> list[str]:
    """Change values in all files of the run, each of which can still be read as what it is; returns what was done."""
    done = []
    for name, data in pristine.items():
        path = run / name
        most = VALUES.get(name, VALUES.get(path.suffix, 0)) if data else 0
        for _ in range(chance.randint(0, most)):
            how = chance.choice(WAYS[path.suffix][: IN_PLACE[path.suffix]])
            done.append(f"{name}: {how.__name__} {how(path, chance)}")
    return done


# JSON and TOML


def json_value(path: Path, chance: random.Random) -> str:
    """Some values anywhere in it become others."""
    text = path.read_bytes().decode("utf-8", "replace")
    lines = text.split("\n") if path.suffix == ".jsonl" else [text]
    number = chance.randrange(len(lines))
    try:
        found = [json.loads(lines[number])]
    except (ValueError, RecursionError):
        return ""
    done: list[str] = []
    for where, key in chance.choices(places(found), k=chance.choice((1, 1, 2, 6))):
        if where is found and done:
            continue
        value = edge(chance, where[key]) if key in where or isinstance(where, list) else None
        if isinstance(where, dict) and chance.random() < 0.1:
            where[edge_text(chance)] = where.pop(key, None)
        elif isinstance(where, dict) and chance.random() < 0.05:
            where.pop(key, None)
        else:
            where[key] = value
        done.append(f"{key}={str(value)[:40]}")
    lines[number] = json.dumps(found[0], ensure_ascii=chance.random() < 0.5)
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    return " ".join(done)


def json_raw(path: Path, chance: random.Random) -> str:
    """Text that a parser of JSON may choke on."""
    number = chance.choice((10, 900, 5000))
    text = chance.choice(('{"a":' * number + "1" + "}" * number, "[" * number + "]" * number, "9" * number, f'{{"step": {"9" * number}}}', "\ufeff{}", "NaN", '"\\ud800"'))
    path.write_bytes((text + "\n").encode())
    return text[:20]


def encoded(path: Path, chance: random.Random) -> str:
    """The same text as other programs write it: in another encoding, with other ends of lines, or twice."""
    text = path.read_bytes().decode("utf-8", "replace")
    how = chance.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "\r\n", "\r", "\u2028", "twice"))
    encoding = how if how.startswith("utf") else "utf-8"
    if how == "twice":
        text += text
    elif how != encoding:
        text = text.replace("\n", how)
    path.write_bytes(text.encode(encoding, "surrogatepass"))
    return ascii(how)


def repeated_keys(path: Path, chance: random.Random) -> str:
    """Keys of its objects stand there twice, the second time with another value, as JSON allows; or very many do."""
    data = path.read_bytes()
    keys = sorted(set(KEY.findall(data)))
    starts = [at for at, byte in enumerate(data) if byte == 0x7B]  # {
    if not keys or not starts:
        return ""
    many = chance.random() < 0.1
    members = [b'"k%d": %d' % (at, at) for at in range(20_000)] if many else [key + b": " + json.dumps(edge(chance, None), ensure_ascii=True).encode() for key in chance.choices(keys, k=3)]
    at = chance.choice(starts)
    rest = data[at + 1 :]
    comma = b"" if rest.lstrip()[:1] == b"}" else b", "
    path.write_bytes(data[: at + 1] + b", ".join(members) + comma + rest)
    return "many" if many else ""


def toml_value(path: Path, chance: random.Random) -> str:
    """One line becomes another."""
    lines = path.read_text("utf-8", "replace").split("\n")
    number = chance.randrange(len(lines))
    key = lines[number].partition("=")[0]
    value = chance.choice(("1e999", "nan", "-inf", "true", "[]", "{}", "9" * 400, "1979-05-27T07:32:00Z", "[[[[1]]]]", '"\\u0000"', '"x"', "-1", "{a.b.c = 1}", "[" * 2000))
    lines[number] = chance.choice((f"{key} = {value}", f"[{value}]", ".".join("a" * chance.choice((5, 50, 3000))) + " = 1", f"{key}{key} = {value}", "[" + ".".join("b" * 40) + "]"))
    path.write_text("\n".join(lines), "utf-8")
    return lines[number][:40]


def places(found: Any) -> list[tuple[Any, Any]]:
    """Every place in lists and dicts, as the container and the key."""
    result: list[tuple[Any, Any]] = []
    stack = [found]
    while stack and len(result) < 3000:
        at = stack.pop()
        for key in list(at) if isinstance(at, dict) else range(len(at)):
            result.append((at, key))
            if isinstance(at[key], dict | list):
                stack.append(at[key])
    return result


def edge(chance: random.Random, old: Any) -> Any:
    if isinstance(old, int | float) and not isinstance(old, bool) and chance.random() < 0.7:
        return chance.choice((*NUMBERS, -old, old + 1, str(old)))
    if isinstance(old, str) and chance.random() < 0.5:
        return edge_text(chance)
    if chance.random() < 0.1 and isinstance(old, list) and old:
        return old * chance.choice((2, 50))
    return chance.choice(EDGES)


def edge_text(chance: random.Random) -> str:
    return chance.choice([each for each in EDGES if isinstance(each, str)])


# Records


def doubles(path: Path, chance: random.Random) -> str:
    """Some of its numbers become others."""
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 1, 3, 30))):
        if len(data) >= 8:
            struct.pack_into("<d", data, chance.randrange(len(data) // 8) * 8, chance.choice(DOUBLES))
    path.write_bytes(data)
    return ""


def read_bytes_of_file(path: Path) -> bytes:
    """Raises OSError where an earlier mutation has left something else there: a FIFO would be waited for."""
    if not path.is_file():
        raise FileNotFoundError(path)
    return path.read_bytes()


def column(path: Path, chance: random.Random) -> str:
    """One column has other numbers in every record, as a measurement that went wrong has."""
    try:
        columns = json.loads(read_bytes_of_file(path.with_suffix(".json")))["columns"]
        width = len(columns)
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    data = bytearray(path.read_bytes())
    place, values = chance.randrange(width or 1), chance.choices(DOUBLES, k=chance.choice((1, 2, 5)))
    for number in range(len(data) // (8 * width or 8)):
        struct.pack_into("<d", data, 8 * (number * width + place), chance.choice(values))
    path.write_bytes(data)
    return f"{place} {values}"


def records_repeated(path: Path, chance: random.Random) -> str:
    data = path.read_bytes()
    path.write_bytes(data * chance.choice((2, 5)))
    return ""


# Any file


def torn(path: Path, chance: random.Random) -> str:
    size = path.stat().st_size
    os.truncate(path, chance.randrange(size + 1))
    return ""


def flipped(path: Path, chance: random.Random) -> str:
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 2, 8)) if data else 0):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data)
    return ""


def spliced(path: Path, chance: random.Random) -> str:
    data = path.read_bytes()
    at, size = chance.randrange(len(data) + 1), chance.choice((1, 7, 64, 4096))
    path.write_bytes(data[:at] + chance.choice((b"", bytes(size), chance.randbytes(size), data[:size])) + data[at + chance.choice((0, size)) :])
    return ""


def replaced(path: Path, chance: random.Random) -> str:
    """Something else stands in its place."""
    if path.is_dir() and not path.is_symlink():
        return ""
    what = chance.choice(REPLACEMENTS)
    replace_by(path, what)
    return what


def replace_by(path: Path, what: str) -> None:
    if what == "no permission":
        path.chmod(0)
        return
    path.unlink()
    match what:
        case "empty":
            path.touch()
        case "large":
            path.touch()
            os.truncate(path, LARGE)
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path.name)
        case "nowhere":
            path.symlink_to("nowhere")
        case "endless":
            path.symlink_to("/dev/zero")
        case "other":
            path.symlink_to("status.json")


def added(path: Path, chance: random.Random) -> str:
    """A copy under another name, such as of another segment, rank or checkpoint."""
    name = chance.choice(STREAM_NAMES) if path.parent.name == "streams" else f"step-{chance.choice(('-1', '9' * 30, 'x'))}{path.suffix}"
    data, there = path.read_bytes(), path.parent / name
    if not there.is_dir():
        there.unlink(missing_ok=True)  # it may be a link to itself, or a pipe
        there.write_bytes(data)
    return ascii(name)


KEY = re.compile(rb'"(?:[a-z_]+)"(?=\s*:)')
Way = Callable[[Path, random.Random], str]
BYTES: tuple[Way, ...] = (torn, flipped, spliced, replaced, added)
JSON: tuple[Way, ...] = (*[json_value] * 12, json_raw, encoded, repeated_keys, *BYTES)
RECORDS: tuple[Way, ...] = (*[doubles] * 6, *[column] * 4, records_repeated, *BYTES)
WAYS: dict[str, tuple[Way, ...]] = {".json": JSON, ".jsonl": JSON, ".toml": (*[toml_value] * 6, encoded, *BYTES), ".bin": RECORDS, ".roll": (*[doubles] * 6, records_repeated, *BYTES)}
IN_PLACE = {".json": 12, ".jsonl": 12, ".toml": 6, ".bin": 10, ".roll": 6}  # so many of the ways leave a file what it is
