"""Streams: append-only series of records of fixed width, one segment per writing process; `registry` declares them."""
