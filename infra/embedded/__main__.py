"""The broker as a process: `python -m penstock.infra.embedded`.

    --host ADDRESS         listen on (127.0.0.1); another machine's view needs --remote
    --port N               listen on (0: any); the line `penstock-broker ready HOST:PORT` says which
    --remote               allow an address that other machines reach
    --advertise HOST:PORT  what clients are told
    --listener HOST:PORT=ADVERTISED_HOST:PORT
                           listen here too, and tell these clients the other address; may be
                           repeated
    --config NAME=VALUE    by Kafka's own names; may be repeated
    --memory MIB           how much of records it keeps in memory, in mebibytes (1024)
    --data DIR, --fsync    keep the records
    --leash FD             end when the other end of this pipe is closed

One thing counts here: 300 ms from the start of the process to the first acknowledged record. It
ends with 0 when it is told to (SIGTERM, SIGINT, the leash), in bounded time.
"""

import sys

from penstock.infra.embedded.lean_start import leave_out

leave_out()

from penstock.infra.embedded.server.broker_process import main  # noqa: E402 - see lean_start

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
