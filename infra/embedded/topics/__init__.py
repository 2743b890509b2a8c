"""The table of topics: names, ids, partitions and configurations.

    topic.py             one topic
    topic_table.py       all topics, by name and by id
    topic_name.py        which names are legal, and which are too much like another
    replica_placement.py which replicas one node can have
    topic_creation.py    the wish for a topic, and the answer
    topic_rules.py       whether a wish can be granted
    topic_deletion.py    the wish that a topic goes, and the answer
    deletion_plan.py     which of the named topics may go
    partition_growth.py  the wish for more partitions, and the answer
    topic_entry.py       what is kept for the next start

Laws:
1. There is one broker, so there is one replica of each partition.
2. Checks, their order and their words are Apache Kafka's (ReplicationControlManager).
"""
