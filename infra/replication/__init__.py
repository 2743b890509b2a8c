"""Replication: counters that many processes count and many read, over compacted topics.

    g_counter.py, pn_counter.py   the two types, as values with their laws
    component_records.py          a counter as the records of its topic, and back
    component_view.py             what a reader has merged from a topic
    counter_reader.py             reads a topic, merges, lets callers wait
    counter_value.py              what is known of a counter; tokens
    slot_ledger.py                what a slot has counted, is writing, and has written
    slot_hold.py                  fence -> ends -> restore -> generation
    slot_generation.py            how often a slot was taken, as a record
    slot_settings.py              limits and rhythm of a slot
    counter_slot.py               counts outside of handlers: group commit, doubts, the end
    count_waiters.py              who waits until what was counted is committed
    counter_log.py                what all of this needs of Kafka
    patience.py                   how long what is lost may come back; waits between attempts
    counters_closed.py            the error of whoever uses any of this behind its block

How counters are declared, and what a record of them is, stands in workers/counters.py; counting
inside of handlers is the business of workers alone.

Laws:
1. A replica writes its own component and no other, absolute and never less than before.
2. Whoever counts outside of a handler holds a slot: it fences, then restores, then counts. Without
   the fence two owners would hide each other's increments; without the restore a new owner would
   hide its predecessor's.
3. Readers merge by taking the larger number. What must never be seen is counted and told.
"""
