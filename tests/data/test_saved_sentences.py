"""A column of texts of a saved data set is classified as tokens, padded batch by batch."""

from __future__ import annotations

import shutil
from pathlib import Path

import datasets
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from gradtop.trainer.config import SavedDataset
from gradtop.trainer.data.dataset import Source
from gradtop.trainer.data.kinds.custom.loader import CustomSource
from gradtop.trainer.data.kinds.hf.loader import load
from gradtop.trainer.data.targets import WantedTargets
from gradtop.trainer.inference.prediction import predict
from gradtop.trainer.launch import find_checkpoint
from gradtop.trainer.record import new_run, read_status
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from tests.data.saved_datasets import saved

WORDS = ["good", "bad", "film", "a", "very"]
NUMBERS = {"[UNK]": 0, "[PAD]": 1, **{word: number + 2 for number, word in enumerate(WORDS)}}
TEXTS = ["a good film", "bad", "a very very bad film", "very good", "good film a", "strange film"]
LABELS = [1, 0, 0, 1, 1, 0]
CONFIG = """
[model]
kind = "custom"
target = "tests.data.test_saved_sentences:reader"

[data]
kind = "hf"
root = "{root}"
tokenizer = "{tokenizer}"
workers = 0

[training]
epochs = 2
batch_size = 4
device = "cpu"
threads = 1
"""


