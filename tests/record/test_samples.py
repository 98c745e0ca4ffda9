"""The texts of a language model in samples.jsonl."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import Run, RunReader, StreamWriter, new_run
from gradtop.trainer.record import samples as samples_module
from gradtop.trainer.record.samples import TextSample, append_sample, read_samples


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return new_run(tmp_path, "", {})


def sample(step: int, text: str = "text") -> TextSample:
    return TextSample(step=step, epoch=step // 10, time=1.0, loss=1.5, temperature=0.8, prompt="Al\n", text=text, wanted=200)


def test_what_was_generated_is_read_as_it_was(run: Run) -> None:
    reader = RunReader(run)
    assert reader.samples() == []
    found = [sample(10), sample(20, "ß\x1b[31m\n ")]
    for each in found:
        append_sample(run, each)
    assert reader.samples() == found == read_samples(run)
    assert reader.samples() is reader.samples()
    append_sample(run, sample(30))
    assert [each.step for each in reader.samples()] == [10, 20, 30]


def test_a_torn_line_and_lines_that_are_none_of_ours_are_passed_over(run: Run) -> None:
    append_sample(run, sample(10))
    with run.samples.open("ab") as file:
        file.write(b'[]\n{"step": 3}\n{"text": 3}\nnoise\n{"step": 20, "te')
    assert [each.step for each in read_samples(run)] == [10]
    append_sample(run, sample(20))
    assert [each.step for each in read_samples(run)] == [10, 20]


def test_what_is_generated_again_after_a_resume_replaces_what_was(run: Run) -> None:
    for step, text in ((10, "a"), (20, "b"), (30, "c"), (20, "again")):
        append_sample(run, sample(step, text))
    assert [(each.step, each.text) for each in read_samples(run)] == [(10, "a"), (20, "again")]


def test_the_file_is_bounded_and_the_oldest_and_the_newest_stay(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "LIMIT", 5000)
    for step in range(1, 500):
        append_sample(run, sample(step))
        assert run.samples.stat().st_size <= 5000
    steps = [each.step for each in read_samples(run)]
    assert steps[-1] == 499
    assert len(steps) > 10
    assert steps[0] < 250
    assert steps == sorted(steps)


def test_a_worker_hands_them_to_its_writer(run: Run) -> None:
    writer = StreamWriter(run)
    writer.sample(sample(10))
    assert writer.flush()
    assert read_samples(run) == [sample(10)]
    run.samples.unlink()
    run.samples.mkdir()  # whatever is wrong there
    writer.sample(sample(20))
    assert writer.close()
    assert writer.dropped == 1
