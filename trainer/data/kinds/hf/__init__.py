"""Data sets of the library datasets, as save_to_disk writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from gradtop.trainer.data.kinds import LabeledData, disagreeing_mask_values, mask_values_setting, prefetch_setting
from gradtop.trainer.data.targets import CLASSES, LABEL_SETS, MASKS, VALUES
from gradtop.trainer.declare import setting


class SavedDataset(LabeledData):
    kind: Literal["hf"] = setting("hf", help="A folder written by save_to_disk of Hugging Face's library datasets; nothing is downloaded.", effect="fork")
    root: str = setting("dataset", help="The folder that was given to save_to_disk.", effect="fork", pattern=r"\S", expected="a folder")
    input: tuple[str, ...] = setting((), help="Column that the model sees, or several columns of numbers; empty: found by type and name, as image, input_ids.", effect="fork")
    target: str = setting("", help="Column to predict; empty: found by type and name, as label, or for segmentation mask.", effect="fork")
    tokenizer: str = setting("", help="Path of a tokenizer.json of the tokenizers library, for an input that is a column of texts.", effect="fork")
    max_length: int = setting(256, help="Tokens of a text that the model sees; what comes after is cut off.", unit="tokens", effect="fork", ge=1, le=1 << 20)
    attention_mask: bool = setting(True, help="Call the model with input_ids and attention_mask of a text; false: with the tokens alone.", effect="fork")
    image_size: int = setting(64, help="Size of images: the shorter side is resized, then center cropped.", unit="pixels", effect="fork", ge=8, le=4_096)
    black: float = setting(0.0, help="Pixel value that is black in images of more than 8 bits.", effect="fork")
    white: float = setting(0.0, help="Pixel value that is white in images of more than 8 bits; such images need it.", effect="fork")
    validation: float = setting(0.1, help="Fraction of the rows used for validation, drawn by training.seed, where there is no split for it.", effect="fork", gt=0, lt=1)
    workers: int = setting(2, help="Data loading processes; 0 loads in the training process.", unit="processes", effect="fork", ge=0, le=256)
    prefetch: int = prefetch_setting()
    mask_values: tuple[int, ...] = mask_values_setting()

    inputs: ClassVar = "any"
    targets: ClassVar = (CLASSES, VALUES, LABEL_SETS, MASKS)
    builder: ClassVar = "gradtop.trainer.data.kinds.hf.loader:load"
    outline: ClassVar = "gradtop.trainer.data.kinds.hf.loader:outline_saved"
    keeps_encoding: ClassVar = True

    @classmethod
    def _frozen(cls, name: str, value: Any) -> Any:
        # One column may be named without a list.
        return (value,) if name == "input" and isinstance(value, str) and value else super()._frozen(name, value)

    def disagreements(self) -> Iterator[tuple[str, str]]:
        yield from disagreeing_mask_values(self.mask_values)
