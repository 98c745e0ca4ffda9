"""The environment that a worker is started in."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import gradtop

# Read by the GNU C library when a process starts; others know nothing of it. A training step frees its activations and
# gradients and asks for as much again: by default large blocks go back to the system each time, and every page of them is
# fetched anew and zeroed. Kept, and in huge pages, they make a ResNet18 on a CPU a tenth faster, and take no more memory
# than its largest step does. (mallopt(3); "Memory Allocation Tunables" in the manual of the GNU C library)
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
HUGE_PAGES = ("glibc.malloc.hugetlb", "1")
# Read by GNU OpenMP, which PyTorch brings, when it is loaded: how often a thread that waits for another looks again before it
# sleeps. By default 300,000 times, 6 to 14 ms: where another process has taken the core of the one that is waited for, that keeps
# the cores from all who could go on, and a small CNN with 2 threads beside other programs on 2 cores takes 3 steps/s instead of 22.
# 10,000 are a quarter to half a millisecond, longer than Python mostly needs from one operation to the next: a training that has its
# cores for itself keeps 0.95 to 0.99 of its pace (medians of 4 to 6 turns with a CNN, an MLP and a transformer, which vary by 15 %), and
# 0.7 to 0.8 with 300. Elsewhere than on x86, the wait between two looks is too short for such a number.
SPINS = ("GOMP_SPINCOUNT", "10000")
WAITING = (SPINS[0], "OMP_WAIT_POLICY")


def worker_environment() -> dict[str, str]:
    """Ours, with what it takes to import this very `gradtop`, a C library that keeps its memory, and threads that do not wait in vain.

    What the user has set for these libraries stays as it is.
    """
    env = dict(os.environ)
    here = Path(gradtop.__file__).parents[1]
    # As a new interpreter with -P will search: without the script's or the current directory that may stand first here.
    path = sys.path if sys.flags.safe_path else sys.path[1:]
    found = PathFinder.find_spec("gradtop", path)
    if found is None or found.origin is None or not Path(found.origin).samefile(gradtop.__file__):
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [os.fspath(here), env.get("PYTHONPATH")]))
    for name, value in KEEP_MEMORY.items():
        env.setdefault(name, value)
    if os.uname().machine in {"x86_64", "AMD64"} and not any(name in env for name in WAITING):
        env[SPINS[0]] = SPINS[1]
    tunables = env.get("GLIBC_TUNABLES", "")
    if HUGE_PAGES[0] not in tunables:
        env["GLIBC_TUNABLES"] = ":".join(filter(None, [tunables, "=".join(HUGE_PAGES)]))
    return env
