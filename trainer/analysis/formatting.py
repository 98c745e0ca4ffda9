"""Values as people read them. Every function takes any number, the non-finite ones too, and never raises."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence

THIN = "\u202f"
SI = ("", "k", "M", "G", "T", "P", "E")
STEPS_S = (2, 5, 10, 15, 20, 30, 45)
STEPS_MIN = (1, 2, 3, 4, 5, 10, 15, 20, 30, 45)
LARGE = 1e6  # from where on a number is written with an exponent
LATEST = 1e11  # seconds: what is longer, or later, is none
NINES, ALMOST = 4, 0.9999  # digits of what is nearly 1
BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def number(value: float) -> str:
    """A whole number with thin thousands: 31 402. What is no whole number is given `significant`."""
    if abs(value) < 1e20 and (isinstance(value, int) or (abs(value) < 1e15 and value == int(value))):
        return f"{int(value):,}".replace(",", THIN)
    return significant(value)


def significant(value: float, digits: int = 3) -> str:
    """So many significant digits, in the shortest way: 0.113, 12.3, 1 234, 9.1e-4, 3e-4, 1e12. What is under 1 never reads as 1: 0.9999.

    Zeros at the end are kept where they were measured (0.130 for 0.12998) and left out where the value is exact (0.1).
    """
    if not math.isfinite(value):
        return "nan" if value != value else "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 0.01 or size >= 1e6:
        return scientific(value, max(1, digits - 1))
    rounded = float(f"{value:.{digits}g}")
    while 0.99 < size < 1 <= abs(rounded) and digits < NINES:
        digits += 1
        rounded = float(f"{value:.{digits}g}")
    if size < 1 <= abs(rounded):
        rounded = value = math.copysign(ALMOST, value)
    exponent = math.floor(math.log10(abs(rounded)))
    text = f"{rounded:,.{max(0, digits - 1 - exponent)}f}" if exponent < digits else f"{value:,.0f}"
    if "." in text and rounded == value:
        text = text.rstrip("0").rstrip(".")
    return text.replace(",", THIN)


def scientific(value: float, digits: int = 2) -> str:
    """A mantissa with so many digits and an exponent without padding: 3.1e-1, 2e-7, 1e12."""
    if not math.isfinite(value):
        return significant(value)
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def si(value: float) -> str:
    """Three significant digits and a letter: 12.4k, 1.2M; below 1000 as it is."""
    if not math.isfinite(value) or abs(value) < 999.5:
        return significant(value)
    power = min(len(SI) - 1, int(math.log10(abs(value)) / 3))
    if abs(value) / 1000**power >= 999.5 and power < len(SI) - 1:
        power += 1
    return f"{value / 1000**power:.3g}{SI[power]}" if abs(value) / 1000**power < 999.5 else scientific(value)


def percent(share: float, digits: int = 0) -> str:
    """A share of one as 23 %; what is not zero never reads as zero, and what is not all never as 100 %."""
    if not math.isfinite(share):
        return "–"
    if abs(share) >= LARGE:
        return f"{scientific(100 * share)} %"
    text = f"{100 * share:.{digits}f} %"
    if share > 0 and float(text[:-2]) == 0:
        return f"< {10.0**-digits:.{digits}f} %"
    return f"> {100 - 10.0**-digits:.{digits}f} %" if share < 1 and float(text[:-2]) == 100 else text


def progress(done: int, whole: int) -> str:
    """How much is done, rounded down, so that 100 % is the end."""
    return f"{min(100, 100 * done // whole)} %" if whole > 0 else "–"


def share(value: float, digits: int = 4) -> str:
    """A share of one with all the digits by which two may differ: 0.9889. What is under 1 never reads as 1."""
    if not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}" if abs(value) < LARGE else significant(value)
    return f"{1 - 10.0**-digits:.{digits}f}" if 0.9 < value < 1 <= float(text) else text


def duration(seconds: float) -> str:
    """0:41, 12:03, 2:05:00, 3 d 4 h; – where it is not known."""
    if not 0 <= seconds <= LATEST:
        return "–"
    whole = int(seconds + 0.5)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def age(seconds: float) -> str:
    """How long ago: 0.2 s ago, 41 s ago, 12 min ago, 3 h ago, 5 d ago."""
    if not -LATEST <= seconds <= LATEST:
        return "–"
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s ago"
    for unit, size, limit in (("s", 1, 90), ("min", 60, 5400), ("h", 3600, 172800)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds / 86400:.0f} d ago"


def size(count: float) -> str:
    """An amount of memory given in bytes: 512 B, 1.3 KiB, 123 KiB, 44.6 MiB."""
    if not 0 <= count < 1e24:
        return "–"
    power = 0
    while count >= 999.5 and power < len(BINARY) - 1:
        count, power = count / 1024, power + 1
    text = f"{count:.0f}" if power == 0 or count >= 99.95 else f"{count:.1f}"
    return f"{text} {BINARY[power]}"


def shape(sizes: Sequence[int]) -> str:
    """A tensor's shape: 32×1×3×3; a scalar's is `scalar`."""
    return "×".join(str(each) for each in sizes) or "scalar"


def power_of_ten(value: float) -> str:
    """The order of magnitude: 1000 as 10³; small ones as they are: 40, 300."""
    if not math.isfinite(value):
        return "∞"
    if value <= -1000:
        return scientific(value, 1)
    if value < 1000:
        return f"{value:.0f}" if value < 10 else f"{float(f'{value:.1g}'):.0f}"
    return "10" + str(round(math.log10(value))).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def setting_text(value: object) -> str:
    """A value of a configuration as a person would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(value, ".6g") if value == 0 or 0.01 <= abs(value) < 1e6 else scientific(value, 4)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(setting_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name} = {setting_text(each)}' for name, each in value.items())}}}"
    return "none" if value is None else str(value)


def changed_values(key: str, old: object, new: object) -> Iterator[tuple[str, object, object]]:
    """The change itself; of two tables those of their entries, by dotted key."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        yield key, old, new
        return
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield from changed_values(f"{key}.{name}", old.get(name), new.get(name))


def coarse_age(seconds: float) -> str:
    """An age that is written seldom: `live` under two seconds, then in steps that grow."""
    if not -LATEST <= seconds <= LATEST:
        return ""
    if seconds < STEPS_S[0]:
        return "live"
    if seconds < 60:
        return f"{max(step for step in STEPS_S if step <= seconds)} s ago"
    if seconds < 3600:
        return f"{max(step for step in STEPS_MIN if step * 60 <= seconds)} min ago"
    if seconds < 172800:
        return f"{int(seconds // 3600)} h ago"
    return f"{int(seconds // 86400)} days ago"


def date(then: float, form: str) -> str:
    """A moment in local time, in the form of `time.strftime`."""
    return time.strftime(form, time.localtime(then)) if abs(then) <= LATEST else "–"


def moment(then: float, now: float) -> str:
    """A time of day, with the date where it was not today."""
    if not (abs(then) <= LATEST and abs(now) <= LATEST):
        return "–"
    date, today = time.localtime(then), time.localtime(now)
    if date[:3] == today[:3]:
        return time.strftime("%H:%M", date)
    return time.strftime("%d %b %H:%M" if date[0] == today[0] else "%d %b %Y", date)
