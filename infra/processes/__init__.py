"""Child processes of ours, which end with their owner, and servers that run as such.

    owned_process.py   a command that cannot outlive whoever started it; leash.py is its tie
    server_process.py  a server as such a process: started again, killed, frozen, counted
    loopback_port.py   a port that it keeps while it is down
    answer_wait.py     the wait until it serves; redis_probe.py asks a Redis whether it does
    redis_program.py   where a redis-server is on this machine
    log_file.py        the end of its log, for whoever asks why it ended
    server_errors.py   what can go wrong with it

Law: only what was started here is ever signalled, by its own process id.
"""
