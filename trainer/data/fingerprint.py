"""What a data set is recognised by: counts, class names, and a digest that is cheap to compute. Imports no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Fingerprint:
    """Numbers of samples (of a text: of characters), class names in the order of their numbers (empty where unnamed), and a digest of the content.

    The digest covers names and sizes of files, or some of the values, never all of the content.
    """

    training: int
    validation: int
    classes: tuple[str, ...]
    digest: str

    def record(self) -> dict[str, object]:
        """As a checkpoint and a JSON file can hold it."""
        return {**asdict(self), "classes": list(self.classes)}

    def difference(self, earlier: Mapping[str, object]) -> str:
        """What is different from an earlier record, in words; empty where nothing is."""
        differences = []
        for name in ("training", "validation"):
            before, now = earlier.get(name), getattr(self, name)
            if before != now:
                differences.append(f"{now:,} samples for {name}, {before:,} before" if isinstance(before, int) else f"{now:,} samples for {name}")
        before_classes = earlier.get("classes")
        if isinstance(before_classes, list | tuple) and tuple(before_classes) != self.classes:
            differences.append(_classes_changed([str(name) for name in before_classes], self.classes))
        if not differences and earlier.get("digest") != self.digest:
            differences.append("as many samples of the same classes, but others")
        return "; ".join(differences)


def digest_of(parts: Iterable[bytes]) -> str:
    """16 hexadecimal digits; where one part ends and the next begins counts."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _classes_changed(before: list[str], now: tuple[str, ...]) -> str:
    new, gone = [name for name in now if name not in before], [name for name in before if name not in now]
    differences = [f"{what}: {', '.join(names[:3])}{' …' if len(names) > 3 else ''}" for what, names in (("new classes", new), ("classes gone", gone)) if names]
    return ", ".join(differences) or "the classes have other numbers"
