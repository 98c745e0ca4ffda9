"""`python -P -m gradtop.trainer.runtime.environment`: what this machine's PyTorch can do, as one line of JSON, for `gradtop doctor`."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys


def about_torch() -> dict[str, object]:
    """Version and devices; {"error": …} where torch cannot be imported."""
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    devices = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(index)
            devices.append({"device": f"cuda:{index}", "name": card.name, "memory": card.total_memory})
    if torch.backends.mps.is_available():
        devices.append({"device": "mps", "name": "Apple GPU", "memory": 0})
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "devices": devices,
    }


def about_torchvision() -> dict[str, object]:
    """Version; {"error": …} where torchvision cannot be imported beside this torch."""
    try:
        torchvision = importlib.import_module("torchvision")
        importlib.import_module("torchvision.models")
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return {"error": f"{type(error).__name__}: {error}", "installed": installed("torchvision")}
    return {"version": torchvision.__version__}


def installed(distribution: str) -> str:
    """The version that pip installed, "" where it did not."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def main() -> int:
    print(json.dumps({"torch": about_torch(), "torchvision": about_torchvision()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
