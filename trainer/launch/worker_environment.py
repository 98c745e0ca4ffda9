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


def worker_environment() -> dict[str, str]:
    """Ours, with what it takes to import this very `gradtop`, and a C library that keeps its memory.

    What the user has set for that library stays as it is.
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
    tunables = env.get("GLIBC_TUNABLES", "")
    if HUGE_PAGES[0] not in tunables:
        env["GLIBC_TUNABLES"] = ":".join(filter(None, [tunables, "=".join(HUGE_PAGES)]))
    return env
