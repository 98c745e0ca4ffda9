"""Profiles of training steps by torch.profiler: taken in the worker, between steps that are not profiled."""
