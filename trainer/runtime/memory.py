"""How often the kernel has killed a process because memory ran out."""

from __future__ import annotations

from pathlib import Path


def oom_kills(root: Path = Path("/")) -> int | None:
    """In the control group of this process (cgroup v2 or v1), else on the whole machine; None where the kernel does not count."""
    for place in _places(root):
        try:
            words = place.read_text(encoding="ascii").split()
        except (OSError, ValueError):
            continue
        if "oom_kill" in words:
            return int(words[words.index("oom_kill") + 1])
    return None


def _places(root: Path) -> list[Path]:
    mount = root / "sys/fs/cgroup"
    found = []
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        lines = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        # In a container, its own group may be what is mounted.
        for path in (group.lstrip("/"), ""):
            if not controllers:
                found.append(mount / path / "memory.events")
            elif "memory" in controllers.split(","):
                found.append(mount / "memory" / path / "memory.oom_control")
    return [*found, root / "proc/vmstat"]
