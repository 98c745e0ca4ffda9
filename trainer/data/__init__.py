"""Data sets: declared and loaded in kinds/, batched and augmented here. Importing the package needs no torch."""
