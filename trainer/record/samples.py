"""samples.jsonl: the texts that a language model generated, one JSON object per line, in order of steps; bounded in size."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import bounds
from gradtop.trainer.record.events import plain
from gradtop.trainer.record.files import identity, read_seen
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.writing import open_to_append, write_atomically

LIMIT = 1 << 20  # bytes of the file; beyond, every other sample is removed
LONGEST = 64 << 10  # bytes of one line
READ = LIMIT + LONGEST


class TextSample(NamedTuple):
    """`text` continues `prompt`; `wanted` is the number of characters, or of tokens, that were asked for, more than it has if time ran out;
    `tokens` is how many it has, 0 where these are its characters.

    `loss` is the validation loss of the same weights, None where it is not known; `time` is in unix seconds.
    """

    step: int = 0
    epoch: int = 0
    time: float = 0.0
    loss: float | None = None
    temperature: float = 0.0
    prompt: str = ""
    text: str = ""
    wanted: int = 0
    tokens: int = 0

    def record(self) -> dict[str, object]:
        """The sample as a JSON object."""
        return self._asdict()


READS = bounds.reads_of(TextSample)


def append_sample(run: Run, sample: TextSample) -> None:
    """Append one sample; where the file is full, every other one in it is removed first. Raises OSError."""
    line = json.dumps(plain(sample.record())).encode() + b"\n"
    descriptor = open_to_append(run.path, run.samples)
    try:
        size = os.fstat(descriptor).st_size
        if size + len(line) > LIMIT:
            lines = [json.dumps(plain(each.record())) for each in read_samples(run)[::-2][::-1]]
            write_atomically(run.path, run.samples, "".join(f"{each}\n" for each in [*lines, line.decode().rstrip()]))
            return
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(descriptor, line) < len(line):
            os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)


def read_samples(run: Run) -> list[TextSample]:
    """The samples in order of steps; invalid lines are skipped. A later line replaces those of its step and beyond, which were made again."""
    return SampleReader(run).read()


class SampleReader:
    """Reads the samples of a run again where the file has changed."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen: tuple[int, int, int] | None = None
        self._samples: list[TextSample] = []

    def read(self) -> list[TextSample]:
        """As `read_samples`; the same list as before as long as the file is the same."""
        try:
            if self._seen is not None and identity(os.stat(self._run.samples)) == self._seen:
                return self._samples
            data, found = read_seen(self._run.samples, limit=READ)
        except OSError:
            self._seen, self._samples = None, []
            return self._samples
        self._seen, self._samples = identity(found), parsed(data)
        return self._samples


def parsed(data: bytes) -> list[TextSample]:
    """The samples of whole lines: what follows the last line break is still being written."""
    samples: list[TextSample] = []
    for line in data[: data.rfind(b"\n") + 1].split(b"\n"):
        sample = _sample(line)
        if sample is None:
            continue
        while samples and samples[-1].step >= sample.step:
            samples.pop()
        samples.append(sample)
    return samples


def _sample(line: bytes) -> TextSample | None:
    if not line.strip() or len(line) > LONGEST:
        return None
    try:
        found: Any = bounds.bounded(bounds.parse_json(line))
    except ValueError:
        return None
    return TextSample(**bounds.fields(READS, found)) if isinstance(found, Mapping) and isinstance(found.get("text"), str) else None
