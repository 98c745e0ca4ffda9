"""The checks of `gradtop doctor`. PyTorch is imported in another process, so that a broken installation is a finding."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON = (3, 11)
PROBE_TIMEOUT = 180.0
LITTLE_DISK = 2 * 2**30
LITTLE_MEMORY = 2**30
CROWDED = 1.5  # processes that want to run, for each core
CUDA = "nvidia-smi shows the CUDA version of the driver; https://pytorch.org/get-started has a matching torch"
PAIR = "pip install --force-reinstall torch torchvision"

Check = Callable[[], Iterable["CheckResult"]]


@dataclass(frozen=True)
class CheckResult:
    """One line of the report; `state` is fine, note or problem (prevents training)."""

    name: str
    state: str
    found: str
    todo: str = ""


def all_checks(runs: Path) -> list[Check]:
    """The quick ones first."""
    return [python, terminal, locale, keymap, host, lambda: disk(runs), lambda: runs_folder(runs), optional, torch_server, pytorch]


def python() -> Iterator[CheckResult]:
    from gradtop.trainer import __version__

    yield CheckResult("gradtop", "fine", __version__)
    found = f"{sys.version.split()[0]} at {sys.executable}"
    if sys.version_info >= PYTHON:
        yield CheckResult("Python", "fine", found)
    else:
        yield CheckResult("Python", "problem", found, "install Python 3.11 or newer and recreate the virtual environment")


def torch_server() -> Iterator[CheckResult]:
    from gradtop.trainer.launch.server import connect
    from gradtop.trainer.launch.server_address import server_directory

    try:
        connection = connect()
    except OSError as error:
        # Runs start all the same, but each imports PyTorch.
        yield CheckResult("server", "note", "every worker imports PyTorch itself", str(error))
        return
    if connection is None:
        yield CheckResult("server", "fine", f"not running (the first run starts it); it will listen in {server_directory()}")
        return
    with connection:
        state = "imports PyTorch" if connection.importing else "ready to fork workers"
        yield CheckResult("server", "fine", f"process {connection.pid}, {state}")


def pytorch() -> Iterator[CheckResult]:
    """torch, torchvision, and what they train on."""
    about = probe()
    torch, vision = about.get("torch", about), about.get("torchvision", {})
    if "error" in torch:
        missing = "No module named 'torch'" in torch["error"]
        yield CheckResult("torch", "problem", "not installed" if missing else torch["error"], "pip install torch torchvision" if missing else PAIR)
    else:
        yield CheckResult("torch", "fine", f"{torch['version']}, {torch['threads']} threads")
        yield torchvision(torch, vision)
        for card in torch["devices"]:
            yield CheckResult(card["device"], "fine", f"{card['name']}, {gibibytes(card['memory'])}" if card["memory"] else card["name"])
    yield from graphics_cards(torch)
    if torch.get("devices"):
        yield CheckResult("allocator", "fine", allocator(os.environ))


def torchvision(torch: dict[str, Any], vision: dict[str, Any]) -> CheckResult:
    if "error" not in vision:
        return CheckResult("torchvision", "fine", vision["version"])
    if not vision.get("installed"):
        return CheckResult(
            "torchvision", "problem", f"{vision['error']}; only the digits and gradtop's own models work without it", "pip install torchvision"
        )
    found = (
        f"torchvision {vision['installed']} is incompatible with torch {torch['version']} ({vision['error']}): "
        "different builds; only the digits and gradtop's own models work"
    )
    return CheckResult("torchvision", "problem", found, f"install both from one index: {PAIR}")


def probe() -> dict[str, Any]:
    """torch, torchvision and devices as another process of this Python sees them; {"error": …} if that fails."""
    command = [sys.executable, "-P", "-W", "ignore", "-m", "gradtop.trainer.runtime.environment"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_TIMEOUT, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return {"error": f"importing torch timed out after {PROBE_TIMEOUT:.0f} s"}
    except OSError as error:
        return {"error": f"cannot start a process to import torch: {error.strerror}"}
    try:
        about: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"error": f"importing torch crashed: {last}"}
    return about


def graphics_cards(torch: Mapping[str, Any]) -> Iterator[CheckResult]:
    """GPUs of the NVIDIA driver, whether or not PyTorch finds them."""
    try:
        import pynvml
    except ImportError:
        yield CheckResult("gpu", "note", "nvidia-ml-py is not installed; GPU utilization, memory and power are not recorded", "pip install nvidia-ml-py")
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield CheckResult("gpu", "note", "no NVIDIA driver; training runs on the CPU")
        return
    try:
        driver = pynvml.nvmlSystemGetDriverVersion()
        cards = pynvml.nvmlDeviceGetCount()
        for index in range(cards):
            card = pynvml.nvmlDeviceGetHandleByIndex(index)
            memory = pynvml.nvmlDeviceGetMemoryInfo(card)
            free = f"{gibibytes(memory.free)} free of {gibibytes(memory.total)}"
            yield CheckResult(f"gpu {index}", "fine", ", ".join((pynvml.nvmlDeviceGetName(card), free, *use_of(card), f"driver {driver}")))
        if cards and "version" in torch and not torch["devices"]:
            built = f"is built for CUDA {torch['cuda']}" if torch["cuda"] else "is built without CUDA"
            yield CheckResult("gpu", "note", f"torch {torch['version']} {built} and does not find the GPU; training runs on the CPU", CUDA)
    except pynvml.NVMLError as error:
        yield CheckResult("gpu", "note", f"NVIDIA driver error: {error}", "run nvidia-smi for details")
    finally:
        pynvml.nvmlShutdown()


def terminal() -> Iterator[CheckResult]:
    from gradtop.tui.cli.output import environment
    from gradtop.tui.terminal import capabilities

    name, able = os.environ.get("TERM", ""), capabilities(environment(), sys.stdout)
    if not able.tty:
        yield CheckResult("terminal", "note", "standard output is not a terminal: the screen is not available, all other commands are")
        return
    size = shutil.get_terminal_size()
    found = f"{name or 'TERM is not set'}, {size.columns}×{size.lines}, {colours(able.colours)}"
    if able.dumb:
        yield CheckResult("terminal", "note", found, "the screen is not available: export TERM=xterm-256color")
    elif size.columns < 80 or size.lines < 24:
        yield CheckResult("terminal", "note", found, "use at least 80×24, better 120×40")
    else:
        yield CheckResult("terminal", "fine", found)
    if os.environ.get("TMUX") and name.startswith("screen"):
        yield CheckResult("tmux", "note", f"TERM={name} inside tmux", "set -g default-terminal tmux-256color in ~/.tmux.conf")


def colours(count: int) -> str:
    if not count:
        return "no colors (NO_COLOR)" if os.environ.get("NO_COLOR") else "no colors"
    return "16 million colors" if count > 256 else f"{count} colors"


def locale() -> Iterator[CheckResult]:
    from gradtop.tui.cli.output import unicode_wanted

    name = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or "not set"
    if unicode_wanted(sys.stdout):
        yield CheckResult("locale", "fine", f"{name}: charts are drawn in braille")
    else:
        yield CheckResult("locale", "note", f"{name}: not UTF-8, so charts are drawn in ASCII", "export LC_ALL=C.UTF-8")


def keymap() -> Iterator[CheckResult]:
    """The user's own keys, where there is a file of them."""
    from gradtop.tui.keymap import DEFAULT, keymap_file, load_keymap

    file = keymap_file(os.environ)
    found = load_keymap(file)
    for problem in found.problems:
        yield CheckResult("keys", "note", f"{problem}; the default keys are used", "gradtop help keys lists the ids")
    if found is not DEFAULT and not found.problems:
        yield CheckResult("keys", "fine", f"{len(found.overrides)} remapped in {file}")


