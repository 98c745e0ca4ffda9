"""Lines as columns of bits: one integer per column of dots, bit 0 at the bottom. Eight dots make a braille character."""

from __future__ import annotations

from collections.abc import Sequence

LEFT = tuple(sum(dot for bit, dot in enumerate((0x40, 0x04, 0x02, 0x01)) if n >> bit & 1) for n in range(16))
RIGHT = tuple(sum(dot for bit, dot in enumerate((0x80, 0x20, 0x10, 0x08)) if n >> bit & 1) for n in range(16))
PAIR = tuple(LEFT[n >> 4] | RIGHT[n & 15] for n in range(256))

DotColumn = tuple[int, int, int, int, bool]  # column, lowest, highest, mean row of dots; whether a gap lies before it


def trace(points: Sequence[DotColumn], columns: int) -> list[int]:
    """The line through the means: vertical runs where it is steep, straight between columns that lie apart."""
    mask = [0] * columns
    before = row_before = -1
    for column, _low, _high, row, gap in points:
        if gap or before < 0:
            mask[column] |= 1 << row
        elif column - before == 1:
            mask[column] |= _run(row_before, row)
        else:
            slope, last = (row - row_before) / (column - before), row_before
            for x in range(before + 1, column + 1):
                here = row if x == column else int(row_before + slope * (x - before) + 0.5)
                mask[x] |= _run(last, here)
                last = here
        before, row_before = column, row
    return mask


def _run(last: int, row: int) -> int:
    """The dots from the one after `last` to `row`."""
    if row > last:
        return (1 << row + 1) - (1 << last + 1)
    return (1 << last) - (1 << row) if row < last else 1 << row


def envelope(points: Sequence[DotColumn], columns: int, *, thin: bool = False) -> list[int]:
    """The dots from the lowest to the highest value of each column that has a range; `thin` leaves all out but the ends."""
    mask = [0] * columns
    for column, low, high, _row, _gap in points:
        if low < high:
            mask[column] |= 1 << low | 1 << high if thin else (1 << high + 1) - (1 << low)
    return mask


def thick(mask: Sequence[int], rows: int) -> list[int]:
    """A line of twice the width."""
    top = (1 << rows) - 1
    return [(bits | bits << 1) & top for bits in mask]


class Canvas:
    """Characters of 2 × 4 dots (braille) or of one (ASCII): what was drawn first lies on top and lends its tone."""

    def __init__(self, width: int, height: int, dots: tuple[int, int]) -> None:
        self.width, self.height = width, height
        self.columns, self.rows = width * dots[0], height * dots[1]
        self._braille = dots == (2, 4)
        self.bits = [0] * (width * height)
        self.tones = bytearray(width * height)

    def draw(self, mask: Sequence[int], tone: int, glyph: str, *, under: bool = False) -> None:
        """Add columns of dots; `under` leaves alone what is drawn already. `glyph` stands for the dots in ASCII."""
        bits, tones, width = self.bits, self.tones, self.width
        if not self._braille:
            code = ord(glyph)
            for x, column in enumerate(mask):
                row = 0
                while column >> row:
                    if column >> row & 1 and not bits[row * width + x]:
                        bits[row * width + x], tones[row * width + x] = code, tone
                    row += 1
            return
        for x in range(width):
            left, right = mask[2 * x], mask[2 * x + 1]
            both = left | right
            if not both:
                continue
            row = ((both & -both).bit_length() - 1) >> 2
            shift = 4 * row
            both >>= shift
            index = row * width + x
            while both:
                if both & 15:
                    if not tones[index]:
                        tones[index] = tone
                        bits[index] = PAIR[(left >> shift & 15) << 4 | right >> shift & 15]
                    elif not under:
                        bits[index] |= PAIR[(left >> shift & 15) << 4 | right >> shift & 15]
                shift += 4
                both >>= 4
                index += width

    def line(self, y: int) -> tuple[list[int], bytearray]:
        """Character codes (0 = nothing) and tones of one line of the picture, 0 at the top."""
        start = (self.height - 1 - y) * self.width
        codes = self.bits[start : start + self.width]
        if self._braille:
            codes = [code and code | 0x2800 for code in codes]
        return codes, self.tones[start : start + self.width]
