from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from gradtop.trainer.config import ImageFolder
from gradtop.trainer.data.kinds.image_folder.images import PixelRange, Unopenable, read_picture
from gradtop.trainer.data.kinds.image_folder.loader import Folder, load
from gradtop.trainer.data.kinds.image_folder.pixel_range import find_pixel_range
from gradtop.trainer.runtime.errors import UserError

ORIENTATION = 0x0112


def seen(path: Path, *scale: Any, place: int = 4) -> list[int]:
    """The colour in the middle."""
    return [int(value) for value in read_picture(str(path), 2 * place, *scale)[:, place, place]]


def tiff(values: np.ndarray[Any, Any], *, white_is_zero: bool) -> bytes:
    """A grey image, uncompressed, of any type that NumPy has."""
    big, data = values.dtype.byteorder == ">", values.tobytes()
    order, kind = ">" if big else "<", {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    height, width = values.shape
    entries = [(256, width), (257, height), (258, 8 * values.itemsize), (259, 1), (262, int(not white_is_zero)), (273, 8), (277, 1), (278, height), (279, len(data)), (339, kind)]
    directory = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in entries)
    return (b"MM\0*" if big else b"II*\0") + struct.pack(f"{order}I", 8 + len(data)) + data + struct.pack(f"{order}H", len(entries)) + directory + bytes(4)


def png(values: np.ndarray[Any, Any], kind: int) -> bytes:
    """Of 16 bits, as Pillow writes none in colour."""
    height, width = values.shape[:2]
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)


@pytest.mark.parametrize(("suffix", "options"), [("jpg", {"quality": 95}), ("png", {}), ("webp", {"lossless": True}), ("tif", {}), ("tif", {"compression": "tiff_lzw"})])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_is_obeyed_once_as_pillow_itself_does(tmp_path: Path, suffix: str, options: dict[str, Any], orientation: int) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (4, 6, 3)).astype(np.uint8)
    about = Image.Exif()
    about[ORIENTATION] = orientation
    path = tmp_path / f"one.{suffix}"
    Image.fromarray(colours).resize((48, 32)).save(path, exif=about, **options)
    with Image.open(path) as image:
        image.load()
        ImageOps.exif_transpose(image).convert("RGB").save(tmp_path / "upright.png")
    difference = read_picture(str(path), 32).int() - read_picture(str(tmp_path / "upright.png"), 32).int()

    assert int(difference.abs().max()) <= 2


@pytest.mark.parametrize(
    ("mode", "colour", "suffix", "expected"),
    [("L", 90, "png", (90, 90, 90)), ("RGBA", (255, 0, 0, 255), "png", (255, 0, 0)), ("RGBA", (9, 9, 9, 0), "webp", (255, 255, 255)), ("LA", (40, 255), "tif", (40,) * 3),
     ("LA", (40, 0), "png", (255,) * 3), ("1", 1, "png", (255,) * 3), ("1", 0, "tif", (0,) * 3), ("P", 0, "png", (0, 0, 0)), ("P", 0, "gif", (0, 0, 0)),
     ("CMYK", (0, 255, 255, 0), "tif", (255, 0, 0)), ("CMYK", (0, 0, 0, 128), "jpg", (127,) * 3), ("YCbCr", (100, 128, 128), "tif", (100,) * 3), ("LAB", (0, 128, 128), "tif", (0,) * 3)],
)
def test_every_kind_of_bytes_becomes_colour(tmp_path: Path, mode: str, colour: int | tuple[int, ...], suffix: str, expected: tuple[int, ...]) -> None:
    path = tmp_path / f"one.{suffix}"
    Image.new(mode, (12, 10), colour).save(path)

    assert read_picture(str(path), 8).shape == (3, 8, 8)
    assert seen(path) == pytest.approx(expected, abs=1)


def test_the_middle_is_cut_out_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (32, 16), "red")
    image.paste("white", (8, 0, 24, 8))
    image.paste("blue", (8, 8, 24, 16))
    image.save(tmp_path / "plain.png")
    plain = read_picture(str(tmp_path / "plain.png"), 16)

    assert plain[:, 2, 8].tolist() == [255, 255, 255]
    assert plain[:, 13, 8].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    ("values", "scale", "light"),
    [(np.full((9, 9), 1000, "<u2"), (0, 4095), 62), (np.full((9, 9), 1000, ">u2"), (0, 4095), 62), (np.full((9, 9), 51, "u1"), (), 51), (np.full((9, 9), 0.25, "<f4"), (0, 1), 64),
     (np.full((9, 9), -250, "<i2"), (-1000, 1000), 96), (np.full((9, 9), 40_000, "<u4"), (0, 65_535), 156)],
)
def test_values_are_scaled_alike_and_white_may_be_zero(tmp_path: Path, values: np.ndarray[Any, Any], scale: tuple[float, ...], light: int) -> None:
    path, pixels = tmp_path / "one.tif", PixelRange(*scale) if scale else None
    path.write_bytes(tiff(values, white_is_zero=False))
    assert seen(path, pixels) == [light] * 3
    path.write_bytes(tiff(values, white_is_zero=True))
    if values.dtype in (np.dtype("<u2"), np.dtype("u1"), np.dtype("<f4")):
        assert seen(path, pixels) == [255 - light] * 3
    else:
        with pytest.raises(Unopenable, match="of a kind that Pillow does not read"):
            seen(path, pixels)


