"""doctor: what is wrong is found, said in words that name the cure, and counted in the exit code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gradtop.tui.cli import checks
from tests.cli.conftest import Gradtop
from tests.tui.runs_fixture import fake_run

TORCH = {"version": "2.14.1+cu130", "cuda": "13.0", "threads": 2, "devices": []}
FITS = {"torch": TORCH, "torchvision": {"version": "0.29.1"}}
Probe = Callable[[dict[str, Any]], None]


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Probe:
    """Sets what the process that imports PyTorch is said to have found; all is well unless it is called."""

    def says(about: dict[str, Any]) -> None:
        monkeypatch.setattr(checks, "probe", lambda: about)

    says(FITS)
    return says


def findings(gradtop: Gradtop, *arguments: str) -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in json.loads(gradtop("doctor", "--json", *arguments).out)}


def test_a_sound_machine_has_nothing_in_the_way(gradtop: Gradtop, probe: Probe) -> None:
    said = gradtop("doctor")
    assert (said.code, said.err) == (0, "")
    assert "✓ torch        2.14.1+cu130, 2 threads\n✓ torchvision  0.29.1\n" in said.out
    assert said.out.endswith("\nNo problems found.\n")
    assert [row["state"] for row in findings(gradtop).values()].count("problem") == 0
    assert set(findings(gradtop)["torch"]) == {"schema", "name", "state", "found", "todo"}


def test_the_torch_server_is_looked_for_and_a_directory_that_others_may_write_is_told(gradtop: Gradtop, probe: Probe, own_servers: Path) -> None:
    assert findings(gradtop)["server"]["found"].startswith("not running")
    (own_servers / "gradtop").mkdir()
    (own_servers / "gradtop").chmod(0o755)
    found = findings(gradtop)["server"]
    assert (found["state"], "mode 0755" in found["todo"]) == ("note", True)


def test_a_torch_server_that_runs_is_found(gradtop: Gradtop, probe: Probe, running_server: int) -> None:
    assert findings(gradtop)["server"]["found"] == f"process {running_server}, ready to fork workers"


def test_a_torchvision_of_another_build_is_said_with_what_to_install(gradtop: Gradtop, probe: Probe) -> None:
    error = "RuntimeError: operator torchvision::nms does not exist"
    probe({"torch": {**TORCH, "version": "2.14.1+cpu"}, "torchvision": {"error": error, "installed": "0.29.1+cu130"}})
    said = gradtop("doctor")
    assert said.code == 1
    assert "✕ torchvision  torchvision 0.29.1+cu130 is incompatible with torch 2.14.1+cpu (RuntimeError: operator torchvision::nms" in said.out
    assert "→ install both from one index: pip install --force-reinstall torch torchvision\n" in said.out
    assert said.out.endswith("1 problem: see → above for the fix.\n")


def test_torch_and_torchvision_that_are_missing_or_broken_are_said(gradtop: Gradtop, probe: Probe) -> None:
    probe({"torch": {"error": "ModuleNotFoundError: No module named 'torch'"}, "torchvision": {"error": "the same"}})
    assert (findings(gradtop)["torch"]["found"], findings(gradtop)["torch"]["todo"]) == ("not installed", "pip install torch torchvision")
    probe({"torch": {"error": "ImportError: libcudart.so.13: cannot open shared object file"}, "torchvision": {}})
    assert findings(gradtop)["torch"]["todo"] == "pip install --force-reinstall torch torchvision"
    probe({"error": "importing torch crashed: Illegal instruction"})
    assert findings(gradtop)["torch"]["found"] == "importing torch crashed: Illegal instruction"
    probe({"torch": TORCH, "torchvision": {"error": "ModuleNotFoundError: No module named 'torchvision'", "installed": ""}})
    assert findings(gradtop)["torchvision"]["todo"] == "pip install torchvision"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("print('noise'); print('{\"torch\": 1}')", {"torch": 1}),
        ("import sys; print('oops', file=sys.stderr); sys.exit(3)", {"error": "importing torch crashed: oops"}),
        ("import os; os.abort()", {"error": "importing torch crashed: exit code -6"}),
        ("import threading; threading.Event().wait()", {"error": "importing torch timed out after 1 s"}),
    ],
)
def test_a_probe_that_talks_dies_or_hangs_is_a_finding(monkeypatch: pytest.MonkeyPatch, code: str, found: object) -> None:
    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda _command, **options: real([sys.executable, "-c", code], **options))
    monkeypatch.setattr(checks, "PROBE_TIMEOUT", 1.0 if "threading" in code else 60.0)
    assert checks.probe() == found


def test_a_card_that_this_torch_cannot_use_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import pynvml

    card, unknown = SimpleNamespace(free=60 * 2**30, total=80 * 2**30), pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    for name, value in (
        ("nvmlInit", None), ("nvmlShutdown", None), ("nvmlSystemGetDriverVersion", "570.1"), ("nvmlDeviceGetCount", 1),
        ("nvmlDeviceGetHandleByIndex", 0), ("nvmlDeviceGetMemoryInfo", card), ("nvmlDeviceGetName", "NVIDIA H100"),
        ("nvmlDeviceGetUtilizationRates", SimpleNamespace(gpu=93)), ("nvmlDeviceGetComputeRunningProcesses", [1]), ("nvmlDeviceGetPowerUsage", 650_000),
        ("nvmlDeviceGetEnforcedPowerLimit", 700_000), ("nvmlDeviceGetCurrentClocksEventReasons", 0x4),
    ):  # fmt: skip
        monkeypatch.setattr(pynvml, name, lambda *_arguments, value=value: value)

    def fails(*_arguments: object) -> None:
        raise unknown

    monkeypatch.setattr(pynvml, "nvmlDeviceGetTemperature", fails)
    good, bad = checks.graphics_cards({**TORCH, "cuda": None})
    assert good.found == "NVIDIA H100, 60.0 GiB free of 80.0 GiB, 93 % in use, 1 process, 650 of 700 W, throttled: power cap, driver 570.1"
    assert bad.found == "torch 2.14.1+cu130 is built without CUDA and does not find the GPU; training runs on the CPU"
    assert len(list(checks.graphics_cards({**TORCH, "devices": [{}]}))) == 1
    assert len(list(checks.graphics_cards({"error": "broken"}))) == 1


def test_a_crowded_host_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    cpu, memory = checks.host(load=lambda: (0.5, 0.0, 0.0))
    assert (cpu.state, cpu.found) == ("fine", "4 cores, load 0.5 over the last minute")
    assert " available of " in memory.found
    assert next(iter(checks.host(load=lambda: (9.0, 0.0, 0.0)))).state == "note"
    assert checks.allocator({"PYTORCH_ALLOC_CONF": "expandable_segments:True"}) == "PYTORCH_ALLOC_CONF=expandable_segments:True"


def test_the_runs_are_counted_and_a_place_that_cannot_hold_them_is_a_problem(gradtop: Gradtop, probe: Probe, tmp_path: Path) -> None:
    assert findings(gradtop)["runs"]["found"] == f"{tmp_path}/runs (created by the first run)"
    fake_run(tmp_path / "runs", "quiet-heron", state="done", steps=1)
    assert findings(gradtop)["runs"]["found"] == f"{tmp_path}/runs: 1 run, 0 live"
    (tmp_path / "file").write_text("")
    assert findings(gradtop, "--runs", "file")["runs"]["state"] == "problem"
    assert gradtop("doctor", "--runs", "file").code == 1


def test_little_room_on_the_disk_is_said(gradtop: Gradtop, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, state in ((2**40, "fine"), (2**30, "note"), (2**20, "problem")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _place, free=free: SimpleNamespace(free=free))
        assert findings(gradtop)["disk"]["state"] == state


def test_without_pyarrow_only_parquet_is_missing(gradtop: Gradtop, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "pyarrow" else real(name, *more))
    found = findings(gradtop)["export"]
    assert (found["state"], found["found"]) == ("note", "CSV and TensorBoard work; Parquet needs pyarrow")
    assert found["todo"] == "pip install 'gradtop[export]'"
