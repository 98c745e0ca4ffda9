"""Drawn widgets: reusable, and they know nothing of runs. All text given to them is data, never markup."""
