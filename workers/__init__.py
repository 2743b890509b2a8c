"""Workers: handlers that consume events, keep state, and publish what follows, losing nothing.

    worker.py           what users declare: Worker, @worker.on, @worker.command
    counters.py         replicated counters: Counters, and what is written of them
    pipeline.py         one record: decode, handle, retry, emit, or park
    command_pipeline.py one command: remembered, or carried out, and answered
    participant.py      the core under it: what is remembered of a saga's step
    partition_work.py   one running partition: collect, compute, commit
    partition_life.py   the core under it: fence, locate, barrier, restore, run
    runner.py           one process: poll, and one task per partition

Laws:
1. Cores are values and tables without I/O; shells carry out what they command.
2. Everything from Kafka comes through the ports of ports.py and events/log.py.
3. This room knows no saga's definition, no Redis and no command line.
"""

from penstock.workers.backoff import Backoff
from penstock.workers.counters import Counters
from penstock.workers.delivery import Delivery
from penstock.workers.refused import Failed, Refused
from penstock.workers.state_table import StateTable
from penstock.workers.worker import Worker

__all__ = ["Backoff", "Counters", "Delivery", "Failed", "Refused", "StateTable", "Worker"]
