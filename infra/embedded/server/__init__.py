"""The shell around the broker: sockets, limits, faults on demand, the clock."""
