from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gradtop.trainer.config import AugmentConfig, Text
from gradtop.trainer.data.augment import augmentation
from gradtop.trainer.data.kinds.text.loader import TextSource, load
from gradtop.trainer.data.load import info_of
from gradtop.trainer.runtime.errors import UserError

CPU = torch.device("cpu")


def of(folder: Path, text: str | bytes, *, context: int = 4, validation: float = 0.2) -> TextSource:
    file = folder / "text"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(Text(file=str(file), validation=validation), seed=0, context=context)


def spelled(characters: TextSource, numbers: torch.Tensor) -> str:
    return "".join(characters.vocabulary[number] for number in numbers.flatten().tolist())


def test_the_book_that_comes_along_is_whole_and_needs_no_file() -> None:
    book = load(Text(), seed=0, context=64)
    text = spelled(book, torch.cat([book.training_part, book.validation_part]))

    assert len(text) == 148_476
    assert text.lstrip().startswith("ALICE'S ADVENTURES IN WONDERLAND")
    assert text.endswith("THE END\n")
    assert not set(text) & {"\r", "\x1a"}
    assert book.info == info_of(Text())
    assert book.info.classes == len(book.vocabulary) == 72
    assert book.training_part.dtype == torch.uint8


def test_the_target_of_each_character_is_the_one_that_follows_it_in_the_text(tmp_path: Path) -> None:
    text = "".join(chr(0x3B1 + number) for number in range(20)) * 3
    some = of(tmp_path, text)
    for inputs, targets in some.training(3, seed=1, device=CPU).epoch(0):
        assert inputs.dtype == targets.dtype == torch.int64
        assert inputs.shape == targets.shape == (len(inputs), 4)
        for one, next_ones in zip(inputs, targets, strict=True):
            assert spelled(some, one) + spelled(some, next_ones[-1]) in text
            assert torch.equal(one[1:], next_ones[:-1])


def test_an_epoch_shows_no_character_twice_and_another_epoch_cuts_elsewhere() -> None:
    batches = load(Text(), seed=0, context=100).training(16, seed=3, device=CPU)
    starts = [batches.starts(epoch) for epoch in range(4)]

    for some in starts:
        ordered = some.sort().values
        assert set(ordered.diff().tolist()) <= {100, 200}  # one window more at most is left out at the end
        assert ordered[0] < 200
        assert not torch.equal(ordered, some)
    assert len({int(some.min()) % 100 for some in starts}) == 4


def test_an_epoch_entered_in_the_middle_goes_on_with_the_same_windows() -> None:
    batches = load(Text(), seed=0, context=256).training(16, seed=3, device=CPU)
    whole = list(batches.epoch(2))
    assert len(whole) == batches.per_epoch

    for skip in (1, 7, len(whole) - 1, len(whole)):
        rest = list(batches.epoch(2, skip=skip))
        assert len(rest) == len(whole) - skip
        assert all(torch.equal(one, other) for one, (other, _) in zip([each for each, _ in rest], whole[skip:], strict=True))


def test_seed_and_epoch_decide_and_no_other_random_state_is_touched() -> None:
    book = load(Text(), seed=0, context=512)
    before = torch.get_rng_state()
    first = [next(inputs for inputs, _ in book.training(32, seed=seed, device=CPU).epoch(epoch)) for seed, epoch in ((1, 0), (1, 0), (2, 0), (1, 1))]

    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])
    assert not torch.equal(first[0], first[3])


@pytest.mark.parametrize("length", [10, 11, 13, 40, 41, 100])
def test_validation_predicts_every_character_of_its_part_once(tmp_path: Path, length: int) -> None:
    some = of(tmp_path, "ab" * 100 + "abba" * (length // 4) + "a" * (length % 4), validation=length / (200 + length))
    passages = list(some.validation(3, CPU))

    assert len(some.validation_part) == length
    assert torch.equal(torch.cat([targets.flatten() for _, targets in passages]), some.validation_part[1:].long())
    assert torch.equal(torch.cat([inputs.flatten() for inputs, _ in passages]), some.validation_part[:-1].long())
    assert all(inputs.shape[1] == 4 and len(inputs) <= 3 for inputs, _ in passages[:-1])


def test_characters_that_only_validation_has_count_as_one_more_and_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    some = of(tmp_path, "ab" * 40 + "abxaybab" + "ab" * 6, validation=0.2)

    assert some.info.classes == 3
    assert some.vocabulary == "ab"
    assert int(some.training_part.max()) == 1
    assert int((some.validation_part == 2).sum()) == 2
    assert "2 characters of the validation part are not in the training part, and count as one more: 'x' 'y'" in capsys.readouterr().out


def test_thousands_of_different_characters_are_numbered(tmp_path: Path) -> None:
    text = "".join(chr(0x4E00 + number) for number in range(3_000))
    some = of(tmp_path, text + text[:500], validation=0.1)

    assert some.info.classes == 3_000
    assert spelled(some, some.training_part) + spelled(some, some.validation_part) == text + text[:500]


def test_a_byte_order_mark_is_no_character_of_the_text(tmp_path: Path) -> None:
    assert of(tmp_path, b"\xef\xbb\xbf" + b"ab" * 30).vocabulary == "ab"


def test_a_text_has_nothing_to_be_augmented() -> None:
    assert augmentation(AugmentConfig(flip=0.5), load(Text(), seed=0), seed=0) is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "of the 0 characters of .*, 0 are for training, and model.context = 4 takes 5 at least"),
        (b"a", "0 are for training"),
        (b"abcdef", "of the 6 characters .* 4 are for training.* make model.context smaller"),
        (b"a" * 100, "a single repeated character"),
        (b"abc\nde\xff" + b"f" * 50, "not UTF-8: byte 0xff at position 6, in line 2; convert it"),
        ("Wörter".encode("latin1") * 9, "not UTF-8: byte 0xf6 at position 1, in line 1"),
        (b"ab" * 50 + b"\xe2\x82", "not UTF-8: byte 0xe2 at position 100"),
    ],
)
def test_a_text_that_cannot_be_trained_on_is_refused_with_the_reason(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        of(tmp_path, content)


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data.file: .*/none cannot be read \(No such file or directory\)"):
        load(Text(file=str(tmp_path / "none")), seed=0)
    with pytest.raises(UserError, match="is a folder; a text file is expected"):
        load(Text(file=str(tmp_path)), seed=0)
