"""Training in the background: the configuration, the run directory and the worker process."""

__version__ = "0.1.0"
