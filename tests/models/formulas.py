"""What a formula of the parameter table comes to."""

from __future__ import annotations

import math
import re


def evaluated(formula: str) -> int:
    return sum(math.prod(int(number) for number in re.split("[·×]", term)) for term in formula.split("+")) if formula else 0
