"""Values of a run's files, bounded where they are read."""

from __future__ import annotations

import pytest

from gradtop.trainer.record.bounds import sizes_of


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ([3, 4], (3, 4)), ([], ()), (None, ()), ("3×4", ()), ([3, -4, True, 2.5, "x"], (3, 0, 0, 0, 0)), ([1] * 65, ()),
        ([2**53], (2**53,)), ([2**53, 2], ()), ([2**52] * 60, ()), ([10**400], (0,)),
    ],
)  # fmt: skip
def test_a_shape_has_no_more_values_than_can_be_counted(shape: object, sizes: tuple[int, ...]) -> None:
    assert sizes_of(shape) == sizes
