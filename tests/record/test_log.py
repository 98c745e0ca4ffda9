"""What the last lines of worker.log tell of a run that went wrong."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, RunReader
from tests.record.support import make_run

WARNINGS = """\
/venv/lib/python3.11/site-packages/PIL/Image.py:3432: DecompressionBombWarning: Image size (90000000 pixels) exceeds limit of 89478485 pixels
  warnings.warn(
/venv/lib/python3.11/site-packages/torchvision/io/image.py:14: UserWarning: Failed to load image Python extension: 'libjpeg.so.8'
  warn(
/venv/lib/python3.11/site-packages/torch/utils/data/dataloader.py:627: UserWarning: This DataLoader will create 8 worker processes in total.
[W1126 22:00:00.123456789 NNPACK.cpp:61] Could not initialize NNPACK! Reason: Unsupported hardware.
W1126 22:00:00.123000 4242 torch/_dynamo/convert_frame.py:1000] [0/8] torch._dynamo hit config.recompile_limit (8)
/usr/lib/python3.11/multiprocessing/resource_tracker.py:254: UserWarning: resource_tracker: There appear to be 3 leaked semaphore objects to clean up at shutdown
  warnings.warn('resource_tracker: There appear to be %d '
"""

CRASHES = """
import faulthandler, os, signal, threading
faulthandler.enable(2)
threading.Thread(target=threading.Event().wait, daemon=True).start()

def inner():
    print("terminate called after throwing an instance of 'c10::Error'", flush=True)
    os.kill(os.getpid(), signal.SIGABRT)

def outer():
    inner()

print("epoch 1", flush=True)
outer()
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path)


def last(run: Run, lines: int) -> list[str]:
    return list(RunReader(run).last_log_lines(lines))


def test_warnings_are_not_the_last_words_of_a_run(run: Run) -> None:
    run.log.write_text(f"epoch 1\n\nepoch 2\n{WARNINGS}")
    assert last(run, 3) == ["epoch 1", "epoch 2"]
    run.log.write_text(WARNINGS)
    assert last(run, 3) == []


def test_an_error_that_warnings_surround_is_said(run: Run) -> None:
    run.log.write_text(f"{WARNINGS}Traceback (most recent call last):\n  raise RuntimeError\nRuntimeError: a Warning: no\n{WARNINGS}")
    assert last(run, 2) == ["  raise RuntimeError", "RuntimeError: a Warning: no"]


def test_of_a_crash_its_signal_and_where_it_was_are_said(run: Run) -> None:
    with run.log.open("w") as log:
        ended = subprocess.run([sys.executable, "-c", CRASHES], stdout=log, stderr=log, check=False)
    assert ended.returncode == -signal.SIGABRT
    run.log.write_text(run.log.read_text() + "Extension modules: numpy.linalg (total: 1)\n" + WARNINGS)
    signalled = "Fatal Python error: Aborted"
    why = "terminate called after throwing an instance of 'c10::Error'"
    assert last(run, 1) == [signalled]
    assert last(run, 3) == [why, signalled, '  File "<string>", line 8 in inner']
    assert last(run, 6) == ["epoch 1", why, signalled, *(f'  File "<string>", line {line} in {name}' for line, name in ((8, "inner"), (11, "outer"), (14, "<module>")))]
    run.log.write_text(run.log.read_text() + "epoch 2\n")
    assert last(run, 1) == ["epoch 2"]
    run.log.write_text('  File "a.py", line 1 in f\n')
    assert last(run, 2) == ['  File "a.py", line 1 in f']
