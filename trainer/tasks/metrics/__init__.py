"""Metrics that `training.metrics` adds to what a task measures by itself."""
