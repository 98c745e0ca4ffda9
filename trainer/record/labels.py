"""Tags, a note and a pin: what people say of a run, in its meta.json. Nothing but an explicit command or key writes them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from gradtop.trainer.record.errors import RecordError
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.meta import LONGEST_NOTE, LONGEST_TAG, MOST_TAGS, change_meta, read_meta
from gradtop.trainer.record.text import clean

SEPARATORS = frozenset(",;:=<>!\"'\\")


def require_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags without repetitions, in their order. Raises RecordError for one that no filter could name."""
    found = tuple(dict.fromkeys(unicodedata.normalize("NFC", tag) for tag in tags))
    for tag in found:
        if not tag or not tag.isprintable() or len(tag) > LONGEST_TAG or tag.startswith("-") or any(c.isspace() or c in SEPARATORS for c in tag):
            raise RecordError(f"{clean(tag, 60)!r} is not a tag: it has 1 to {LONGEST_TAG} printable characters, no spaces, none of , ; : = < > ! and quotes, and no - in front.")
    if len(found) > MOST_TAGS:
        raise RecordError(f"A run has at most {MOST_TAGS} tags; these are {len(found)}.")
    return found


def require_note(note: str) -> str:
    """The note in one line, without control characters. Raises RecordError where it is too long."""
    text = " ".join(clean(note, 8 * LONGEST_NOTE).split())
    if len(text) > LONGEST_NOTE:
        raise RecordError(f"A note has at most {LONGEST_NOTE} characters; this one has {len(text)}.")
    return text


def label_run(run: Run, *, add: Iterable[str] = (), remove: Iterable[str] = (), note: str | None = None, pinned: bool | None = None) -> None:
    """Add and remove tags, replace the note ("" removes it), pin or unpin; what is not given stays. Raises RecordError."""
    values: dict[str, object] = {}
    gone = set(remove)
    add = tuple(add)
    if add or gone:
        values["tags"] = list(require_tags([*(tag for tag in read_meta(run).tags if tag not in gone), *add]))
    if note is not None:
        values["note"] = require_note(note)
    if pinned is not None:
        values["pinned"] = pinned
    try:
        change_meta(run, **values)
    except OSError as error:
        raise RecordError(f"{run.meta}: cannot be written: {error.strerror}.") from None
