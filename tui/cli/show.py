"""`gradtop show RUN`."""

from __future__ import annotations

import argparse
import shlex
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from gradtop.tui.cli.ending import last_printed
from gradtop.tui.cli.locate import add_run, chosen_run, job_of, name_of, opened
from gradtop.tui.cli.output import figure, print_json, print_line, toned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradtop.trainer.record import QueuedRun, RunReader
    from gradtop.trainer.record.samples import TextSample

EPILOG = """\
The JSON has the keys id, name, path, state (derived: includes died and silent),
status (as in status.json), meta (as in meta.json), config (current
configuration, including live changes), run_toml (configuration at the start),
waits (null, or for a queued run: place in the queue, device and for, the ids of
the runs ahead of it), classes (newest and best evaluation of a classification:
counts per class, confused pairs and worst samples, else null), checkpoints,
events (the newest 20), findings (name, severity, title, sentence, evidence,
advice, since_step, mode, passed), samples (the newest 20 texts of a language
model: step, epoch, time, loss, temperature, prompt, text, wanted), death
(signal or exit code of a worker that died, "" where unknown), last_words (last
log lines of a run that died or failed) and health: records_lost and unreadable
(files and streams, with the reason).
"""
LAST_EVENTS = 20
LAST_SAMPLES = 20


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Show run status: progress, results, findings, lineage and checkpoints."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    reader = opened(chosen_run(options))
    if options.json:
        print_json(record(reader))
        return 0
    from gradtop.tui.framework import states

    state = toned(f"{states.symbol(reader.state)} {reader.state}", states.tone(reader.state))
    print_line(f"{name_of(reader)}  {state}")
    for title, text in lines(reader):
        print_line(f"  {title:<14}{text}")
    return 0


def record(reader: RunReader) -> dict[str, object]:
    from gradtop.trainer.analysis.death import how_it_died
    from gradtop.trainer.analysis.findings import report
    from gradtop.trainer.analysis.newest import newest_status
    from gradtop.trainer.record import effective
    from gradtop.trainer.record.classification import read_classification

    place = waiting(reader)
    return {
        "id": reader.run.id,
        "name": name_of(reader),
        "path": str(reader.run.path),
        "state": reader.state,
        "pid": reader.status.pid or None if reader.state.is_alive else None,
        "status": newest_status(reader)._asdict(),
        "meta": reader.meta.record(),
        "result": job_of(reader).result.record(reader),
        "config": effective(reader.config, reader.status.changes),
        "run_toml": reader.config,
        "waits": {"place": place.place, "device": place.device, "for": [other.id for other in place.before]} if place else None,
        "classes": {name: found and found.record() for name, found in (("newest", read_classification(reader.run)), ("best", read_classification(reader.run, best=True)))},
        "checkpoints": [asdict(checkpoint) for checkpoint in reader.checkpoints()],
        "events": list(reader.events)[-LAST_EVENTS:],
        "findings": [finding.record() for finding in report(reader).findings],
        "samples": [sample.record() for sample in reader.samples()[-LAST_SAMPLES:]],
        "death": how_it_died(reader.run, reader.state, reader.status),
        "last_words": last_printed(reader),
        "health": {"records_lost": reader.status.dropped, "unreadable": unreadable(reader)},
    }


def waiting(reader: RunReader) -> QueuedRun | None:
    """The queue position of a queued run; None for other runs."""
    from gradtop.trainer.record import RunState, queued_runs

    if reader.state is not RunState.QUEUED:
        return None
    return next((place for place in queued_runs(reader.run.path.parent) if place.run == reader.run), None)


def sample_lines(sample: TextSample) -> Iterator[tuple[str, str]]:
    """The newest text of a language model, with its line breaks."""
    from gradtop.trainer.analysis.sample_text import sample_parts, sample_title

    yield "sample", sample_title(sample)
    for line in "".join(sample_parts(sample)).split("\n"):
        yield "", line


