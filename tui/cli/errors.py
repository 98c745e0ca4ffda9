"""A mistake that the user can put right."""

from __future__ import annotations


class UsageError(Exception):
    """The message says what is wrong and what to do; the command ends with exit code 2."""
