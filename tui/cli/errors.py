"""Errors that the user can fix."""

from __future__ import annotations


class UsageError(Exception):
    """A usage error; the message says what is wrong and what to do, and the command exits with code 2."""