def unreadable(reader: RunReader) -> dict[str, str]:
    """Files and streams that cannot be read, with the reason."""
    from gradtop.trainer.record import list_streams
    from gradtop.trainer.record.streams.reader import MOST_STREAMS
    from gradtop.trainer.record.streams.registry import STEPS

    found = dict(reader.problems)
    names = list_streams(reader.run)
    if not names:
        steps = reader.stream(STEPS)
        steps.refresh()
        found |= {reader.run.streams.name: steps.unreadable} if steps.unreadable else {}
    for name in names[:MOST_STREAMS]:
        stream = reader.stream(name)
        stream.refresh()
        if stream.unreadable:
            found[name] = stream.unreadable
    if left := names[MOST_STREAMS:]:
        found["streams"] = f"{len(left)} streams beyond the first {MOST_STREAMS} are not read"
    return found


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    """The titles and texts of the report, the most important first; unknown values are left out."""
    from gradtop.trainer.analysis.compare import flat
    from gradtop.trainer.analysis.death import how_it_died
    from gradtop.trainer.analysis.event_text import event_line
    from gradtop.trainer.analysis.findings import report
    from gradtop.trainer.analysis.formatting import age, duration, moment, number, percent, progress, setting_text
    from gradtop.trainer.analysis.newest import newest_status
    from gradtop.trainer.analysis.pace import pace_of
    from gradtop.trainer.analysis.preparation import preparation_of
    from gradtop.trainer.analysis.table_text import columns_text
    from gradtop.trainer.analysis.text import (
        best_text,
        changes_text,
        classes_text,
        loss_text,
        pace_text,
        queue_text,
        skipped_text,
        stopped_early_text,
        test_metrics_text,
        validation_text,
        waits_for,
    )
    from gradtop.trainer.job import DEFAULT_JOB
    from gradtop.trainer.record import EventKind, RunState, clean
    from gradtop.trainer.record.classification import read_classification

    status, meta, job, now = newest_status(reader), reader.meta, job_of(reader), time.time()
    if meta.job != DEFAULT_JOB:
        yield "job", clean(job.title)
    if labels := ", ".join(filter(None, ("pinned" if meta.pinned else "", *meta.tags))):
        yield "tags", clean(labels)
    if meta.note:
        yield "note", clean(meta.note)
    if how := how_it_died(reader.run, reader.state, status):
        yield RunState.DIED, how
    if status.error:
        yield "reason" if reader.state is RunState.STOPPED else "error", clean(status.error)
    if status.warning:
        yield "warning", clean(status.warning)
    for finding in report(reader).besides_the_ending().findings:
        yield "finding", clean(f"{finding.symbol} {finding.sentence}{f'; {finding.advice}' if finding.advice else ''}", 400)
    if (preparing := preparation_of(status._replace(state=reader.state))) is not None:
        yield "preparing", f"{preparing.text}{f' ({progress(preparing.done, preparing.of)})' if preparing.of else ''}"
    if place := waiting(reader):
        yield "queue", queue_text(place.place, waits_for(place.device, [name_of(opened(other)) for other in place.before]))
    if status.steps:
        share = progress(status.step, status.steps)
        epoch = f"epoch {status.epoch}/{status.epochs}, " if status.epochs else ""
        early = stopped_early_text(status)
        yield "progress", f"{epoch}step {number(status.step)} of {number(status.steps)} ({early or share})"
    if skipped := skipped_text(status):
        yield "skipped", f"{skipped}, as a gradient overflowed in fp16"
    if status.seconds:
        left = pace_of(reader).left if reader.state is RunState.TRAINING else None
        done = " trained" if meta.job == DEFAULT_JOB else " so far" if left is not None else ""
        yield "time", f"{duration(status.seconds)}{done}" + (f", {duration(left)} left" if left is not None else "")
    if status.updated and reader.state in {RunState.TRAINING, RunState.PAUSED, RunState.SILENT, RunState.DIED}:
        ahead = reader.clock_difference
        apart = f"the clock of {clean(status.host)} is {duration(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} this one"
        yield "heartbeat", apart if ahead else age(now - status.updated)
    for title, text in job.result.lines(reader):
        yield title, clean(text)
    if status.loss is not None:
        norm = f", gradient norm {figure(status.grad_norm)}" if status.grad_norm is not None else ""
        what = f" ({said})" if (said := loss_text(reader)) else ""
        yield "training", f"loss {figure(status.loss)}{what}, lr {figure(status.lr)}{norm}"
    if status.val_loss is not None:
        yield "validation", clean(validation_text(status), 800)
        yield "best", best_text(status) or "–"
        if status.test:
            yield "test", clean(f"{test_metrics_text(status.test, status.test_baselines)} (checkpoint of step {number(status.test_step)})", 800)
        if (classes := read_classification(reader.run)) is not None:
            yield "classes", f"{classes_text(classes, status.beside_loss)} ({classes.when})"
    if samples := reader.samples():
        yield from sample_lines(samples[-1])
    if meta.job == DEFAULT_JOB and (newest := next((event for event in reversed(reader.events) if event.get("kind") == EventKind.PROFILE), None)):
        yield "profile", event_line(newest).text
    if status.model:
        yield "model", f"{clean(status.model)}{f', {number(status.parameters)} parameters' if status.parameters else ''}"
    if columns := columns_text(reader.run):
        yield "table", columns
    if status.device:
        yield "device", f"{clean(status.device)}{f', {pace}' if (pace := pace_text(status)) else ''}"
    if status.changes:
        before = flat(reader.config)
        changed = [
            f"{key} {f'{setting_text(before[key])} → ' if key in before else ''}{setting_text(value)}"
            for key, value in status.changes.items()
            if key not in before or before[key] != value
        ]
        if changed:  # all of it may have been taken back
            yield "changed live", clean(", ".join(changed))
    if meta.parent:
        start = f" ({meta.parent_checkpoint.removesuffix('.pt')})" if meta.parent_checkpoint else ""
        yield "parent", clean(f"{meta.parent}{start}: {changes_text(meta.changes) or 'no change'}")
    elif meta.changes:
        yield "overrides", clean(changes_text(meta.changes))
    if meta.created:
        yield "created", clean(f"{moment(meta.created, now)} by {meta.user or '?'} on {meta.host or '?'}")
    if meta.git_commit:
        yield "code", clean(f"git {meta.git_commit[:12]}{', with uncommitted changes' if meta.git_dirty else ''}")
    if meta.command:
        yield "command", clean(shlex.join(meta.command))
    origins = (event_line(event).text for event in reader.events if event.get("kind") in {EventKind.INIT, EventKind.FORKED})
    for sentence in dict.fromkeys(origins):  # once, also of a run that was killed before its first checkpoint and began again
        yield "weights", sentence.removeprefix("weights: ")
    checkpoints = reader.checkpoints()
    if checkpoints:
        best = [checkpoint.step for checkpoint in checkpoints if checkpoint.best]
        yield "checkpoints", f"{len(checkpoints)}, newest at step {checkpoints[-1].step}{f', best at step {best[-1]}' if best else ''}{f'; {clean(checkpoints[-1].note, 100)}' if checkpoints[-1].note else ''}"
    if status.masked:
        yield "pruning mask", f"{number(status.masked)} weights ({percent(status.masked / max(status.parameters, 1), 1)} of the parameters) stay zero while training"
    if status.dropped:
        yield "lost", f"{number(status.dropped)} telemetry records; the training is not affected"
    for name, why in unreadable(reader).items():
        yield "unreadable", clean(why if why.startswith(name) else f"{name}: {why}", 400)
    yield "directory", clean(str(reader.run.path), 4000)
    for line in last_printed(reader):
        yield "worker.log", line
