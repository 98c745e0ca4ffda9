"""Optimizers and learning-rate schedules. Declarations (optimizers/, schedules/) need no torch; what builds them does."""
