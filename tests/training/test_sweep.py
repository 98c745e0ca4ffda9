"""A sweep over all that can be declared: whatever is configured trains as it says, or says in a sentence why it cannot."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from gradtop.trainer.launch import create_run
from tests.training import check, drawn, hostile_files

# Nobody listens at the port of discard.
NOBODY = "http://127.0.0.1:9/"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        yield hostile_files.make(tmp_path_factory.mktemp("files"), patch, NOBODY)


# What torch warns of stands in the log of a worker, and ends no training there.
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.timeout(900)  # as long as --examples may take
def test_whatever_is_configured_trains_as_it_says_or_says_why_it_cannot(files: Path, request: pytest.FixtureRequest) -> None:
    @settings(max_examples=request.config.getoption("--examples"), suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def sweep(data: st.DataObject) -> None:
        config = data.draw(drawn.configs(files))
        folder = Path(mkdtemp(dir=files.parent))
        try:
            run = create_run(folder, config)
            status = check.outcome(run)
            event(status.state)
            assert not (said := check.fault(config, run, status)), said
        finally:
            for thread in threading.enumerate():
                if thread.name == "surroundings":  # what create_run() still writes
                    thread.join()
            shutil.rmtree(folder)

    sweep()
