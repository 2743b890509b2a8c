"""The log in memory: penstock's own ports straight over the embedded broker's cores.

    cluster = MemoryCluster(clock=VirtualClock(), entropy=SeededEntropy(7))
    writer = cluster.writer()       # memory_cluster.py is the door to all ports

It fulfils events/log.py, workers/ports.py and what counters and the catalogue ask for, with the
promises and the errors of infra/kafka, over the log engine, group coordinator and transaction
coordinator that the embedded broker serves over sockets: for scenario tests and simulations.

Laws:
1. No socket, no thread and no time but the given clock's: with a virtual clock a session expires, a
   transaction times out and a wait ends when the test moves the clock, and at no other moment.
2. No randomness but the given one: the same seed, calls and clock give the same history.
3. Each request takes at least one turn of the event loop, and what a network may do can be done to
   it: loss before or after its effect, delay, an error, a broker that is away (fault.py).
4. What the cores decide is not decided here again; what infra/kafka promises is promised here.
"""
