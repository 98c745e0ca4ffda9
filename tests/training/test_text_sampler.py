"""The text that a language model writes at the end of an epoch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.models.generation import generate
from gradtop.trainer.models.kinds.language_model.network import CharacterModel
from gradtop.trainer.record import Run, RunReader, new_run, read_status
from gradtop.trainer.record.samples import read_samples
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training import text_sampler
from gradtop.trainer.training.session import Session
from gradtop.tui.cli.main import main
from gradtop.tui.reading.chart_view import ChartView
from gradtop.tui.reading.snapshot import NO_RUN
from gradtop.tui.screens.overview.data import read_overview
from tests.training.live_changes import train_with
from tests.training.runs import SignalAtLook, check_alike, differences, events, finished, rows, trained
from tests.training.text_configs import text_config

TEXT = "the cat sat on the mat\nand the dog sat on the log\n" * 12


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Run]:
    """Makes a run with such a section [sample]; no machine is too slow for its texts."""
    monkeypatch.setattr(text_sampler, "LEAST", 60.0)
    monkeypatch.setattr(text_sampler, "MOST", 60.0)
    file = tmp_path / "text.txt"
    file.write_text(TEXT)
    return lambda sample: new_run(tmp_path / "runs", text_config(file, sample=sample, epochs=3, training="ema = 0.5"), {})


def test_each_epoch_leaves_a_sample_that_continues_the_prompt_and_training_is_as_without_it(written: Callable[[str], Run]) -> None:
    with_samples = written('prompt = "the dog"\nlength = 24')
    without = written("every = 0")
    session = trained(with_samples)
    assert work(without) == 0
    found = read_samples(with_samples)
    assert [(each.epoch, each.step) for each in found] == [(epoch, epoch * session.per_epoch) for epoch in (1, 2, 3)]
    assert {(each.prompt, len(each.text), each.wanted, each.temperature) for each in found} == {("the dog", 24, 24, 0.8)}
    assert [each.loss for each in found] == [event["val_loss"] for event in events(with_samples, "epoch")]
    assert {*"".join(each.text for each in found)} <= {*TEXT}
    assert len({each.text for each in found}) == 3
    assert not without.samples.exists()
    state, other = finished(with_samples), finished(without)
    for each in (state, other):
        del each["config"]  # in which the section differs
    assert not (apart := differences(state, other)), apart


def test_a_run_that_is_stopped_while_it_writes_is_resumed_to_the_bit(written: Callable[[str], Run]) -> None:
    whole, parted = written("length = 12"), written("length = 12")
    session = trained(whole)
    assert work(parted, signals=SignalAtLook(session.per_epoch + 4)) == 0
    assert (read_status(parted).state, read_status(parted).step) == ("stopped", session.per_epoch)
    assert not read_samples(parted)
    assert work(parted, resume=True) == 0
    check_alike(whole, parted)
    # The sample in which it was stopped is lost; where waiting for a checkpoint took the looks, it had not begun.
    texts, all_texts = ([each.text for each in read_samples(run)] for run in (parted, whole))
    assert len(texts) >= len(all_texts) - 1
    assert texts == all_texts[-len(texts) :]


def test_an_empty_prompt_is_the_beginning_of_the_validation_text_and_the_settings_change_live(written: Callable[[str], Run]) -> None:
    run = written("length = 5\nevery = 2")
    train_with(run, {3: {"sample.temperature": 0.0, "sample.length": 7}})
    found = read_samples(run)
    validation = TEXT[-round(len(TEXT) * 0.1) :]
    assert [(each.epoch, each.prompt, len(each.text), each.temperature) for each in found] == [(epoch, validation[:32], 7, 0.0) for epoch in (2, 3)]


def test_a_prompt_with_characters_that_the_model_does_not_know_is_refused(written: Callable[[str], Run]) -> None:
    run = written('prompt = "the ß €"')
    assert work(run) == 1
    said = read_status(run).error
    assert said.startswith("sample.prompt: 'ß' '€' do not occur in the training text, whose 14 characters are all that the model knows"), said
    assert not read_status(run).step
    other = written("every = 0")

    def change(session: Session) -> None:
        with pytest.raises(ValueError, match=r"sample\.prompt: 'ß' does not occur"):
            session.set_live({"sample.prompt": "ß"})
        session.set_live({"sample.prompt": "cat"})

    trained(other, change)


def test_a_model_that_cannot_write_says_so_once_and_trains_on(written: Callable[[str], Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run = written("length = 40")
    forward = CharacterModel.forward

    def wants_whole_windows(model: CharacterModel, characters: Tensor) -> Tensor:
        if len(characters) == 1 and characters.shape[1] == 16:
            raise RuntimeError("no single text\nat all")
        return forward(model, characters)

    monkeypatch.setattr(CharacterModel, "forward", wants_whole_windows)
    assert work(run) == 0
    (said,) = events(run, "unavailable")
    assert (said["stream"], said["reason"]) == ("samples", "RuntimeError: no single text")
    assert not read_samples(run)


def test_what_takes_too_long_is_cut(written: Callable[[str], Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_sampler, "MOST", 0.0)
    monkeypatch.setattr(text_sampler, "LEAST", 0.0)
    run = written("length = 40")
    assert work(run) == 0
    assert [(len(each.text), each.wanted) for each in read_samples(run)] == [(1, 40)] * 3


class Successor(nn.Module):
    """Class n + 1 follows n, but for a chance that grows with the temperature."""

    def forward(self, tokens: Tensor) -> Tensor:
        return 4.0 * torch.nn.functional.one_hot((tokens + 1) % 5, 5).float()


def test_a_low_temperature_takes_the_likeliest_and_a_high_one_draws_from_all() -> None:
    def some(temperature: float) -> list[int]:
        numbers = generate(Successor(), torch.tensor([3, 4]), context=3, temperature=temperature, generator=torch.Generator().manual_seed(1))
        return [next(numbers) for _ in range(200)]

    assert some(0.0) == some(1e-30) == [0, 1, 2, 3, 4] * 40
    follows = [sum((a + 1) % 5 == b for a, b in itertools.pairwise(found)) / 199 for found in (some(1.0), some(100.0))]
    assert follows[0] == pytest.approx(0.93, abs=0.05)  # e⁴ / (e⁴ + 4)
    assert follows[1] == pytest.approx(0.2, abs=0.12)


def test_outputs_that_are_not_numbers_end_the_text() -> None:
    assert list(generate(lambda tokens: torch.full((1, tokens.shape[1], 3), torch.nan), torch.tensor([0]), context=2, temperature=1.0, generator=torch.Generator())) == []


def test_a_language_model_has_perplexity_bits_per_character_and_tokens_wherever_its_loss_is_told(
    written: Callable[[str], Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run = written("length = 3")
    run.config.write_text(run.config.read_text().replace("ema = 0.5", 'monitor = "perplexity"'))
    session = trained(run)
    status, said = read_status(run), events(run, "epoch")
    for step, loss, perplexity, bits in rows(run, "evals", "loss", "perplexity", "bits_per_character"):
        assert [perplexity, bits] == pytest.approx([math.exp(loss), loss / math.log(2)])
        assert next(event for event in said if event["step"] == step)["metrics"] == {"perplexity": perplexity, "bits_per_character": bits}
    assert (status.monitor, status.tokens_per_sample) == ("perplexity", 16)
    assert status.best == min(row[1] for row in rows(run, "evals", "perplexity"))
    capsys.readouterr()
    main(["show", run.id, "--runs", str(run.path.parent)])
    shown = capsys.readouterr().out
    assert f"perplexity {significant(float(str(status.metrics['perplexity'])))} (baseline {significant(float(str(status.baselines['perplexity'])))}), bits per character " in shown
    assert f"best          perplexity {significant(float(str(status.best)))}" in shown
    main(["watch", run.id, "--runs", str(run.path.parent)])
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.split() == ["epoch", "step", "loss", "val", "loss", "◆ppl", "lr", "tokens/s", "left"]
    assert [line.split()[1] for line in lines[0:6:2]] == [str(session.per_epoch * epoch) for epoch in (1, 2, 3)]
    assert lines[0].split()[4] == f"◆{significant(float(str(said[0]['metrics']['perplexity'])))}"  # type: ignore[call-overload, index]
    reader = RunReader(run)
    reader.refresh()
    part = read_overview(SimpleNamespace(run=reader, facts=NO_RUN), ChartView())  # type: ignore[arg-type]
    assert (part.score, part.writes, len(part.samples)) == ("perplexity", True, 3)
