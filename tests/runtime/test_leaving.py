"""How a worker process ends: with what somebody may rely on, and without taking PyTorch apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.process.support import make_run
from tests.training.runs import tiny_run

PROGRAM = """
import atexit, ctypes, threading
from gradtop.trainer.runtime.leaving import leave
from gradtop.trainer.runtime.user_code import user_object

class Kept:
    def __del__(self):
        print("taken apart", flush=True)

def finish():
    proceed.wait()
    print("a thread has finished")

def fail():
    raise ValueError("of atexit")

kept, proceed = Kept(), threading.Event()
atexit.register(print, "atexit")
atexit.register(fail)
threading.Thread(target=finish).start()
if {own}:
    user_object("{own}:build", "model.target")
ctypes.CDLL(None).printf(b"from C\\n")
print("at last", end="")
threading.Timer(0, proceed.set).start()
leave(3)
"""


def ended(tmp_path: Path, own: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.replace("if {own}", f"if {own!r}").format(own=own)
    return subprocess.run([sys.executable, "-P", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)


def test_threads_functions_of_atexit_and_all_output_come_to_their_end(tmp_path: Path) -> None:
    found = ended(tmp_path, "")
    assert found.returncode == 3
    assert "at lasta thread has finished\natexit\n" in found.stdout
    assert "from C" in found.stdout
    assert "of atexit" in found.stderr
    assert "taken apart" not in found.stdout


def test_what_code_of_the_user_has_left_open_is_written(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("left = open('left.txt', 'w')\nleft.write('all of it')\nbuild = dict\n")
    found = ended(tmp_path, "mine")
    assert found.returncode == 3
    assert (tmp_path / "left.txt").read_text() == "all of it"
    assert "taken apart" in found.stdout


# A worker of its own imports all anew, which takes seconds: of two that begin as one process ends each as if it had been alone.
TWO = """
import os, runpy, sys
import gradtop.trainer.training.session
for place, run in enumerate(sys.argv[1:]):
    if not os.fork():
        said = os.open(f"{run}/said", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.argv[1:] = [run]
        runpy.run_module("gradtop.trainer", run_name="__main__", alter_sys=True)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
os._exit(0)
"""


def test_a_worker_of_its_own_ends_without_taking_torch_apart_unless_code_of_the_user_was_imported(tmp_path: Path) -> None:
    plain, custom = tiny_run(tmp_path, epochs=1), make_run(tmp_path, config="[model]\nkind = 'custom'\ntarget = 'nowhere:build'")
    command = [sys.executable, "-v", "-P", "-c", TWO, str(plain.path), str(custom.path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "import 'torch.nn'" in found.stderr
    assert found.stdout == "0\n1\n", found.stderr[-2000:]
    assert ["removing torch.nn" in (run.path / "said").read_text() for run in (plain, custom)] == [False, True]
