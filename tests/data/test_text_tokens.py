"""Texts as tokens, against the tokenizers library itself and what bits per character are by definition."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
from torch.nn import functional

from gradtop.trainer.config import Text
from gradtop.trainer.data import tokens
from gradtop.trainer.data.kinds.text import token_cache
from gradtop.trainer.data.kinds.text.loader import TextSource, load, outline_text
from gradtop.trainer.data.prepared import cache_home
from gradtop.trainer.data.tokens import TokenEncoding, cache_folder
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.preparing import listening
from gradtop.trainer.tasks.kinds.classification.classifier import build_language_model
from gradtop.trainer.tasks.kinds.language_model import LanguageModelTask

# Of one to four bytes each.
TEXT = "The naïve café owes 3 € to 😀 and 漢字.\nNo, the naïve café owes nothing at all.\n\n  Indented, the 😀 smiles.\n" * 30


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def of(folder: Path, text: str = TEXT, *, tokenizer: str = "bpe", vocab_size: int = 300, context: int = 8, **settings: object) -> TextSource:
    (folder / "text").write_text(text, encoding="utf-8")
    return load(Text(file=str(folder / "text"), tokenizer=tokenizer, vocab_size=vocab_size, **settings), seed=0, context=context)  # type: ignore[arg-type]


def trained_by_the_library(text: str, vocab_size: int) -> Any:
    made = tokenizers.ByteLevelBPETokenizer()
    made.train_from_iterator([text], vocab_size=vocab_size, min_frequency=2, show_progress=False)
    return made


def words(folder: Path, vocabulary: dict[str, int], unknown: str = "[UNK]") -> str:
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token=unknown))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(folder / "words.json"))
    return str(folder / "words.json")


def test_tokens_are_those_of_a_byte_pair_encoding_trained_on_the_training_part_alone(tmp_path: Path) -> None:
    found = of(tmp_path)
    held_out = round(len(TEXT) * 0.1)
    parts = TEXT[:-held_out], TEXT[-held_out:]
    library = trained_by_the_library(parts[0], 300)
    assert found.training_part.tolist() == library.encode(parts[0]).ids
    assert found.validation_part.tolist() == library.encode(parts[1]).ids
    assert found.info.classes == library.get_vocab_size() == 300
    assert found.vocabulary == tuple(library.id_to_token(number) for number in range(300))
    assert found.encoding.decode(torch.cat([found.training_part, found.validation_part])) == TEXT
    assert found.training_part.dtype == torch.int16
    assert (found.tokens_per_sample, found.encoding.unit) == (8, "tokens")
    inputs, targets = next(iter(found.training(3, seed=1, device=torch.device("cpu")).epoch(0)))
    assert inputs.shape == targets.shape == (3, 8)
    assert torch.equal(inputs[:, 1:], targets[:, :-1])


def test_a_long_text_is_encoded_in_pieces_as_it_is_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = of(tmp_path)
    monkeypatch.setattr(tokens, "_PIECE", 130)
    pieces = list(tokens._pieces(TEXT))
    assert "".join(pieces) == TEXT
    assert len(pieces) > 10
    parts = of(tmp_path)
    assert torch.equal(whole.training_part, parts.training_part)
    assert torch.equal(whole.validation_part, parts.validation_part)
    assert "".join(tokens._pieces("a" * 333)) == "a" * 333


def test_bits_per_character_are_those_of_the_text_whatever_the_tokens(tmp_path: Path) -> None:
    found = of(tmp_path)
    assert found.characters_per_token is not None
    assert int(found.characters_per_token[found.training_part.int()].sum()) + int(found.characters_per_token[found.validation_part.int()].sum()) == len(TEXT)
    meter = build_language_model(LanguageModelTask(), found, {}).meter()
    drawn = torch.Generator().manual_seed(0)
    nats, read = 0.0, []
    for inputs, targets in found.validation(2, torch.device("cpu")):
        outputs = torch.randn(*inputs.shape, found.info.classes, generator=drawn)
        meter.add(outputs, targets)
        nats += functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="sum").item()
        read += targets.flatten().tolist()
    score = meter.result()
    # Every character but those of the first token, which nothing predicts.
    first = found.encoding.decode(found.validation_part[:1])
    characters = round(len(TEXT) * 0.1) - len(first)
    assert score.metrics["bits_per_character"] == pytest.approx(nats / math.log(2) / characters)
    assert score.metrics["perplexity"] == pytest.approx(math.exp(nats / len(read)))


def test_what_was_trained_is_taken_from_the_cache_unless_it_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = of(tmp_path)
    (cached,) = cache_folder().iterdir()
    assert cached.parent == tmp_path / "cache" / "gradtop" / "tokenizers"
    other = trained_by_the_library("quite another text " * 9, 270)
    other.save(str(cached))
    assert of(tmp_path).info.classes == other.get_vocab_size() < 300
    cached.write_text('{"model": ')
    again = of(tmp_path)
    assert torch.equal(again.training_part, first.training_part)
    assert cached.read_text() == first.encoding.record()["json"]
    of(tmp_path, vocab_size=280)
    assert len(list(cache_folder().iterdir())) == 2
    # A folder that cannot be made costs the cache alone.
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert of(tmp_path).vocabulary == first.vocabulary


def test_the_tokens_of_a_long_text_are_taken_from_the_cache_unless_they_are_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = of(tmp_path)
    monkeypatch.setattr(token_cache, "WORTH", len(TEXT) // 2)
    of(tmp_path)
    (kept,) = (cache_home() / "tokens").iterdir()  # that of the training part: the other is short

    def encode(encoding: TokenEncoding, text: str) -> torch.Tensor:
        encoded.append(len(text))
        return real(encoding, text)

    real, encoded = TokenEncoding.encode, list[int]()
    monkeypatch.setattr(TokenEncoding, "encode", encode)
    again = of(tmp_path)
    assert torch.equal(again.training_part, first.training_part)
    assert again.training_part.dtype == first.training_part.dtype
    short = len(TEXT) // 10
    assert encoded == [short]
    of(tmp_path, vocab_size=280)  # other tokens
    assert encoded == [short, len(TEXT) - short, short]
    kept.write_bytes(kept.read_bytes()[:-2])
    assert torch.equal(of(tmp_path).training_part, first.training_part)
    assert encoded[3:] == [len(TEXT) - short, short]


def test_preparing_tells_how_far_it_is_and_can_be_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended(Exception):
        pass

    def listen(doing: str, done: int, of: int) -> None:
        told.append((doing, done, of))
        if doing == ends:
            raise Ended

    monkeypatch.setattr(tokens, "_PIECE", 130)
    told: list[tuple[str, int, int]] = []
    for ends in ("training the tokenizer", "encoding the text"):
        with pytest.raises(Ended), listening(listen):
            of(tmp_path)
        assert told[-1][:2] == (ends, 0)
        assert told[-1][2] > 10


def test_a_tokenizer_of_a_checkpoint_encodes_another_text_and_needs_none(tmp_path: Path) -> None:
    first = of(tmp_path)
    saved = first.encoding.record()
    (tmp_path / "text").write_text("Something else, of other words. " * 40)
    config = Text(file=str(tmp_path / "text"), tokenizer="bpe", vocab_size=300)
    assert load(config, seed=0, context=8, saved=saved).vocabulary == first.vocabulary
    assert load(config.model_copy(update={"vocab_size": 310}), seed=0, context=8, saved=saved).vocabulary != first.vocabulary
    (tmp_path / "text").unlink()
    outline = outline_text(config, 300, saved)
    assert outline is not None
    assert outline.encoding.decode(first.validation_part) == TEXT[-round(len(TEXT) * 0.1) :]
    assert outline_text(config, 300, {}) is None


def test_a_tokenizer_of_words_has_no_bits_per_character_as_it_drops_spaces(tmp_path: Path) -> None:
    vocabulary = {"[UNK]": 0, "the": 1, "cat": 2, "sat": 5}
    found = of(tmp_path, "the cat sat\n" * 40, tokenizer=words(tmp_path, vocabulary))
    assert found.training_part.tolist()[:6] == [1, 2, 5, 1, 2, 5]
    assert found.vocabulary == ("[UNK]", "the", "cat", "[unused 3]", "[unused 4]", "sat")
    assert found.info.classes == 6
    assert found.characters_per_token is None
    assert any("bits per character are not measured" in note for note in found.survey.notes)
    task = build_language_model(LanguageModelTask(), found, {})
    meter = task.meter()
    meter.add(torch.zeros(1, 3, 6), torch.tensor([[1, 2, 5]]))
    assert meter.result().metrics.keys() == {"loss", "accuracy", "perplexity"}
    assert task.labels(torch.zeros(1, 2)) == "tokens"


def test_a_text_with_fewer_pairs_than_asked_for_says_so(tmp_path: Path) -> None:
    found = of(tmp_path, vocab_size=5_000)
    assert found.info.classes < 5_000
    assert any(note.startswith(f"data.vocab_size: the text is too short for 5,000 tokens; {found.info.classes:,}") for note in found.survey.notes)


def test_what_is_no_tokenizer_is_refused_with_the_reason(tmp_path: Path) -> None:
    def refused(content: str | None) -> str:
        file = tmp_path / "tokenizer.json"
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_text(content)
        with pytest.raises(UserError) as caught:
            of(tmp_path, tokenizer=str(file))
        return str(caught.value).replace(str(tmp_path), "…")

    assert refused(None) == "data.tokenizer: …/tokenizer.json cannot be read (No such file or directory)"
    assert refused("{}").startswith("data.tokenizer: …/tokenizer.json is no tokenizer.json that the tokenizers library reads (Model missing")
    assert "has a vocabulary of 0 tokens; at least two are expected" in refused('{"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}}')
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(UserError, match=r"is a folder; a tokenizer\.json is expected"):
        of(tmp_path, tokenizer=str(tmp_path / "folder.json"))


def test_a_text_of_too_few_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"of the 70 characters of .*, \d+ tokens are for training, and model\.context = 40 takes 41 at least"):
        of(tmp_path, "abcabcabca" * 7, context=40)
    with pytest.raises(UserError, match="has no text for training"):
        of(tmp_path, "ab")
    tokenizer = words(tmp_path, {"[UNK]": 0, "a": 1})
    with pytest.raises(UserError, match=r"data\.validation: of .*, 1 tokens are for validation, and at least two are expected"):
        of(tmp_path, "a " * 20 + "aaaa", tokenizer=tokenizer)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(UserError, match=r"requires the tokenizers library, which is not installed: pip install 'gradtop\[text\]'; or set it to characters"):
        of(tmp_path)
    assert of(tmp_path, tokenizer="characters").encoding.unit == "characters"
