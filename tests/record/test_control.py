"""The inbox and the leases: obeyed only where the user's own plain files ask, in order, and cheap to look at."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from gradtop.trainer.record import Inbox, append_event, drop_lease, read_leases, send, wait_for_answer, write_lease
from tests.record.support import make_run


def test_commands_come_in_the_order_they_were_sent_until_they_are_done(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    inbox = Inbox(run)
    assert inbox.poll() == []
    sent = [send(run, "pause"), send(run, "set", changes={"optimizer.lr": 1e-3}), send(run, "stop")]
    found = inbox.poll()
    assert [(command.id, command.name) for command in found] == list(zip(sent, ["pause", "set", "stop"], strict=True))
    assert found[1].arguments == {"changes": {"optimizer.lr": 1e-3}}
    assert abs(found[0].sent - time.time()) < 60
    inbox.done(found[0])
    assert [command.name for command in inbox.poll()] == ["set", "stop"]
    assert [command.name for command in Inbox(run).poll()] == ["set", "stop"]


def test_an_inbox_in_which_nothing_is_new_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path)
    inbox = Inbox(run)
    inbox.poll()
    now = time.monotonic()
    monkeypatch.setattr(inbox._stamp, "_monotonic", lambda: now + 5)
    listed: list[object] = []
    listdir = os.listdir

    def counted(folder: int) -> list[str]:
        listed.append(folder)
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", counted)
    for _ in range(10):
        assert inbox.poll() == []
    assert not listed
    send(run, "pause")
    assert [command.name for command in inbox.poll()] == ["pause"]


def test_two_commands_within_one_tick_of_the_clock_are_both_seen(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    inbox = Inbox(run)
    send(run, "pause")
    (first,) = inbox.poll()
    then = run.control.stat()
    send(run, "stop")
    os.utime(run.control, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert [command.name for command in inbox.poll()] == ["pause", "stop"]
    inbox.done(first)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"null", b"{}", b'{"command": "stop", "arguments": [1]}', b'{"command": "stop", "sent": "x"}', b"\xff", b"[" * 100_000])
def test_a_file_that_is_no_command_is_given_as_one_without_a_name(tmp_path: Path, content: bytes) -> None:
    run = make_run(tmp_path)
    (run.control / "5.json").write_bytes(content)
    (command,) = Inbox(run).poll()
    assert (command.id, command.name) == ("5", "")


def test_links_pipes_folders_and_large_and_unfinished_files_are_not_obeyed(tmp_path: Path) -> None:
    run, other = make_run(tmp_path), make_run(tmp_path, "other")
    send(other, "kill")
    (command,) = other.control.iterdir()
    (run.control / "1.json").symlink_to(command)
    os.mkfifo(run.control / "2.json")
    (run.control / "3.json").mkdir()
    (run.control / "4.json").write_bytes(b'{"command": "kill", "x": "' + b"x" * (2 << 20) + b'"}')
    (run.control / ".5.json").write_bytes(command.read_bytes())
    (run.control / "6.json.part").write_bytes(command.read_bytes())
    assert Inbox(run).poll() == []


def test_an_inbox_that_is_a_link_is_not_obeyed(tmp_path: Path) -> None:
    run, other = make_run(tmp_path), make_run(tmp_path, "other")
    send(other, "kill")
    run.control.rmdir()
    run.control.symlink_to(other.control)
    assert Inbox(run).poll() == []


def test_files_of_another_user_are_neither_obeyed_nor_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path)
    send(run, "kill")
    write_lease(run, "screen", ["histograms"])
    assert Inbox(run).poll()
    assert read_leases(run, time.time()).measurements
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert Inbox(run).poll() == []
    assert not read_leases(run, time.time()).measurements


def test_an_inbox_that_is_gone_is_empty(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.control.rmdir()
    assert Inbox(run).poll() == []
    send(run, "pause")
    (command,) = Inbox(run).poll()
    run.control.joinpath(f"{command.id}.json").unlink()
    Inbox(run).done(command)


def test_the_answer_to_a_command_is_waited_for(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    identity = send(run, "checkpoint")
    append_event(run, "command", id="other", ok=True)
    assert wait_for_answer(run, identity, 0.0) is None
    thread = threading.Thread(target=append_event, args=(run, "command"), kwargs={"id": identity, "ok": True, "message": "checkpoint 7"})
    thread.start()
    answer = wait_for_answer(run, identity, 10.0)
    assert answer is not None
    assert answer["message"] == "checkpoint 7"
    thread.join()


def test_leases_say_together_what_all_screens_show(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert read_leases(run, time.time()).measurements == frozenset()
    write_lease(run, "a", ["updates"], ["stem.weight"])
    write_lease(run, "b", ["histograms", "updates"], ["head.bias"])
    found = read_leases(run, time.time())
    assert (found.measurements, found.parameters) == (frozenset({"updates", "histograms"}), frozenset({"stem.weight", "head.bias"}))
    drop_lease(run, "a")
    drop_lease(run, "a")
    assert read_leases(run, time.time()).parameters == {"head.bias"}


@pytest.mark.parametrize("age", [7.0, -7.0, -1e6, 1e6])
def test_a_lease_that_is_old_or_from_another_time_asks_for_nothing(tmp_path: Path, age: float) -> None:
    run = make_run(tmp_path)
    write_lease(run, "a", ["updates"])
    assert read_leases(run, time.time() + age).measurements == frozenset()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"measurements": 7, "parameters": "abc"}', b'{"measurements": [1, {}]}', b"\xff", b"[" * 100_000])
def test_a_lease_that_is_broken_asks_for_nothing(tmp_path: Path, content: bytes) -> None:
    run = make_run(tmp_path)
    (run.leases / "a.json").write_bytes(content)
    found = read_leases(run, time.time())
    assert (found.measurements, found.parameters) == (frozenset(), frozenset())
