"""Trials: trainings with other values that a job starts as runs of their own, such as those of a search, and measurements in processes of their own."""
