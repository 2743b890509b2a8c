"""Partitions as logs of record batches: a core without I/O.

    partition_log.py        one partition: append, read, delete, clean; the room's front door
    record_batch.py         a batch's header; many batches in one run of bytes
    record_format.py        the records inside a batch
    compression.py          the codecs, each with a limit
    control_marker.py       the marker that ends a transaction
    batch_validation.py     what is taken from a client, and what is made of it
    producer_states.py      epochs, sequences, open transactions
    producer_snapshot.py    what is kept of that when segments are deleted
    aborted_transactions.py what readers of committed records drop
    segment.py              a run of batches and its index; segment_list.py has all of a log's
    segment_store.py        where bytes lie: the port, and memory
    cleaning_rules.py       when segments are closed, deleted, compacted
    compaction.py           of each key the last record; cleaned_transactions.py beside it
    log_config.py, log_answers.py, log_errors.py

Laws:
1. Batches are kept as the bytes they came in.
2. The time is an argument; nothing waits, and nothing is raised for what a client sends.
3. All knowledge can be read again out of the stored bytes.
"""
