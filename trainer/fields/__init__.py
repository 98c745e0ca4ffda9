"""The fields of a configuration as plain data: what is said of each, and how values are written. Imports nothing of gradtop, nor pydantic."""
