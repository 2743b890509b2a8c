"""Real Kafka and Redis servers and broken networks for tests.

`kafka_source` finds a Kafka: a given address, a container, or a plain JVM. `local_kafka` and
`kafka_container` run one that a test may kill, pause and start again, and `local_broker` an
embedded broker, where that is asked for in Kafka's place. `redis_source`, `local_redis`
and `redis_container` are the same for Redis. `fault_proxy` stands between clients and a Kafka and
delays, holds, loses or cuts single requests.

Laws:
1. What is given by address is never destroyed; what was started here never outlives its owner.
2. Everything listens on loopback only.
3. Every wait has a limit, and says what it waited for when the limit is met.
4. Nothing here imports a client of Kafka or Redis: tests bring their own.
"""
