"""From bytes to Kafka's messages and back: frames, headers, bodies, and the table of requests.

Sans-I/O. Kafka's messages are described by the package kio, a module for each API, version and
direction, imported when a client first uses it; reading and writing them is our own, because bytes
from a stranger must not cost more memory or time than they are worth.

Laws:
1. What cannot be read raises `UnreadableMessage`; nothing else comes out of a hostile frame.
2. No array is longer than what is left of its frame, and no request holds more than a bounded
   number of elements.
"""
