"""The one adapter to Kafka: everything that knows aiokafka stands in this folder.

It fulfils the ports of the rooms (events/log.py, workers/ports.py) and adds nothing of its own to
what they promise. Where aiokafka 0.14 does otherwise than the ports demand, the cure stands here
with its reason, and tests/infra/kafka/test_patched_client.py fails when the patched parts of
aiokafka change.

Law: no other folder imports aiokafka, and no type of aiokafka leaves this one (its records do,
because they fit events.log.LogRecord as they are).
"""