def test_what_is_no_number_is_black(tmp_path: Path) -> None:
    values = np.full((8, 8), 1.0, "<f4")
    values[2, 2] = np.nan
    (tmp_path / "one.tif").write_bytes(tiff(values, white_is_zero=False))
    picture = read_picture(str(tmp_path / "one.tif"), 8, PixelRange(0, 1))
    assert int(picture[0, 2, 2]) == 0
    assert int(picture[0, 7, 7]) == 255


def of(root: Path, **settings: Any) -> Folder:
    return load(ImageFolder(root=str(root), image_size=8, workers=0, validation=0.5, **settings), seed=0)


def classes(root: Path, images: dict[str, list[bytes]], suffix: str) -> Path:
    for name, contents in images.items():
        (root / name).mkdir(parents=True)
        for number, content in enumerate(contents):
            (root / name / f"{number}.{suffix}").write_bytes(content)
    return root


@pytest.mark.parametrize(
    ("dtype", "dark", "bright", "expected"),
    [("<u2", 300, 3000, (0, 4095)), ("<u2", 3, 200, (0, 255)), (">u2", 300, 60_000, (0, 65_535)), ("<f4", 0.1, 0.9, (0, 1)), ("<f4", 10, 200, (0, 255)), ("<f4", -0.9, 0.9, (-1, 1)),
     ("<f4", 0.001, 0.002, (0, 0.002)), ("<i2", -1000, 3000, (-1000, 3000)), ("<f4", 0, 0, (0, 1))],
)
def test_black_and_white_are_those_of_the_data_set(tmp_path: Path, dtype: str, dark: float, bright: float, expected: tuple[float, float]) -> None:
    images = {name: [tiff(np.full((9, 9), value, dtype), white_is_zero=False)] * 3 for name, value in (("a", dark), ("b", bright))}
    paths = [str(path) for path in classes(tmp_path, images, "tif").rglob("*.tif")]
    found = find_pixel_range(paths)
    assert found
    assert found[0] == pytest.approx(expected)
    low, high = expected
    assert seen(tmp_path / "b" / "0.tif", found[0]) == pytest.approx([round(255 * (bright - low) / (high - low))] * 3, abs=1)


def test_a_few_white_pixels_make_no_image_black(tmp_path: Path) -> None:
    values = np.full((64, 64), 900, "<u2")
    values[3, 3] = 65_535
    (tmp_path / "one.tif").write_bytes(tiff(values, white_is_zero=False))
    found = find_pixel_range([str(tmp_path / "one.tif")])
    assert found
    assert found[0] == PixelRange(0, 1023)


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (6, 4), (4, 2)])
def test_colour_of_16_bits_is_scaled_by_its_upper_8(tmp_path: Path, kind: int, channels: int) -> None:
    values = np.full((9, 9, channels), 3000)
    if channels != 3:
        values[..., -1] = 65_535
    (tmp_path / "one.png").write_bytes(png(values, kind))
    found = find_pixel_range([str(tmp_path / "one.png")])
    assert found
    assert found[0] == PixelRange(0, 4095)
    assert seen(tmp_path / "one.png", found[0]) == [187] * 3
    (tmp_path / "one.png").write_bytes(png(values * 0 + 200, 2 if channels == 3 else kind))
    if channels == 3:
        with pytest.raises(UserError, match="reads the upper 8, and these are all 0"):
            find_pixel_range([str(tmp_path / "one.png")])


def test_the_scale_is_found_once_said_and_may_be_given(tmp_path: Path) -> None:
    images = {name: [tiff(np.full((9, 9), value + number, "<u2"), white_is_zero=False) for number in range(4)] for name, value in (("a", 300), ("b", 3000))}
    folder = of(classes(tmp_path, images, "tif"))
    assert folder.survey.settings == {"data.black": 0.0, "data.white": 4095.0}
    assert any("0 is black and 4,095 is white" in note for note in folder.survey.notes)
    given = of(tmp_path, black=0.0, white=6000.0)
    assert not given.survey.settings
    brightest = [max(int(part.train[index][0].max()) for index in range(4)) for part in (folder, given)]  # type: ignore[index]
    assert brightest == [187, 128]
    Image.new("L", (9, 9), 77).save(tmp_path / "a" / "0.tif")
    assert torch.equal(read_picture(str(tmp_path / "a" / "0.tif"), 8, PixelRange(0, 4095)), torch.full((3, 8, 8), 77, dtype=torch.uint8))


def test_floats_and_integers_have_no_scale_in_common(tmp_path: Path) -> None:
    images = {name: [tiff(np.full((9, 9), value, dtype), white_is_zero=False) for value in (1, 2)] for name, dtype in (("a", "<f4"), ("b", "<u2"))}
    with pytest.raises(UserError, match="some images hold floats and others integers"):
        of(classes(tmp_path, images, "tif"))
