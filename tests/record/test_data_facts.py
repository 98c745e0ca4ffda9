from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtop.trainer.record.data_facts import FACTS, DataFacts, read_data_facts
from tests.record.support import make_run


def test_facts_about_the_data_are_read_as_they_were_written(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    facts = DataFacts(class_counts=(5, 0, 3), counted=8, sampled=True, input_mean=-3.5, input_std=2.0, constant_loss=0.66)
    run.data.write_text(json.dumps({"data": {"classes": 3}, FACTS: facts.record()}))
    assert read_data_facts(run) == facts


@pytest.mark.parametrize("text", ["", "[]", '{"facts": 3}', '{"data": {}}', '{"facts": {"class_counts": "many", "counted": -1, "input_mean": [2]}}'])
def test_what_is_missing_or_broken_is_unknown(tmp_path: Path, text: str) -> None:
    run = make_run(tmp_path)
    assert read_data_facts(run) == DataFacts()
    run.data.write_text(text)
    assert read_data_facts(run) == DataFacts()
