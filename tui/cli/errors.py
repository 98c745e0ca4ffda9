"""Errors that the user can fix."""

from __future__ import annotations


class UsageError(Exception):
    """A usage error; the message says what is wrong and what to do, and the command exits with code 2."""


class ConfigurationError(UsageError):
    """The message has a line for each problem of a configuration."""

    @property
    def problems(self) -> list[str]:
        return str(self).splitlines()
