"""What has changed between a checkpoint and a resume from it: the data, the configuration, or the code of the model."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradtop.trainer.analysis.formatting import setting_text
from gradtop.trainer.config import to_tables
from gradtop.trainer.record.typed import recorded
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.class_rows import CLASS_NAMES, numbered_names

if TYPE_CHECKING:
    from gradtop.trainer.checkpoint.format import State
    from gradtop.trainer.data.dataset import Source
    from gradtop.trainer.training.session import Session

LOOKED_AT = 256  # samples that the digest of tensors is made of
NAMED = 3

DataFingerprint = dict[str, dict[str, Any]]


def data_fingerprint(source: Source) -> DataFingerprint:
    """Of each part of the data how many samples it has, a digest of its file names or of some samples, and its classes."""
    found: DataFingerprint = {"data": {"classes": source.info.classes, **({"targets": source.info.targets} if source.info.targets else {})}}
    if digest := getattr(source, "digest", ""):
        found["data"]["digest"] = digest
    for name, part in vars(source).items():
        if isinstance(part, Tensor) and part.dim():
            some = part[:: max(len(part) // LOOKED_AT, 1)].detach().cpu().contiguous()
            found[name] = {"samples": len(part), "shape": list(part.shape[1:]), "digest": zlib.crc32(some.reshape(-1).view(torch.uint8).numpy().tobytes())}
        elif isinstance(paths := getattr(part, "paths", None), Sequence):
            # The folder of a file is its class; where all of them lie is of no matter.
            names = ["/".join(str(path).rsplit("/", 2)[-2:]) for path in paths]
            folders = sorted({each.partition("/")[0] for each in names})
            found[name] = {"samples": len(paths), "folders": folders[:1000], "digest": zlib.crc32("\0".join(names).encode("utf-8", "surrogateescape"))}
        elif hasattr(part, "__len__") and part != "":  # an empty text is a field that stands open
            found[name] = {"samples": len(part)}
    return found


def check_unchanged(session: Session, state: State) -> None:
    """Raises UserError where the data or the length of an epoch are no more what the checkpoint was made with."""
    before = state.get("found")
    counted = before is not None and _without_digests(before) != _without_digests(session.data_record.fingerprint)
    renamed = CLASS_NAMES in state and list(state[CLASS_NAMES]) != numbered_names(session)
    if counted or renamed or state.get("per_epoch", session.per_epoch) != session.per_epoch:
        raise UserError(explain_misfit(session, state))


def data_warning(session: Session, state: State) -> str:
    """A sentence where the samples are as many as they were, and others."""
    before = state.get("found")
    if before is None or before == session.data_record.fingerprint:
        return ""
    return f"the data have changed since the checkpoint: {'; '.join(changed_data(before, session.data_record.fingerprint))}"


def explain_misfit(session: Session, state: State) -> str:
    """Why the checkpoint does not fit, and what to do."""
    reasons = []
    if changed := _changed_settings(state.get("config") or {}, to_tables(session.config)):
        reasons.append(f"run.toml has changed ({_several(changed)})")
    now, before = numbered_names(session), list(state.get(CLASS_NAMES, ()))
    saved, found = state.get("found") or {}, session.data_record.fingerprint
    changed = changed_data(saved, found)
    # Other samples alone would do no harm.
    if before and before != now and not changed_data(_without_digests(saved), _without_digests(found)):
        changed = [f"the classes are {_several(now)}, and were {_several(before)}"]
    if changed:
        reasons.append(f"the data have changed ({_several(changed)})")
    if changed := changed_model(state["model"], session.model.state_dict()):
        code = "" if reasons else "the code of the model has changed: "
        reasons.append(f"{code}the model is another ({_several(changed)})")
    what = "; ".join(reasons) or "run.toml or the code of the model has changed"
    return f"the checkpoint of step {state['step']} does not fit: {what}. Put back what was there, or continue with what is there now: gradtop fork {recorded(session.run)}"


def _without_digests(found: DataFingerprint) -> DataFingerprint:
    return {name: {key: value for key, value in part.items() if key != "digest"} for name, part in found.items()}


def _changed_settings(before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"{table}.{key} {setting_text(before[table].get(key))} → {setting_text(now[table].get(key))}"
        for table in now
        if table in before
        for key in {**before[table], **now[table]}
        if before[table].get(key) != now[table].get(key)
    ]


def changed_data(before: DataFingerprint, now: DataFingerprint) -> list[str]:
    differences: list[str] = []
    for name in [name for name in now if name in before and before[name] != now[name]]:
        for key in [key for key in now[name] if before[name].get(key) != now[name][key]]:
            old, new = before[name].get(key), now[name][key]
            if key == "digest":
                differences += [] if differences else [f"{name} has other samples"]
            elif key == "folders":
                lost, more = ([each for each in some if each not in other] for some, other in ((old or [], new), (new, old or [])))
                differences += [f"{name}: class{'es' if len(some) > 1 else ''} {_several(some)} {word}" for some, word in ((lost, "gone"), (more, "new")) if some]
            else:
                differences.append(f"{name}: {key} {old} → {new}")
    return differences


def changed_model(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    shapes, own = ({name: tuple(value.shape) for name, value in state.items() if isinstance(value, Tensor)} for state in (before, now))
    other = [f"{name} {shapes[name]} → {own[name]}" for name in own if name in shapes and shapes[name] != own[name]]
    return other + [f"{name} is new" for name in own if name not in shapes] + [f"{name} is gone" for name in shapes if name not in own]


def _several(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
