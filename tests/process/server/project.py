"""A project of a user's: its model tells of the process that builds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gradtop.trainer.launch.custom_code import code_of, remember

CNN = """
[model]
kind = "cnn"
channels = [4, 8]
dropout = 0.2

[data]
kind = "fake"
samples = 100
classes = 3
image_size = 6
channels = 1

[training]
epochs = {epochs}
batch_size = 16
clip = 0.5
device = "cpu"
seed = 7
"""

# A model of the user's, which writes down what the process is that builds it.
WITNESS = """
import json, os, resource, signal, sys
import torch

def facts():
    return {
        "pid": os.getpid(), "session": os.getsid(0), "cwd": os.getcwd(), "color": os.environ.get("COLOR"), "umask": os.umask(0o077),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0], "threads": torch.get_num_threads(), "openblas": os.environ.get("OPENBLAS_NUM_THREADS"),
        "ignored": [int(n) for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN],
        "blocked": [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler, "argv": sys.argv,
        "open": {fd: link(fd) for fd in os.listdir("/proc/self/fd")}, "zone": __import__("time").strftime("%Z"),
    }

def link(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""

def build(how="tell", path="facts.json"):
    if how == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "exit":
        raise SystemExit(3)
    if how == "noisy":
        print("{\\"total\\": 0}", "λ \\udcff", file=sys.stderr)
        print("λ", "x" * 200, "\\udcff\\n" * 20000, flush=True)
        os.write(1, b"\\xff from C\\n" * 20000)
        os.system("echo from a child; printf '\\\\377' >&2")
    with open(path, "w") as file:
        json.dump(facts(), file)
    return torch.nn.Linear(2, 3)
"""



def tables(target: str = "witness:build", **arguments: str) -> dict[str, Any]:
    """Of a model that this user has trained before: of another one nothing is answered."""
    model = {"kind": "custom", "target": target, "arguments": arguments}
    data = {"kind": "fake", "classes": 3, "image_size": 4, "channels": 1}
    remember(code_of({"model": model}))
    return {"model": model, "data": data}


def facts(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "facts.json").read_text())
    return found
