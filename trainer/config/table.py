"""Every field as the README shows it: `python -m gradtop.trainer.config.table`."""

from __future__ import annotations

from gradtop.trainer.config.schema import FieldSpec, job_sections, section, sections
from gradtop.trainer.config.text import to_text


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
        kinds = ", ".join(f"`{kind}`" for kind in part.kinds)
        lines.append(f"| `kind` | `{part.default_kind}` | {kinds} | {part.of(part.default_kind)[0].effect} | What the other keys of the section are. |")
    for spec, owners in rows.items():
        only = f" ({', '.join(owners)})" if len(owners) < len(part.kinds) else ""
        limits = ", ".join(filter(None, (spec.unit, spec.bounds or ", ".join(f"`{choice}`" for choice in spec.choices))))
        lines.append(f"| `{spec.name}`{only} | `{to_text(spec.default) or '[]'}` | {limits} | {spec.effect} | {spec.help} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
