"""What a screen reads of one run: what changed, its log made safe, its checkpoints."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.record import RunReader, RunState, Status, append_event, rename_run, write_status
from tests.record.support import make_run, write_segment


def test_each_change_is_seen_once(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    now = [0.0]
    reader = RunReader(run, monotonic=lambda: now[0])
    assert reader.refresh()
    assert (reader.state, reader.meta.name, reader.config, reader.gone) == ("created", "quiet-heron", {"kind": "toy"}, False)
    changes: tuple[Callable[[], None], ...] = (
        lambda: write_status(run, Status(state=RunState.DONE, step=5)),
        lambda: rename_run(run, "other"),
        lambda: append_event(run, "epoch"),
    )
    for change in changes:
        assert not reader.refresh()
        change()
        assert reader.refresh()
        now[0] += 5
        assert not reader.refresh()
    assert (reader.status.step, reader.state, reader.meta.name, len(reader.events)) == (5, "done", "other", 1)


def test_an_idle_run_costs_a_handful_of_calls(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0) for step in range(100)])
    append_event(run, "start")
    now = [0.0]
    reader = RunReader(run, monotonic=lambda: now[0])
    reader.refresh()
    reader.stream("steps").refresh()
    now[0] += 5
    calls: list[str] = []
    watching = [True]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in {"open", "os.listdir", "os.scandir"} and str(run.path) in str(arguments[0]):
            calls.append(f"{event} {arguments[0]}")

    sys.addaudithook(hook)
    reader.refresh()
    watching.clear()
    assert len(calls) == 4, calls


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"", []),
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\ntwo", ["one", "two"]),
        (b"\n\nx\n", ["", "", "x"]),
        (b"\x1b[31mred\x1b[0m\x1b]0;title\x07 and \x1b]52;c;aGk=\x1b\\more\n", ["red and more"]),
        (b"10%\r50%\r100%\r\ndone\r\n", ["100%", "done"]),
        (b"[bold]not markup[/bold]\n", ["[bold]not markup[/bold]"]),
        (b"\xff\xfe wrong \xc3\n", ["\ufffd\ufffd wrong \ufffd"]),
        ("宽字符 🙂\n".encode(), ["宽字符 🙂"]),
        (b"tab\there\x00\x08\n", ["tab here"]),
        ("a\u202eb\u200bc\n".encode(), ["abc"]),
    ],
)
def test_the_log_is_safe_to_show(tmp_path: Path, written: bytes, shown: list[str]) -> None:
    run = make_run(tmp_path)
    run.log.write_bytes(written)
    assert RunReader(run).log_tail() == shown


def test_of_a_long_log_with_long_lines_the_end_is_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.log.write_bytes(b"x" * 10_000_000 + b"\n" + b"y" * 10_000 + b"\nend\n")
    lines = RunReader(run).log_tail()
    assert [line[:1] for line in lines] == ["y", "e"]
    assert len(lines[0]) == 1000
    run.log.write_bytes(b"z" * 10_000_000)
    (line,) = RunReader(run).log_tail()
    assert line.startswith("zzz")
    run.log.write_bytes(b"".join(b"%d\n" % number for number in range(1000)))
    assert RunReader(run).log_tail(3) == ["997", "998", "999"]


def test_checkpoints_are_read_from_their_notes_in_the_order_of_steps(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    notes: dict[str, object] = {
        "step-000020": {"step": 20, "epoch": 2, "val_loss": 0.5, "val_accuracy": None, "best": True, "time": 7.0},
        "step-000010": {"step": 10, "val_loss": "nan"},
        "broken": [],
        "worse": {"step": "x"},
        "vast": {"step": 1e999},
    }
    for name, note in notes.items():
        (run.checkpoints / f"{name}.json").write_text(json.dumps(note))
        (run.checkpoints / f"{name}.pt").write_bytes(b"not a pickle")
    (run.checkpoints / "step-000030.json").write_text('{"step": 30}')  # its weights are gone
    (run.checkpoints / "step-000040.pt").write_bytes(b"")  # its note is not there yet
    first, second = RunReader(run).checkpoints()
    assert (first.step, first.best, str(first.val_loss)) == (10, False, "nan")
    assert (second.step, second.epoch, second.path, second.val_loss, second.best, second.time) == (20, 2, run.checkpoints / "step-000020.pt", 0.5, True, 7.0)


def test_importing_the_record_is_quick_and_needs_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import gradtop.trainer.record;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names);"
        "print(sorted(new), 'tomllib' in sys.modules, 'socket' in sys.modules, 'random' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "['gradtop'] False False False"
