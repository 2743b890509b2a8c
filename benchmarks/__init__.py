"""Benchmarks: each measures two sides in turn, on one Kafka, and prints their ratio.

    python -m benchmarks.publish        typed events against aiokafka's send() and a bare loop
    python -m benchmarks.consume        a no-op handler against a bare loop
    python -m benchmarks.exactly_once   exactly once against at least once
    python -m benchmarks.sagas          sagas against bare group-commit loops
    python -m benchmarks.commits        commit latency, and the time of a restore
    python -m benchmarks.cache          hits of a cached function against redis-py's GET
    python -m benchmarks.embedded_start       the embedded broker, until its first record
    python -m benchmarks.embedded_throughput  the embedded broker against Apache Kafka
    python -m benchmarks.help           how long `penstock --help` takes

The machine's noise hits both sides alike, because they are interleaved; quote ratios and medians,
never a single figure. Servers are found as tests find them (infra/testing).
"""
