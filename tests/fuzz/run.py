"""A run whose files are changed and read, over and over. By hand: `python -m tests.fuzz.run MUTATIONS`, on all of one core.

In one example of four a few changes are made, which may leave nothing of a file; in the others some values change in all files, each of
which is still read. An example is repeated with `python -m tests.fuzz.run 1 --seed SEED`.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gradtop.trainer.record import (
    Column,
    Run,
    SegmentWriter,
    append_event,
    list_streams,
    new_run,
    read_status,
    send,
    write_lease,
    write_status,
)
from gradtop.trainer.record.data_facts import FACTS, DataFacts
from gradtop.trainer.record.death import Death, write_death
from gradtop.trainer.record.events import FIELDS
from gradtop.trainer.record.labels import label_run
from gradtop.trainer.record.pictures import layout
from gradtop.trainer.record.streams.registry import PICTURES, REGISTRY, SYSTEM, columns_of, picture_columns
from tests.fuzz.mutations import mutate, mutate_all
from tests.fuzz.readers import PICTURES as LOOKED_AT
from tests.fuzz.readers import Screen, commands, read_everything
from tests.tui.fake_model import PARAMETERS
from tests.tui.profile_fixture import profile, put_profile
from tests.tui.runs_fixture import fake_run

# What stands in the fields of events; 3 in all others.
OF_EVENTS: Mapping[str, object] = {
    "message": "text", "reason": "text", "path": "step-000003.pt", "device": "cpu", "command": "set", "id": "1", "ok": True, "best": True, "stream": "layers",
    "changes": {"optimizer.lr": 0.1}, "old": {"optimizer.lr": 0.2}, "kept": ["a"], "dropped": ["b"], "all_weights": False, "frozen": ["a"], "columns": ["x"],
    "parameter": "head.weight", "what": "loss", "wrong": True, "steps": [1, 2], "layers": {"head.weight": [0.1, "nan"]}, "state": "done",
    "suggestions": {"valley": 0.1}, "diverged_at": 1.0, "loss": 0.3, "lr": 0.1, "val_loss": "nan", "val_accuracy": 0.5, "pace": "nan",
}  # fmt: skip
# What other versions write beside the files that there are now; one that knows them reads them.
OTHER_FILES = {
    "samples.jsonl": '{"step": 40, "epoch": 1, "time": 1.8e9, "loss": 1.5, "temperature": 0.8, "prompt": "To be", "text": " or not", "wanted": 20}\n' * 2,
    **dict.fromkeys(
        ("classes.json", "best-classes.json"),
        '{"step": 80, "epoch": 1, "names": ["cat", "dog", "bird"], "support": [10, 20, 0], "predicted": [12, 10, 8], "hits": [9, 8, 0], '
        '"confused": [[1, 2, 8], [0, 1, 1], [1, 3, 4]], "omitted": 2, "worst": [[3, 9.5, 1, 2], [5, "nan", 0, 3]]}\n',
    ),
}
SLOWEST = 1.0  # seconds of the processor for one reader
MOST_CELLS = 288  # of the pictures that are looked at
MEMORY = 3 << 30  # bytes of the address space, beyond what the libraries take: more is a fault, not the end of the machine
MOST = 10  # mutations of a run at a time, where they are few


class Place:
    """Runs to read, one of which is changed; `restore` makes it what it was."""

    def __init__(self, folder: Path) -> None:
        self.runs, self.out = folder / "runs", folder / "out"
        short: Any = {"epochs": 2, "per_epoch": 70}  # an epoch and some steps: rollups, an evaluation and a checkpoint
        self.other, grower = fake_run(self.runs, "amber-finch", state="done", steps=10, epochs=2, per_epoch=5)
        grower.close()
        self.run, grower = fake_run(self.runs, "quiet-heron", state="died", steps=90, parent=self.other, changes=[("optimizer.lr", 1e-3, 3e-4)], **short)
        grower.close()
        more = SegmentWriter(self.run, "steps", columns_of("steps"), first_step=82)
        more.append_many([(step, 1.8e9 + step, *[0.5] * len(columns_of("steps"))) for step in range(82, 110)])
        more.close()
        host = {"cores": 8, "memory_total": 64e9, "gpu_name": "a GPU", "gpu_uuid": "GPU-0"}
        for stream, rank in (("system", 1), ("lr_range", 0)):
            writer = SegmentWriter(self.run, stream, columns_of(stream), rank=rank, extra=host if stream == SYSTEM else {})
            writer.append_many([(step, 1.8e9, *[0.5] * len(columns_of(stream))) for step in range(70)])
            writer.close()
        self._write_pictures()
        self._write_notes()
        new_run(self.runs, 'job = "lr_range"\n', {"name": "queued", "job": "lr_range", "parent": self.run.id}, name="queued")
        (self.run.path / "origin.pt").write_bytes(b"")
        shutil.copy(next(self.run.checkpoints.glob("*.json")), self.run.path / "origin.json")
        self.streams = list_streams(self.run)
        files = sorted(path for path in self.run.path.rglob("*") if path.is_file())
        self.pristine = {str(path.relative_to(self.run.path)): path.read_bytes() for path in files}

    def _write_pictures(self) -> None:
        names = [name for name, _kind, _shape in PARAMETERS]
        columns = (*columns_of(PICTURES), *map(Column, picture_columns()[:MOST_CELLS]))
        writer = SegmentWriter(self.run, PICTURES, columns, extra={"parameters": names}, rollup=False)
        for wanted in LOOKED_AT:
            found = layout(dict(zip(names, (shape for _name, _kind, shape in PARAMETERS), strict=True))[wanted.parameter], wanted)
            assert found is not None
            head = [names.index(wanted.parameter), wanted.kind, found.first, wanted.channel, found.tiles, found.height, found.width, 0]
            values = [0.5] * (found.tiles * found.height * found.width)
            writer.append(80, 1.8e9, [*head, *values, *[math.nan] * (MOST_CELLS - len(values))])
        writer.close()

    def _write_notes(self) -> None:
        """Events of each kind, those of a later version among them, and all that is written while a run goes on."""
        for kind, names in FIELDS.items():
            append_event(self.run, kind, time=1.8e9, **{name: OF_EVENTS.get(name, 3) for name in names})
        append_event(self.run, "of_a_later_version", time=1.8e9, step=80, table={"a": [1, {"b": None}]}, message="text")
        costs = {f"{stream}.{figure}": 0.01 for stream in REGISTRY for figure in ("share", "every")}
        write_status(self.run, read_status(self.run)._replace(monitoring=costs, device="cuda:0", threads=2, changes={"optimizer.lr": 0.1}))
        facts = DataFacts((50, 40, 60), 150, True, 0.1, 0.3, 0.0, 1.0, 1.1, 1.2)
        self.run.data.write_text(json.dumps({"fingerprint": "0" * 64, FACTS: facts.record()}))
        put_profile(self.run, profile(notes=("a note",)))
        for name, text in OTHER_FILES.items():
            (self.run.path / name).write_text(text)
        status = read_status(self.run)
        write_death(self.run, Death(status.pid, status.pid_started, signal=9, memory=True, time=1.8e9))
        label_run(self.run, add=["baseline", "ablation"], note="a note", pinned=True)
        write_lease(self.run, "1-x", ["histograms"], ["head.weight"], LOOKED_AT)
        for changes in ({"optimizer.lr": 0.1}, {"schedule.kind": "cosine", "training.epochs": 3}):
            send(self.run, "set", changes=changes)

    def restore(self) -> None:
        for path in self.run.path.rglob("*"):
            name = str(path.relative_to(self.run.path))
            if path.is_symlink() or not (path.is_dir() or name in self.pristine):
                path.unlink()
            elif path.is_dir() and name in self.pristine:
                shutil.rmtree(path)
        for name, data in self.pristine.items():
            path = self.run.path / name
            if path.is_symlink() or not path.is_file() or path.stat().st_size != len(data) or not path.stat().st_mode & 0o400 or path.read_bytes() != data:
                path.unlink(missing_ok=True)
                path.write_bytes(data)
        shutil.rmtree(self.out, ignore_errors=True)


def attempt(place: Place, seed: int) -> tuple[int, list[str]]:
    """Change the run, and read it: as a command, and as a screen that has seen it before. Returns how many changes were made, and the faults."""
    chance = random.Random(seed)
    run = Run(place.run.path)
    screen = Screen(run)
    if chance.random() < 0.3:
        for _ in read_everything(screen.read(), SLOWEST):
            pass
    if chance.random() < 0.25:
        done = [mutate(place.run.path, chance, place.pristine) for _ in range(chance.randint(1, MOST))]
    else:
        done = mutate_all(place.run.path, chance, place.pristine)
    intact = {name for name in place.streams if not any(each.startswith(f"streams/{name}.") for each in done)}
    found = [*read_everything(commands(run, place.other, place.out, chance.random(), intact), SLOWEST), *read_everything(screen.read(), SLOWEST)]
    place.restore()
    changes = "\n".join(map(ascii, done)) if found else ""
    return len(done), [f"seed {seed}:\n{changes}\n{fault}" for fault in found]


def attempts(place: Place, mutations: int, seed: int) -> Iterator[tuple[int, list[str]]]:
    """Examples from a seed on, until there were so many mutations: how many there were, and the faults of each."""
    done = 0
    while done < mutations:
        more, found = attempt(place, seed)
        done += more
        seed += 1
        yield done, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutations", type=int)
    parser.add_argument("--seed", type=int, default=int(time.time()) * 1_000_000, help="of the first example")
    parser.add_argument("--keep-going", type=int, default=20, help="faults after which it ends")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:  # noqa: PTH112, S108
        gc.freeze()  # what is imported stays
        place, bad, begin = Place(Path(folder)), 0, time.monotonic()
        for number, (done, found) in enumerate(attempts(place, options.mutations, options.seed), 1):
            bad += len(found)
            if found:
                print("\n".join(found), flush=True)
            if bad >= options.keep_going:
                return 1
            if number % 1000 == 0 or done >= options.mutations:
                print(f"{done} mutations in {number} examples, {time.monotonic() - begin:.0f} s, {time.process_time():.0f} s of the processor, {bad} faults", file=sys.stderr, flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
