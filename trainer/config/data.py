"""What it is trained on."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from gradtop.trainer.declare import Arguments, Section, setting, target


class Shape(NamedTuple):
    """What is known of a data set without opening it; `samples` are those of the training split, 0 where that is not known."""

    samples: int
    channels: int
    size: int
    classes: int


class Downloaded(Section):
    """A data set of torchvision, fetched on first use."""

    root: str = setting(
        "data", help="Folder of the downloaded files; fetched there on first use.", effect="fork",
        pattern=r"\S", expected="a folder",
    )


class Digits(Section):
    kind: Literal["digits"] = setting("digits", help="UCI handwritten digits, 8×8 grey, 1 797 images; comes with gradtop.", effect="fork")
    shape: ClassVar = Shape(1_437, 1, 8, 10)


class Mnist(Downloaded):
    kind: Literal["mnist"] = setting("mnist", help="Handwritten digits, 28×28 grey, 60 000 + 10 000 images.", effect="fork")
    shape: ClassVar = Shape(60_000, 1, 28, 10)


class FashionMnist(Downloaded):
    kind: Literal["fashion_mnist"] = setting("fashion_mnist", help="Clothes, 28×28 grey, 60 000 + 10 000 images.", effect="fork")
    shape: ClassVar = Shape(60_000, 1, 28, 10)


class Cifar10(Downloaded):
    kind: Literal["cifar10"] = setting("cifar10", help="Photographs of 10 classes, 32×32 colour, 50 000 + 10 000 images.", effect="fork")
    shape: ClassVar = Shape(50_000, 3, 32, 10)


class Cifar100(Downloaded):
    kind: Literal["cifar100"] = setting("cifar100", help="Photographs of 100 classes, 32×32 colour, 50 000 + 10 000 images.", effect="fork")
    shape: ClassVar = Shape(50_000, 3, 32, 100)


class ImageFolder(Section):
    kind: Literal["image_folder"] = setting("image_folder", help="A folder with one folder of images for each class, or with train and val in it.", effect="fork")
    root: str = setting("images", help="Folder that holds them.", effect="fork", pattern=r"\S", expected="a folder")
    image_size: int = setting(64, help="Side that every image is brought to: the shorter side scaled, the middle cut out.", unit="pixels", effect="fork", ge=8, le=4_096)
    validation: float = setting(0.1, help="Share of images kept for validation where there is no folder val.", effect="fork", gt=0, lt=1)
    workers: int = setting(2, help="Processes that read and scale images; 0 does it in the training process.", unit="processes", effect="fork", ge=0, le=256)

    @property
    def shape(self) -> Shape:
        return Shape(0, 3, self.image_size, 0)


class Text(Section):
    kind: Literal["text"] = setting("text", help="A text file, character by character, for language models.", effect="fork")
    file: str = setting("", help="Any UTF-8 file; empty takes the book that comes with gradtop.", effect="fork")
    validation: float = setting(0.1, help="Share of the text, at its end, kept for validation.", effect="fork", gt=0, lt=1)
    shape: ClassVar = Shape(0, 0, 0, 0)


class Fake(Section):
    kind: Literal["fake"] = setting("fake", help="Random images that can be learned: for timing and for tests.", effect="fork")
    samples: int = setting(1_024, help="Images to train on.", unit="images", effect="fork", ge=1, le=10_000_000)
    classes: int = setting(10, help="Different labels.", effect="fork", ge=2, le=100_000)
    image_size: int = setting(32, help="Side of the square images.", unit="pixels", effect="fork", ge=1, le=4_096)
    channels: int = setting(3, help="Values of each pixel: 1 is grey, 3 is colour.", effect="fork", ge=1, le=64)

    @property
    def shape(self) -> Shape:
        return Shape(self.samples, self.channels, self.image_size, self.classes)


class CustomData(Section):
    kind: Literal["custom"] = setting("custom", help="A callable of your own project that gives the training and the validation set.", effect="fork")
    target: str = target("my_project.data:load", help="package.module:callable; called with the arguments below.", effect="fork")
    arguments: Arguments = setting({}, help="Its keyword arguments, as an inline table: {folder = 'x'}.", effect="fork")
    shape: ClassVar = Shape(0, 0, 0, 0)


DataConfig = Annotated[
    Digits | Mnist | FashionMnist | Cifar10 | Cifar100 | ImageFolder | Text | Fake | CustomData, Field(discriminator="kind")
]
