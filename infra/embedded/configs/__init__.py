"""Kafka's configuration names: types, defaults, checks, and what they mean here.

    config_type.py         the types, and how a text becomes a value
    config_check.py        what a value must fulfil, in Kafka's words
    config_definition.py   one configuration: name, type, default, check
    topic_configs.py       every topic configuration of Apache Kafka 4.1
    broker_configs.py      the broker's configurations that a single node can have
    resource_configs.py    those of groups and of client metrics
    broker_config.py       what the broker is set to, and the settings that its parts get
    config_changes.py      what IncrementalAlterConfigs makes of a resource's settings
    config_description.py  what DescribeConfigs shows
    config_limits.py       how many settings a resource may have, and how long

Laws:
1. A text that a client sends is never an exception: it becomes a value or a `ConfigRefusal`.
2. Texts of refusals are Kafka's own.
3. A configuration that means nothing on one node is taken, checked and shown all the same.
"""
