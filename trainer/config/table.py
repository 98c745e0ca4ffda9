"""Every field as the README shows it: `python -m gradtop.trainer.config.table`."""

from __future__ import annotations

from gradtop.trainer.config.schema import job_sections, section, sections
from gradtop.trainer.fields.spec import FieldSpec
from gradtop.trainer.fields.text import to_text


def markdown() -> str:
    """One table for each section; a field that several kinds share is named with them."""
    return "\n".join(_table(part.name) for part in (*sections(), *job_sections()))


def _table(name: str) -> str:
    part = section(name)
    rows: dict[FieldSpec, list[str]] = {}
    for kind, specs in part.fields.items():
        for spec in specs:
            if spec.name != "kind":
                rows.setdefault(spec, []).append(kind)
    lines = [f"| `[{name}]` | default | unit, bounds | change | |", "|---|---|---|---|---|"]
    if part.kinds:
        effect = part.of(part.default_kind)[0].effect
        lines.append(f"| `kind` | `{part.default_kind}` | one of these: | {effect} | Selects the other keys of the section. |")
        lines += [f"|  |  | `{kind}` |  | {part.of(kind)[0].help} |" for kind in part.kinds]
    for spec, owners in rows.items():
        only = f" ({', '.join(owners)})" if len(owners) < len(part.kinds) else ""
        limits = ", ".join(filter(None, (spec.unit, spec.bounds or ", ".join(f"`{choice}`" for choice in spec.choices))))
        lines.append(f"| `{spec.name}`{only} | `{_default(spec)}` | {limits} | {spec.effect} | {spec.help} |")
    return "\n".join(lines) + "\n"


def _default(spec: FieldSpec) -> str:
    return to_text(spec.default) or {"text": '""', "table": "{}"}.get(spec.type, "[]")


if __name__ == "__main__":
    print(markdown(), end="")