def allocator(env: Mapping[str, str]) -> str:
    """How PyTorch takes memory of a GPU; 9 System shows what it has."""
    name = next((each for each in ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF") if env.get(each)), "")
    return f"{name}={env[name]}" if name else "PyTorch's caching allocator with its default settings (PYTORCH_ALLOC_CONF is not set)"


def use_of(card: Any) -> Iterator[str]:
    """What NVML tells of a GPU now; what it does not tell is left out."""
    import pynvml

    from gradtop.tui.screens.system.host import throttled

    with contextlib.suppress(pynvml.NVMLError):
        yield f"{pynvml.nvmlDeviceGetUtilizationRates(card).gpu} % in use"
    with contextlib.suppress(pynvml.NVMLError):
        running = len(pynvml.nvmlDeviceGetComputeRunningProcesses(card))
        yield f"{running} process{'es' * (running != 1)}"
    with contextlib.suppress(pynvml.NVMLError):
        yield f"{pynvml.nvmlDeviceGetPowerUsage(card) / 1000:.0f} of {pynvml.nvmlDeviceGetEnforcedPowerLimit(card) / 1000:.0f} W"
    with contextlib.suppress(pynvml.NVMLError):
        yield f"{pynvml.nvmlDeviceGetTemperature(card, pynvml.NVML_TEMPERATURE_GPU)} °C"
    with contextlib.suppress(pynvml.NVMLError):
        if reasons := throttled(pynvml.nvmlDeviceGetCurrentClocksEventReasons(card)):
            yield f"throttled: {', '.join(reasons)}"


def host(*, load: Callable[[], tuple[float, float, float]] = os.getloadavg) -> Iterator[CheckResult]:
    """Processor and memory, and what others take of them now."""
    import psutil

    cores, busy = os.cpu_count() or 1, load()[0]
    words = f"{cores} core{'s' * (cores > 1)}, load {busy:.1f} over the last minute"
    if busy > CROWDED * cores:
        yield CheckResult("cpu", "note", words, "other processes slow a training down: top shows which")
    else:
        yield CheckResult("cpu", "fine", words)
    there = psutil.virtual_memory()
    found = f"{gibibytes(there.available)} available of {gibibytes(there.total)}"
    if there.available < LITTLE_MEMORY:
        yield CheckResult("memory", "note", found, "a training may be killed for want of memory: top shows who has it")
    else:
        yield CheckResult("memory", "fine", found)


def disk(runs: Path) -> Iterator[CheckResult]:
    place = nearest(runs)
    free = shutil.disk_usage(place).free
    found = f"{gibibytes(free)} free at {place}"
    if free < LITTLE_DISK:
        state = "problem" if free < LITTLE_DISK / 16 else "note"
        yield CheckResult("disk", state, found, "free some space, or set GRADTOP_RUNS to a larger disk")
    else:
        yield CheckResult("disk", "fine", found)


def runs_folder(runs: Path) -> Iterator[CheckResult]:
    place = nearest(runs)
    if not place.is_dir():
        yield CheckResult("runs", "problem", f"{place} is not a directory", "choose another with --runs or GRADTOP_RUNS")
    elif not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        yield CheckResult("runs", "problem", f"{place} is not writable", "choose a writable directory with --runs or GRADTOP_RUNS")
    elif place != runs:
        yield CheckResult("runs", "fine", f"{runs} (created by the first run)")
    else:
        from gradtop.trainer.record import derive_state, list_runs, read_status

        found = list_runs(runs)
        living = sum(derive_state(read_status(run), now=time.time()).is_alive for run in found)
        yield CheckResult("runs", "fine", f"{runs}: {len(found)} run{'s' * (len(found) != 1)}, {living} live")


def nearest(path: Path) -> Path:
    """The path, or its first parent that exists."""
    return next(folder for folder in (path, *path.parents) if os.path.lexists(folder) or folder == folder.parent)


def optional() -> Iterator[CheckResult]:
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        yield CheckResult("export", "note", "CSV and TensorBoard work; Parquet needs pyarrow", "pip install 'gradtop[export]'")
    else:
        yield CheckResult("export", "fine", "CSV, Parquet and TensorBoard")


def gibibytes(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"
