from __future__ import annotations

import pytest

from gradtop.trainer.record import Run
from tests.tasks.support import task_run
from tests.training.runs import trained


@pytest.fixture(scope="session")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = task_run(tmp_path_factory.mktemp("regression"), 'kind = "regression"', "slope", epochs=30)
    trained(run)
    return run


@pytest.fixture(scope="session")
def segmentation(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = task_run(tmp_path_factory.mktemp("segmentation"), 'kind = "segmentation"', "masks", epochs=12)
    trained(run)
    return run
