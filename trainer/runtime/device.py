"""The device of a run and its supported precisions."""

from __future__ import annotations

import torch

from gradtop.trainer.runtime.errors import UserError


def choose_device(name: str) -> torch.device:
    """`auto` is the first available accelerator. Raises UserError for an unavailable device."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")
    if name.startswith("cuda"):
        return _cuda(name)
    if name == "mps" and not torch.backends.mps.is_available():
        raise UserError("training.device is mps, but MPS is not available; use auto or cpu")
    if name not in ("cpu", "mps"):
        raise UserError(f"training.device {name!r} is unknown; use auto, cpu, cuda, cuda:n or mps")
    return torch.device(name)


def _cuda(name: str) -> torch.device:
    if not torch.cuda.is_available():
        built = "no CUDA device is available" if torch.version.cuda else "this build of torch has no CUDA support"
        raise UserError(f"training.device is {name}, but {built}; use auto or cpu")
    number = name.removeprefix("cuda").removeprefix(":") or "0"
    if not number.isdigit() or int(number) >= torch.cuda.device_count():
        last = torch.cuda.device_count() - 1
        raise UserError(f"training.device is {name}, but the available devices are cuda:0 to cuda:{last}; use one of them")
    return torch.device("cuda", int(number))


def check_precision(precision: str, device: torch.device) -> None:
    """Raises UserError if the device does not support the precision."""
    if precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise UserError(f"training.precision is bf16, which {torch.cuda.get_device_name(device)} does not support; use fp32")


# What allocators on the CPU say: torch's, C++'s, and the system's, of a fork for example.
_NO_MEMORY = ("can't allocate memory", "std::bad_alloc", "Cannot allocate memory", "Caught MemoryError in")


def out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(fragment in str(error) for fragment in _NO_MEMORY)


def explain_out_of_memory(device: str, batch_size: int, key: str = "training.batch_size") -> str:
    smaller = f"try {key}={batch_size // 2}" if batch_size > 1 else "use a smaller model"
    return f"out of memory on {device} with a batch size of {batch_size}; {smaller}"
