from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from gradtop.trainer.runtime.signals import ASKING, ECHO, WARNING, EndNow, Signals


@pytest.fixture
def now() -> list[float]:
    """What the clock says."""
    return [0.0]


@pytest.fixture
def signals(now: list[float]) -> Iterator[Signals]:
    before = {number: signal.getsignal(number) for number in (*ASKING, signal.SIGHUP)}
    signals = Signals(clock=lambda: now[0])
    signals.install()
    yield signals
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ASKING)
def test_the_first_signal_only_asks(signals: Signals, number: signal.Signals) -> None:
    os.kill(os.getpid(), number)

    assert signals.received == 1
    assert signals.name == number.name


def test_the_second_signal_ends_at_once(signals: Signals) -> None:
    os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(EndNow, match="second signal, SIGINT"):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_that_comes_twice_at_once_is_one_request(signals: Signals, now: list[float]) -> None:
    """As `timeout` sends it, to the process and to its group."""
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    assert signals.received == 1

    now[0] = 2 * ECHO
    with pytest.raises(EndNow, match="second signal, SIGTERM"):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("number", WARNING)
def test_a_warning_asks_once_however_often_it_comes_and_the_end_of_the_job_may_follow_it(
    signals: Signals, now: list[float], number: signal.Signals
) -> None:
    """The kernel sends SIGXCPU every second; Slurm SIGTERM after SIGUSR1."""
    for second in range(3):
        now[0] = float(second)
        os.kill(os.getpid(), number)
    os.kill(os.getpid(), signal.SIGTERM)

    assert signals.name == number.name


@pytest.mark.parametrize("number", ASKING)
def test_while_there_is_nothing_to_save_the_first_signal_ends_at_once(signals: Signals, number: signal.Signals) -> None:
    signals.expect_nothing_to_save()

    with pytest.raises(EndNow, match=f"{number.name} before training began"):
        os.kill(os.getpid(), number)


def test_a_signal_that_came_before_there_was_anything_to_save_ends_then(signals: Signals) -> None:
    os.kill(os.getpid(), signal.SIGUSR1)

    with pytest.raises(EndNow, match="SIGUSR1 before training began"):
        signals.expect_nothing_to_save()


def test_a_hang_up_is_ignored(signals: Signals) -> None:
    os.kill(os.getpid(), signal.SIGHUP)

    assert signals.received == 0


# One call that stays in C code for minutes and has let go of the interpreter, as an operation of PyTorch has. With so
# long a switch interval the other thread can only speak when the main one is inside that call.
STUCK = """
import hashlib, os, sys, threading
from gradtop.trainer.runtime.signals import LastResort, Signals
signals = Signals()
signals.install()
LastResort(lambda: os.write(1, b"status written"), grace=0.2).start()
inside = threading.Lock()
inside.acquire()
threading.Thread(target=lambda: inside.acquire() and os.write(1, b"stuck\\n"), daemon=True).start()
sys.setswitchinterval(1e6)
inside.release()
hashlib.pbkdf2_hmac("sha512", b"", b"", 10**9)
"""


def test_a_process_that_is_stuck_in_one_operation_ends_on_the_second_signal_and_leaves_a_status() -> None:
    with subprocess.Popen([sys.executable, "-P", "-c", STUCK], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        late = threading.Timer(60, process.kill)
        late.start()
        assert process.stdout.readline() == b"stuck\n"
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        written = process.stdout.read()
        code = process.wait()
        late.cancel()

    assert written == b"status written"
    assert code == 128 + signal.SIGTERM
