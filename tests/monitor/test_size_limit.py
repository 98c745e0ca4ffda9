from __future__ import annotations

from pathlib import Path

from gradtop.trainer.monitor.size_limit import SizeLimit, size_of_streams
from gradtop.trainer.record import new_run


def test_each_doubling_gets_half_of_the_room_that_is_left() -> None:
    size_limit = SizeLimit(1000)
    found = []
    for _ in range(1000):
        size_limit.wrote(1)
        found.append(size_limit.stretch)

    assert [found.index(stretch) + 1 for stretch in (2, 4, 8, 16)] == [500, 750, 875, 938]
    assert found[-1] >= 512


def test_the_first_doubling_is_told_once() -> None:
    size_limit = SizeLimit(1000)

    assert [size_limit.wrote(250) for _ in range(8)] == [False, True, False, False, False, False, False, False]


def test_a_stream_that_is_far_too_large_is_no_endless_loop() -> None:
    assert SizeLimit(1000, 10**15).stretch == 1 << 30


def test_what_a_run_has_written_is_the_size_of_its_streams(tmp_path: Path) -> None:
    run = new_run(tmp_path, "", {})
    assert size_of_streams(run) == 0
    (run.streams / "steps.0.bin").write_bytes(bytes(1234))
    (run.streams / "steps.0.roll").write_bytes(bytes(66))

    assert size_of_streams(run) == 1300
    run.streams.rename(run.path / "gone")
    assert size_of_streams(run) == 0
