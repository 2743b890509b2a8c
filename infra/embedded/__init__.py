"""A Kafka broker of one node, for development, demos and tests: a Kafka that starts in a blink.

    log/           partitions of record batches: append, read, transactions, retention, compaction
    groups/        the group coordinator, classic protocol
    transactions/  producer ids and the transaction coordinator
    configs/       Kafka's configuration names, their types, defaults and checks
    topics/        the table of topics
    deadlines.py   what is due when, for groups and transactions
    *_administration.py, partition_logs.py   what concerns topics, settings and logs together
    broker.py      all of these put together, still without a socket
    journal_*.py   what must outlive the process, as bytes, and what it amounts to
    wire/          frames, and Kafka's messages made and found
    apis/          one module for each request: message in, core called, message out
    storage/       the folder that a broker may keep its data in
    server/        sockets, limits, who may connect, faults on demand, the clock
    __main__.py    the broker as a process; lean_start.py is how it is ready at once

Laws:
1. Cores (log, groups, transactions, configs, topics, broker) take the time as an argument, never
   wait, and answer a client's fault with Kafka's error code.
2. Where an answer differs from Apache Kafka's, it is wrong.
3. The process that runs it imports neither pydantic nor typer nor a Kafka client: it has 300 ms
   from its start to the first acknowledged record.
4. It is no production store: one node, no replicas.
"""
