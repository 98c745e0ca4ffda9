"""Changes by dotted path: `optimizer.lr=3e-4`, or `lr=3e-4` where no other field has that name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradtop.trainer.config.other_names import known_as
from gradtop.trainer.config.problems import ConfigProblems, Problem
from gradtop.trainer.config.schema import all_keys, find_spec, section, sections, sections_of
from gradtop.trainer.config.table_entry import entry_path, entry_table, field_key, with_entry
from gradtop.trainer.config.validate import nearest, unknown_key
from gradtop.trainer.fields.spec import SectionSpec
from gradtop.trainer.fields.text import parse_entry, parse_text
from gradtop.trainer.job import DEFAULT_JOB, job_names

COMMAND_LINE = ""
Tables = dict[str, dict[str, Any]]


def override(tables: Mapping[str, Any], changes: Sequence[str]) -> tuple[dict[str, Any], list[Problem], set[str]]:
    """The tables with the changes made, what is wrong with the changes, and the keys that they set.

    A change of `kind` drops the keys that the new kind lacks; what both kinds have is kept.
    """
    changed: dict[str, Any] = {name: dict(table) if isinstance(table, Mapping) else table for name, table in tables.items()}
    problems: list[Problem] = []
    given: list[tuple[str, str]] = []
    for change in changes:
        key, equals, text = change.partition("=")
        if equals and key.strip():
            given.append((key.strip(), text))
        else:
            problems.append(Problem(COMMAND_LINE, "", f"{change!r} is not key=value, such as optimizer.lr=1e-3"))
    # Kinds first, whatever the order: they decide what the other keys mean.
    for key, text in given:
        if key in _kind_keys():
            _change_kind(changed, section(key.partition(".")[0]), text)
    touched = {key for key, _ in given if key in _kind_keys()}
    job = tables.get("job", DEFAULT_JOB)
    for key, text in given:
        if key in _kind_keys():
            continue
        try:
            full = full_key(key, _kinds(changed), job if job in job_names() else DEFAULT_JOB)
        except ConfigProblems as wrong:
            problems.extend(wrong.problems)
            continue
        table, _, name = full.partition(".")
        if entry_table(full, _kinds(changed)) is not None:
            if isinstance(changed.setdefault(table, {}), dict):
                changed[table] = with_entry(changed[table], entry_path(full), parse_entry(text))
                touched.add(field_key(full))
            continue
        spec = find_spec(full, _kinds(changed).get(table, ""))
        target = changed.setdefault(table, {})
        if isinstance(target, dict) and spec is not None:
            target[name] = parse_text(spec, text)
            touched.add(full)
    return changed, problems, touched


def full_key(key: str, kinds: Mapping[str, str], job: str = DEFAULT_JOB) -> str:
    """The dotted key that a short one means under these kinds and in this job, or one within a table: model.arguments.width. Raises ConfigProblems with the candidates."""
    keys = all_keys(job)
    if key in keys:
        _require_fits(key, kinds)
        return key
    matches = [known for known in keys if known.endswith(f".{key}")]
    fitting = [known for known in matches if _fits(known, kinds)]
    if len(fitting) == 1:
        return fitting[0]
    if len(matches) == 1:
        _require_fits(matches[0], kinds)
    if candidates := fitting or matches:
        raise ConfigProblems([Problem(COMMAND_LINE, key, "is ambiguous", f"did you mean one of these: {', '.join(candidates)}")])
    table, dot, name = key.partition(".")
    if key == "job":
        raise ConfigProblems([Problem(COMMAND_LINE, key, "is chosen by the command, such as gradtop train or gradtop lr-range")])
    if entry_table(key, kinds) is not None:
        return key
    if dot and table in {part.name for part in sections_of(job)}:
        raise ConfigProblems([Problem(COMMAND_LINE, key, *unknown_key(table, name, kinds.get(table, "")))])
    names = {known.partition(".")[2]: known for known in keys}
    meant = known_as(key, keys) or nearest(key, keys) or names.get(nearest(key, names), "")
    raise ConfigProblems([Problem(COMMAND_LINE, key, "unknown key", f"did you mean {meant}?" if meant else "")])


def _kind_keys() -> set[str]:
    return {f"{part.name}.kind" for part in sections() if part.kinds}


def _kinds(tables: Mapping[str, Any]) -> dict[str, str]:
    """The kind of each section as the tables stand; the default one where they name none."""
    kinds = {}
    for part in sections():
        table = tables.get(part.name)
        kind = table.get("kind", part.default_kind) if isinstance(table, Mapping) else part.default_kind
        kinds[part.name] = kind if kind in part.kinds else part.default_kind
    return kinds


def _change_kind(tables: dict[str, Any], part: SectionSpec, text: str) -> None:
    spec = find_spec(f"{part.name}.kind")
    table = tables.setdefault(part.name, {})
    if spec is None or not isinstance(table, dict):
        return
    kind, old = parse_text(spec, text), table.get("kind", part.default_kind)
    table["kind"] = kind
    if kind in part.kinds and old in part.kinds:
        # Only what the old kind had: a key that no kind has stays a problem.
        for name in [name for name in table if part.find(old, name) and not part.find(kind, name)]:
            del table[name]


def _fits(key: str, kinds: Mapping[str, str]) -> bool:
    table, _, name = key.partition(".")
    return section(table).find(kinds.get(table, ""), name) is not None


def _require_fits(key: str, kinds: Mapping[str, str]) -> None:
    if not _fits(key, kinds):
        table, _, name = key.partition(".")
        raise ConfigProblems([Problem(COMMAND_LINE, key, *unknown_key(table, name, kinds.get(table, "")))])
