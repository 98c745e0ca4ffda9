"""Models: declared and built in kinds/, initialised, counted and described here. Importing the package needs no torch."""
