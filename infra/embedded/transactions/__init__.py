"""Producer ids and the transaction coordinator: a core under virtual time.

    transaction_state.py        the states and the table of what follows what
    transaction.py              what the coordinator knows of one transactional id, and each change
    producer_initialisation.py  what InitProducerId finds and does
    producer_ids.py             blocks of producer ids, none of which is ever given twice
    transaction_coordinator.py  all ids together: requests, markers, time-outs, expiry, restart
    marker_work.py              which markers are to be written, orphans' included
    transaction_listing.py      what ListTransactions and DescribeTransactions say
    id_pattern.py               the regular expressions of ListTransactions; pattern_*.py its parts
    fencing_code.py             the error that an older client knows for a fenced producer

Laws:
1. It behaves as Apache Kafka 4.1 does while the feature `transaction.version` is 0.
2. What is kept in the journal is kept before it counts: when keeping fails, nothing has changed.
3. Time is an argument. Nothing here knows a partition's log, a group or a socket: markers are
   written by the caller, who says so afterwards.
"""
