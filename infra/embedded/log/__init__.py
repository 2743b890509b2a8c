"""Partitions as logs of record batches: a core without I/O."""
