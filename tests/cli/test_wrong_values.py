"""A wrong value for any declared field, typed behind `train`: a sentence with its key, exit code 2, and no run."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.config import SectionSpec, sections
from tests.cli.conftest import Gradtop

WRONG = {
    "bool": ("perhaps", "1"),
    "choice": ("no_such", "3", "true"),
    "int": ("many", "1.5", "-1", "true", "1e99"),
    "float": ("much", "nan", "inf", "-1", "1e300", "true"),
    "ints": ("some", "1, two", "-1", "1.5"),
    "floats": ("1, two", "0.5", "0.5, 2", "nan, nan"),
    "text": ("a\x1b[31mb", "a\nb"),
    "texts": ("a\x1b[31mb", "[1, 2]"),
    "table": ("3", "{1 = 2}", "{not-a-keyword = 3}"),
}

# What is right for some of them: weights of so many labels as the data have, which are not there.
RIGHT = {("multi_label", "pos_weight"): {"0.5", "0.5, 2"}, ("segmentation", "class_weights"): {"0.5", "0.5, 2"}}


@pytest.mark.parametrize("part", sections(), ids=lambda part: part.name)
def test_a_wrong_value_of_any_field_is_one_sentence_and_no_run(gradtop: Gradtop, tmp_path: Path, part: SectionSpec) -> None:
    config = tmp_path / "my.toml"
    config.write_text("")
    for kind, spec in [(kind, spec) for kind, specs in part.fields.items() for spec in specs]:
        allowed = {"-1"} if (spec.type == "float" and not spec.bounds) or spec.bounds.startswith("≥ -") else RIGHT.get((kind, spec.name), set())
        for wrong in [value for value in WRONG[spec.type] if value not in allowed]:
            said = gradtop("train", str(config), *([f"{part.name}.kind={kind}"] if kind and spec.name != "kind" else []), f"{spec.key}={wrong}")
            assert (said.code, said.out) == (2, ""), (spec.key, wrong)
            lines = said.err.splitlines()
            assert all(line.startswith("gradtop: ") and line.isprintable() for line in lines)
            assert [line for line in lines if line.startswith(f"gradtop: {spec.key}: must ")], (spec.key, wrong, lines)
    assert sorted(tmp_path.iterdir()) == [config]
