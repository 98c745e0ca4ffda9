"""Where the torch server of this user, environment and host listens. Standard library only."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import locale
import os
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import gradtop.trainer
from gradtop.trainer.record import this_host
from gradtop.trainer.socket_directory import socket_directory

# Prefixes of variables that are read when a library is loaded or the interpreter starts; a forked process is too late for
# another value. CUDA_VISIBLE_DEVICES is not among them: the driver reads it when a process first uses a GPU.
READ_AT_START = (
    "LD_", "PYTHON", "MALLOC_", "GLIBC_TUNABLES", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "ATEN_", "DNNL_",
    "ONEDNN_", "TORCH", "PYTORCH_", "NPY_", "NUMPY_",
)  # fmt: skip
# A job of a batch system has a cgroup of its own, with its own limits and devices.
BATCH_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
NAMESPACES = ("mnt", "pid", "user", "net", "ipc")
# Fields of /proc/self/status: what a sandbox has taken away from this process must not come back in a worker.
PRIVILEGES = ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")
LIMITS = tuple(sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}))
PACKAGES = ("torch", "torchvision", "numpy")
LIBRARIES = ("version.py", "lib/libtorch_cpu.so", "lib/libtorch_python.so")


def server_directory() -> Path:
    """Where they listen, as a path."""
    return Path(socket_directory())


def server_name(env: Mapping[str, str]) -> str:
    """The name of the server whose children can be workers with this environment: ENVIRONMENT-FILES, both hexadecimal.

    Another interpreter, environment, sandbox or batch job gives another ENVIRONMENT; changed files of gradtop or torch give
    other FILES.
    """
    return f"{_digest(_environment(env))}-{_digest(list(_files()))}"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _environment(env: Mapping[str, str]) -> list[object]:
    read = {name: value for name, value in env.items() if name.startswith(READ_AT_START)}
    if path := read.get("PYTHONPATH"):
        # Relative to the directory that a process is started in.
        read["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, path.split(os.pathsep)))
    return [
        sys.executable,
        sys.prefix,
        sys.version,
        [sys.getfilesystemencoding(), locale.getencoding(), sys.flags.utf8_mode],
        read,
        {name: env.get(name, "") for name in BATCH_JOBS},
        this_host(),
        [os.geteuid(), os.getegid(), sorted(os.getgroups())],
        # A process cannot get back what these have taken away from it; libgomp counts its cores when it is loaded.
        [resource.getrlimit(number)[1] for number in LIMITS],
        [os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0))],
        [_identity(f"/proc/self/ns/{name}") for name in NAMESPACES],
        _identity("/"),
        _privileges(),
        gradtop.trainer.__file__,
    ]


def _privileges() -> list[str]:
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if line.partition(":")[0] in PRIVILEGES]


def _files() -> Iterator[tuple[str, int, int, int]]:
    """Path, inode, size and time of what a changed gradtop or torch has changed."""
    yield from _sources(os.path.dirname(gradtop.trainer.__file__))  # noqa: PTH120 - two hundred files, looked at for every request
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        home = Path(spec.origin).parent
        # Whatever pip installs or removes changes the directory that holds the packages.
        for path in (home.parent, Path(spec.origin), *(home / name for name in LIBRARIES)):
            yield _state(path)


def _sources(folder: str) -> Iterator[tuple[str, int, int, int]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.endswith(".py"):
            state = entry.stat()
            yield entry.path, state.st_ino, state.st_size, state.st_mtime_ns
        elif entry.name != "__pycache__" and entry.is_dir():
            yield from _sources(entry.path)


def _state(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_ino, found.st_size, found.st_mtime_ns


def _identity(path: str) -> tuple[int, int]:
    try:
        found = Path(path).stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
