"""Writing into a run: no link in it leads anywhere, and what is written has one mode whatever the umask."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gradtop.trainer.record import (
    Column,
    Inbox,
    Run,
    SegmentWriter,
    Status,
    append_event,
    drop_lease,
    new_run,
    read_leases,
    read_meta,
    rename_run,
    send,
    write_lease,
    write_status,
)
from gradtop.trainer.record.export import export_run
from gradtop.trainer.record.lease import remove_stale_leases
from gradtop.trainer.record.writing import open_to_append, overwrite, remove_leftovers, replace_whole, write_atomically


def grow(run: Run) -> None:
    with_one = SegmentWriter(run, "steps", [Column("loss")])
    with_one.append(1, 1.0, [0.5])
    with_one.close()


WRITES: dict[str, Callable[[Run], object]] = {
    "events.jsonl": lambda run: append_event(run, "end"),
    "worker.log": lambda run: os.close(open_to_append(run.path, run.log)),
    "streams": grow,
    "control": lambda run: send(run, "stop"),
    "leases": lambda run: write_lease(run, "screen", ["updates"]),
    "checkpoints": lambda run: replace_whole(run.path, run.checkpoints / "step-000001.pt", lambda file: file.write(b"x")),
    "export": lambda run: export_run(run, "csv", run.path / "export" / "csv", overwrite=True),
    "export/csv": lambda run: export_run(run, "csv", run.path / "export" / "csv", overwrite=True),
}


def everything_below(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT])
def test_what_cannot_be_written_is_named_by_its_path_and_not_by_that_of_a_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    run = new_run(tmp_path, "", {}, name="x")
    opened = os.open

    def full(path: str, flags: int, *arguments: int, **options: int | None) -> int:
        if flags & os.O_CREAT:
            raise OSError(reason, os.strerror(reason), path)
        return opened(path, flags, *arguments, **options)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(os, "open", full)

    with pytest.raises(OSError) as raised:
        write_atomically(run.path, run.meta, "{}")
    assert (raised.value.errno, raised.value.filename) == (reason, str(run.meta))


@pytest.mark.parametrize("name", WRITES)
def test_a_link_inside_a_run_is_not_written_through(tmp_path: Path, name: str) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="x")
    grow(run)
    outside = tmp_path / "outside"
    outside.mkdir()
    target = outside / "file"
    target.write_text("mine\n")
    place = run.path / name
    if name == "streams":
        place.rename(outside / "streams")
        target = outside / "streams"
    elif place.is_dir():
        place.rmdir()
        target = outside
    elif name.startswith("export"):
        place.parent.mkdir(exist_ok=True)
        target = outside
    place.symlink_to(target)
    before = everything_below(outside)

    with pytest.raises(Exception, match=r"is a (symbolic )?link|[Nn]ot a directory|[Tt]oo many levels|Not a directory"):
        WRITES[name](run)

    assert everything_below(outside) == before


@pytest.mark.parametrize("name", ["status.json", "meta.json"])
def test_a_link_in_place_of_a_file_that_is_replaced_is_replaced_itself(tmp_path: Path, name: str) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="x")
    target = tmp_path / "mine"
    target.write_text("{}")
    (run.path / name).unlink()
    (run.path / name).symlink_to(target)

    rename_run(run, "other")
    write_status(run, Status(step=3))

    assert target.read_text() == "{}"
    assert not (run.path / name).is_symlink()
    assert read_meta(run).name == "other"


def test_a_run_directory_that_is_itself_a_link_is_written(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="x")
    (tmp_path / "there").symlink_to(run.path)
    linked = Run(tmp_path / "there")
    append_event(linked, "end")
    send(linked, "stop")
    assert run.events.read_text().count("\n") == 1
    assert [command.name for command in Inbox(run).poll()] == ["stop"]


def test_a_lease_is_not_dropped_through_a_link(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="x")
    run.leases.rmdir()
    (tmp_path / "screen.json").write_text("{}")
    run.leases.symlink_to(tmp_path)
    with pytest.raises(OSError, match="Not a directory"):
        drop_lease(run, "screen")
    assert (tmp_path / "screen.json").exists()


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_events_and_the_log_go_only_into_ordinary_files(tmp_path: Path, kind: str) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="x")
    run.events.symlink_to("/dev/null") if kind == "link" else os.mkfifo(run.events)
    with pytest.raises(OSError, match=r"Too many levels|Invalid argument"):
        append_event(run, "end")


def test_a_file_with_another_name_elsewhere_is_left_as_it_is_and_loses_nothing(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="x")
    append_event(run, "start")
    backup = tmp_path / "backup.jsonl"
    os.link(run.events, backup)
    before = backup.read_bytes()

    append_event(run, "end")
    append_event(run, "end")

    assert backup.read_bytes() == before
    assert run.events.read_bytes().startswith(before)
    assert run.events.read_bytes().count(b"\n") == 3
    os.link(run.status, tmp_path / "status.json")
    with pytest.raises(OSError, match="Too many links"):
        overwrite(run.path, run.status, "{}")


def test_a_hard_link_in_the_inbox_or_among_the_leases_is_not_obeyed(tmp_path: Path) -> None:
    run, other = new_run(tmp_path / "runs", "", {}, name="x"), new_run(tmp_path / "runs", "", {}, name="y")
    send(other, "kill")
    write_lease(other, "screen", ["updates"])
    for folder in ("control", "leases"):
        for file in (other.path / folder).iterdir():
            os.link(file, run.path / folder / file.name)
    assert Inbox(run).poll() == []
    assert read_leases(run, time.time()).measurements == frozenset()


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0, 0o022, 0o077, 0o777], ids=oct)
def test_what_is_written_has_one_mode_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    (tmp_path / "runs").mkdir()
    with umask(mask):
        run = new_run(tmp_path / "runs", "", {}, name="x")
        for write in WRITES.values():
            write(run)
        write_status(run, Status(step=3))
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in (run.path, *run.path.rglob("*"))}
    assert len(found) > 15
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}


def test_what_killed_processes_have_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="x")
    now = time.time()
    for screen in ("old", "young"):
        write_lease(run, screen, ["updates"])
    left = [run.path / ".status.json.17.0a1b2c3d.tmp", run.checkpoints / ".step-000007.pt.17.0a1b2c3d.tmp", run.control / ".1.json.17.0a1b2c3d.tmp"]
    young = run.path / ".meta.json.17.0a1b2c3d.tmp"
    mine = [run.path / ".notes.tmp", run.path / "notes.17.0a1b2c3d.tmp"]
    for path in (*left, young, *mine):
        path.write_text("")
    for path in (*left, *mine, run.leases / "old.json"):
        os.utime(path, (now - 3600, now - 3600))

    remove_leftovers(run.path, now)
    remove_stale_leases(run, now)

    assert [path.name for path in left if path.exists()] == []
    assert all(path.exists() for path in (young, *mine))
    assert [path.name for path in run.leases.iterdir()] == ["young.json"]
