"""Data sets of torchvision, downloaded on first use."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.data.kinds import DataShape, LabeledData
from gradtop.trainer.declare import setting


class Downloaded(LabeledData):
    """A data set of torchvision.datasets; `mean` and `std` are of the training pixels in 0..1, channel by channel."""

    builder: ClassVar[str] = "gradtop.trainer.data.kinds.downloaded.loader:load"
    outline: ClassVar[str] = "gradtop.trainer.data.kinds.downloaded.loader:outline_downloaded"
    torchvision_class: ClassVar[str]
    known_shape: ClassVar[DataShape]
    mean: ClassVar[tuple[float, ...]]
    std: ClassVar[tuple[float, ...]]

    root: str = setting("data", help="Root directory of the data set; downloaded there on first use.", effect="fork", pattern=r"\S", expected="a folder")
    validation: float = setting(
        0.0, help="Fraction of the training images used for validation; the published test images are then a test set, evaluated once at the end. 0: they are the validation set.",
        effect="fork", ge=0, lt=1,
    )  # fmt: skip

    def apart(self, samples: int) -> int:
        """How many of the training images are for validation."""
        return min(round(samples * self.validation), samples - 1)

    @property
    def shape(self) -> DataShape:
        known = self.known_shape
        return known._replace(samples=known.samples - self.apart(known.samples))


class Mnist(Downloaded):
    kind: Literal["mnist"] = setting("mnist", help="MNIST (LeCun et al., 1998): handwritten digits, 28×28 grayscale, 60 000 + 10 000 images.", effect="fork")

    torchvision_class: ClassVar = "MNIST"
    known_shape: ClassVar = DataShape(60_000, 1, 28, 10)
    mean: ClassVar = (0.1307,)
    std: ClassVar = (0.3081,)


class FashionMnist(Downloaded):
    kind: Literal["fashion_mnist"] = setting("fashion_mnist", help="Fashion-MNIST (Xiao et al., 2017): clothing, 28×28 grayscale, 60 000 + 10 000 images.", effect="fork")

    torchvision_class: ClassVar = "FashionMNIST"
    known_shape: ClassVar = DataShape(60_000, 1, 28, 10)
    class_names: ClassVar = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
    mean: ClassVar = (0.2860,)
    std: ClassVar = (0.3530,)


class Cifar10(Downloaded):
    kind: Literal["cifar10"] = setting("cifar10", help="CIFAR-10 (Krizhevsky, 2009): photographs of 10 classes, 32×32 RGB, 50 000 + 10 000 images.", effect="fork")

    torchvision_class: ClassVar = "CIFAR10"
    known_shape: ClassVar = DataShape(50_000, 3, 32, 10)
    class_names: ClassVar = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    mean: ClassVar = (0.4914, 0.4822, 0.4465)
    std: ClassVar = (0.2470, 0.2435, 0.2616)


class Cifar100(Downloaded):
    kind: Literal["cifar100"] = setting("cifar100", help="CIFAR-100 (Krizhevsky, 2009): photographs of 100 classes, 32×32 RGB, 50 000 + 10 000 images.", effect="fork")

    torchvision_class: ClassVar = "CIFAR100"
    known_shape: ClassVar = DataShape(50_000, 3, 32, 100)
    class_names: ClassVar = (
        "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy", "bridge", "bus",
        "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab",
        "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
        "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom",
        "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
        "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail",
        "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
        "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
    )  # fmt: skip
    mean: ClassVar = (0.5071, 0.4865, 0.4409)
    std: ClassVar = (0.2673, 0.2564, 0.2762)