class Bag(nn.Module):
    """Takes keywords as models of Hugging Face's transformers do, and fails where the padding is not masked."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(len(NUMBERS), 4), nn.Linear(4, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        assert torch.equal(attention_mask == 0, input_ids == NUMBERS["[PAD]"])
        mask = attention_mask[..., None]
        found: Tensor = self.head((self.embedding(input_ids) * mask).sum(1) / mask.sum(1))
        return found


def reader() -> nn.Module:
    return Bag()


class Maskless(Bag):
    def forward(self, input_ids: Tensor) -> Tensor:  # type: ignore[override]  # that is what is tried
        return super().forward(input_ids, torch.ones_like(input_ids))


def maskless() -> nn.Module:
    return Maskless()


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    made = Tokenizer(models.WordLevel(NUMBERS, unk_token="[UNK]"))  # noqa: S106 - a token
    made.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    path = tmp_path / "tokenizer.json"
    made.save(str(path))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    datasets.disable_progress_bars()
    features = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
    return saved(tmp_path / "reviews", {"text": TEXTS * 2, "label": LABELS * 2}, features, train=range(6), test=range(6, 8), validation=range(8, 12))


def opened(root: Path, tokenizer: Path | str, **settings: object) -> Source:
    return load(SavedDataset(root=str(root), tokenizer=str(tokenizer), workers=0, **settings), seed=0, wanted=WantedTargets(open=True))  # type: ignore[arg-type]


def numbers(text: str) -> Tensor:
    return torch.tensor([NUMBERS.get(word, 0) for word in text.split()])


def test_batches_are_padded_to_their_longest_and_masked(root: Path, tokenizer: Path) -> None:
    source = opened(root, tokenizer)
    ((inputs, targets),) = source.validation(8, torch.device("cpu"))
    wanted = [numbers(text) for text in TEXTS[2:]]
    assert isinstance(inputs, dict)
    assert torch.equal(inputs["input_ids"], pad_sequence(wanted, batch_first=True, padding_value=NUMBERS["[PAD]"]))
    assert inputs["attention_mask"].sum(1).tolist() == [len(each) for each in wanted]
    assert targets.tolist() == LABELS[2:]
    assert source.info.classes == 2
    assert f"up to 256 of {len(NUMBERS)} tokens, padded with 1" in "\n".join(source.survey.notes)
    ((alone, _),) = opened(root, tokenizer, max_length=2, attention_mask=False).validation(8, torch.device("cpu"))
    assert torch.equal(alone, pad_sequence([each[:2] for each in wanted], batch_first=True, padding_value=1))


def test_another_tokenizer_makes_other_data(root: Path, tokenizer: Path) -> None:
    before = opened(root, tokenizer).fingerprint()
    tokenizer.write_text(tokenizer.read_text().replace("strange", "odd").replace("very", "quite"))
    assert opened(root, tokenizer).fingerprint() != before


def test_a_model_that_takes_a_mask_is_trained(root: Path, tokenizer: Path, tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", CONFIG.format(root=root, tokenizer=tokenizer), {})
    assert work(run) == 0, read_status(run).error
    assert read_status(run).step == 4


def test_a_checkpoint_alone_classifies_texts_in_files(root: Path, tokenizer: Path, tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", CONFIG.format(root=root, tokenizer=tokenizer), {})
    assert work(run) == 0, read_status(run).error
    path = find_checkpoint(run, "last").path
    wanted = Bag()
    wanted.load_state_dict(torch.load(path, weights_only=True)["model"])
    shutil.rmtree(root)
    tokenizer.unlink()
    files = [tmp_path / "one.txt", tmp_path / "two.txt", tmp_path / "empty.txt", tmp_path / "gone.txt"]
    for file, text in zip(files, ("a very good film\n", "bad\n", "\n"), strict=False):
        file.write_text(text)
    answer = predict(run, path, [str(file) for file in files], {"top": 2})
    for prediction, text in zip(answer["predictions"], ("a very good film", "bad"), strict=False):
        tokens = numbers(text)[None]
        with torch.no_grad():
            probabilities = wanted(tokens, torch.ones_like(tokens)).softmax(1)[0].tolist()
        assert {each["name"]: each["probability"] for each in prediction["top"]} == pytest.approx({"bad": probabilities[0], "good": probabilities[1]})
    assert answer["predictions"][2]["error"] == "the tokenizer makes no token of the text; write another one"
    assert "cannot be read" in answer["predictions"][3]["error"]
    with pytest.raises(UserError, match="--length: this is a classifier of texts"):
        predict(run, path, [str(files[0])], {"length": 3})


def test_a_resume_makes_the_tokens_of_before(root: Path, tokenizer: Path, tmp_path: Path) -> None:
    before = opened(root, tokenizer)
    assert isinstance(before, CustomSource)
    assert before.encoding is not None
    tokenizer.unlink()
    config = SavedDataset(root=str(root), tokenizer=str(tokenizer), workers=0)
    after = load(config, seed=0, wanted=WantedTargets(open=True), saved=before.encoding.record())
    assert after.fingerprint() == before.fingerprint()


def test_a_model_without_a_mask_is_told_the_setting(root: Path, tokenizer: Path, tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", CONFIG.format(root=root, tokenizer=tokenizer).replace(":reader", ":maskless"), {})
    assert work(run) != 0
    assert "the model takes no argument attention_mask; give its forward one, or set data.attention_mask = false" in read_status(run).error


def test_what_does_not_fit_is_said(root: Path, tokenizer: Path, tmp_path: Path) -> None:
    empty = saved(tmp_path / "empty", {"text": ["good", ""] * 4, "label": [0, 1] * 4, "more": ["a", "b"] * 4, "size": [0.5] * 8})
    for folder, given, settings, sentence in (
        (root, tmp_path / "gone.json", {}, f"data.tokenizer: {tmp_path / 'gone.json'} cannot be read (No such file or directory)"),
        (empty, tokenizer, {"input": ("size",)}, "data.input: size holds floats, and data.tokenizer takes texts; name a column of these, or leave out data.tokenizer"),
        (empty, tokenizer, {"input": ("text", "more")}, "data.input: more is a second column, and data.tokenizer takes one of texts; name it alone"),
        (empty, tokenizer, {}, "column text has a text without tokens; remove such rows with Dataset.filter"),
    ):
        with pytest.raises(UserError) as caught:
            opened(folder, given, **settings)
        assert sentence in str(caught.value)
