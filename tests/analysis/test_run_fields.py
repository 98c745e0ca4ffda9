from __future__ import annotations

import pytest

from gradtop.trainer.analysis.run_fields import data_of


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"kind": "digits"}, "digits"),
        ({"kind": "digits", "test": 0, "sampler": "shuffle"}, "digits"),
        ({"kind": "digits", "test": 0.1, "sampler": "balanced"}, "digits test=0.1"),
        ({"kind": "custom", "target": "shapes:discs", "arguments": {}, "workers": 2, "prefetch": 8}, "custom shapes:discs"),
        ({"kind": "image_folder", "root": "cells", "mask_values": [], "black": 0.0, "validation": 0.1}, "image_folder cells validation=0.1"),
        ({"kind": "cifar10", "root": "/data", "validation": 0.0}, "cifar10"),
        ({}, None),
        ("digits", None),
    ],
)
def test_results_compare_where_the_data_are_the_same_however_they_are_loaded_and_drawn(table: object, text: str | None) -> None:
    assert data_of(table) == text
