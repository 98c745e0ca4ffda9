"""Language models of tokens: trained, resumed, evaluated, used without their text, and forked onto another vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tokenizers
import torch

from gradtop.trainer.config import Change, Text, load_config, parse_config
from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.inference.prediction import predict
from gradtop.trainer.launch.create import create_run
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.record.samples import read_samples
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training import text_sampler
from tests.training.forks import before_training, fork, said
from tests.training.runs import check_alike, finished, newest_state, stop_and_resume
from tests.training.text_configs import text_config

TEXT = "the cat sat on the mat\nand the dog sat on the log\nand the naïve frog owes 3 € to the dog\n" * 24


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # No machine is too slow for its texts.
    monkeypatch.setattr(text_sampler, "LEAST", 60.0)
    monkeypatch.setattr(text_sampler, "MOST", 60.0)


def made(folder: Path) -> Run:
    file = folder / "text.txt"
    file.write_text(TEXT, encoding="utf-8")
    return new_run(folder / "runs", text_config(file, data='tokenizer = "bpe"\nvocab_size = 275', sample="length = 12"), {})


def test_a_run_keeps_its_tokenizer_resumes_bit_for_bit_and_predicts_without_its_text(tmp_path: Path) -> None:
    run, parted = made(tmp_path), made(tmp_path)
    assert work(run) == 0, read_status(run).error
    stop_and_resume(parted, 3, 6)
    check_alike(run, parted, "bits_per_character")
    # What others read.
    library = tokenizers.Tokenizer.from_file(str(run.tokenizer))
    state = finished(run)
    assert state["encoding"]["json"] == run.tokenizer.read_text()  # type: ignore[index]
    assert state["class_names"] == [library.id_to_token(number) for number in range(275)]
    assert "tokenizer" not in json.loads(run.data.read_text())
    status = read_status(run)
    assert (status.tokens_per_sample, status.headline) == (16, "perplexity")
    samples = read_samples(run)
    assert [(each.tokens, each.wanted) for each in samples] == [(12, 12), (12, 12)]
    assert TEXT[-round(len(TEXT) * 0.1) :].startswith(samples[0].prompt)
    found = evaluate_checkpoint(run, find_checkpoint(run).path)
    assert found["as_recorded"] is True, found
    assert found["of"] == "tokens"

    (tmp_path / "text.txt").unlink()
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("the dog owes 7 € to")
    (prediction,) = predict(run, find_checkpoint(run).path, [str(prompt)], {"length": 9, "temperature": 0.0})["predictions"]
    assert prediction["prompt"] == "the dog owes 7 € to"
    assert prediction["text"]


def test_a_fork_onto_another_vocabulary_takes_over_tokens_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(tmp_path)
    assert work(run) == 0, read_status(run).error
    forked = fork(run, "data.vocab_size=285", "training.epochs=3")
    before, after = newest_state(run), before_training(forked, monkeypatch)
    old, new = before["class_names"], after["class_names"]
    assert (len(old), len(new)) == (275, 285)
    common = [name for name in new if name in old]
    assert len(common) > 265
    for name in common:
        assert torch.equal(after["model"]["embed.weight"][new.index(name)], before["model"]["embed.weight"][old.index(name)])
    kept, dropped = said(forked)
    assert any(each.startswith(f"the outputs of {len(common)} tokens, by name") for each in kept)
    assert any("new among the tokens: their outputs begin anew" in each for each in dropped)


def test_a_fork_onto_another_text_keeps_the_tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(tmp_path)
    assert work(run) == 0, read_status(run).error
    (tmp_path / "other.txt").write_text("Quite another text, of other words. " * 90)
    after = before_training(fork(run, f"data.file={tmp_path / 'other.txt'}", "training.epochs=3"), monkeypatch)
    assert after["encoding"] == newest_state(run)["encoding"]


@pytest.mark.parametrize(("tokenizer", "kept"), [("bpe", "bpe"), ("own.json", "HERE/own.json"), ("~/own.json", "~/own.json")])
def test_the_path_of_a_tokenizer_is_that_of_where_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: str, kept: str) -> None:
    for name in ("first", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "first")
    config = parse_config('[model]\nkind = "language_model"\n[data]\nkind = "text"\n')
    parent = create_run(tmp_path / "runs", config)
    monkeypatch.chdir(tmp_path / "here")
    changed = parse_config(f'[model]\nkind = "language_model"\n[data]\nkind = "text"\ntokenizer = "{tokenizer}"\n')
    run = create_run(tmp_path / "runs", changed, parent=parent, changes=[Change("data.tokenizer", "characters", tokenizer, "fork")])
    data = load_config(run.config).data
    assert isinstance(data, Text)
    assert data.tokenizer == kept.replace("HERE", str(tmp_path / "here"))
