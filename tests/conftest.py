"""Rules for the whole suite: a quiet environment, seeded examples, and in CI no skips but for want of a GPU."""

from __future__ import annotations

import gc
import getpass
import itertools
import os
import re
import signal
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.process.support import Zygote
from tests.servers import ready_server, server_pids, servers_below

CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
# The models of tests are tiny, and every core has a test of its own: a thread more would only wait for the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# PyTorch sets this when it first takes an optimizer's step, and a torch server belongs to one environment: set later, each process of
# pytest would start a second server, which imports PyTorch by itself. The value is PyTorch's own.
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"torchinductor_{getpass.getuser()}"))
# Whatever a shell starts in the background ignores interrupts, and with it every command that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How many objects come between two looks for garbage, and how many looks between two that look further.
THRESHOLDS = (10_000, 20, 20)

# The same examples on every machine; slow shared cores are no failure.
hypothesis.settings.register_profile(
    "gradtop", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("gradtop")


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: tests of processes, terminals and screens wait for half of their time."""
    return len(os.sched_getaffinity(0)) + 2


@pytest.fixture(scope="session")
def shared_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where torch servers listen: the tests of one process share them, and they end with it."""
    with servers_below(tmp_path_factory.mktemp("runtime")) as runtime:
        yield runtime


@pytest.fixture
def own_servers(quiet_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Torch servers of this test alone, below this directory."""
    with servers_below(tmp_path / "runtime") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        yield runtime


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """What forks workers and servers: one process for all processes of pytest."""
    folder = tmp_path_factory.getbasetemp()
    zygote = Zygote(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)
    yield zygote
    zygote.close()


@pytest.fixture
def running_server(quiet_environment: None, zygote: Zygote) -> int:
    """The process of the server that tests share, ready. It is started without a second import of PyTorch; those of `own_servers` are not."""
    if not server_pids(Path(os.environ["XDG_RUNTIME_DIR"])):
        zygote.start_server()
    return ready_server()


@pytest.fixture(scope="session")
def states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Directories for the settings of one test each, which do not exist; `mktemp` would look through those of all tests before."""
    folder = tmp_path_factory.mktemp("states")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """One for each directory of a test."""
    return itertools.count()


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, numbers: Iterator[int]) -> Path:
    """In place of pytest's, which looks through the directories of all tests before to find a name: milliseconds, once there are a thousand."""
    name = re.sub(r"\W", "_", request.node.name)[:28]
    path = tmp_path_factory.getbasetemp() / f"{name}_{next(numbers)}"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is found out about files is kept for the tests of one process, and not among what the user has kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, states: Iterator[Path], shared_servers: Path) -> None:
    """Nothing of the user's settings reaches a test, and no test writes into the user's home or asks the user's torch server."""
    for name in ("GRADTOP_RUNS", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(next(states)))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(shared_servers))


class NoSkips:
    """In CI everything that a machine can have is installed, so a skip that no GPU explains is a fault."""

    def __init__(self) -> None:
        self.unexplained: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and "gpu" not in report.keywords and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            self.unexplained.append(f"{report.nodeid}: {reason}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            self.unexplained.append(f"{report.nodeid}: {reason}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.unexplained and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.unexplained:
            terminalreporter.section("skipped in CI, where nothing may skip but what needs a GPU", red=True)
            for line in self.unexplained:
                terminalreporter.line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gradtop", "thoroughness: the defaults fit into minutes")
    group.addoption("--kills", type=int, default=16, help="how often a training worker is killed (tests/process/test_kill.py)")
    group.addoption("--checkpoint-kills", type=int, default=20, help="how often one is killed at a file operation of its checkpoints (tests/process/test_checkpoint_kill.py)")
    group.addoption("--mutations", type=int, default=220, help="changes in the files of a run that is then read (tests/fuzz/test_readers.py)")
    group.addoption("--examples", type=int, default=18, help="configurations drawn and trained (tests/training/test_sweep.py)")
    group.addoption("--all-pairs", action="store_true", help="every optimizer with every schedule, instead of each with one (tests/training/test_resume_kinds.py)")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays, a million objects: no collection of garbage looks through them, then or later.

    What tests make goes by itself, nearly all of it, and looks after every 700 objects take a twentieth of the time of all tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    if CI:
        config.pluginmanager.register(NoSkips(), "no-skips")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not has_gpu():
        pytest.skip("needs a GPU")


def has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
