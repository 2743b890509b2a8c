"""Events: declared with their topics, published to them, read from them.

What a user derives from or says in a declaration stands here. The parts that publish, read and keep
schemas have modules of their own and are wired together in infra; importing this room imports
nothing but schemas.
"""

from penstock.events.event import Command, Event, Key, Message, Reply
from penstock.events.headers import EventHeaders
from penstock.events.topic import FOREVER, Topic
from penstock.events.upcasting import upcast
from penstock.schemas.decimal_digits import money
from penstock.schemas.record import Record

__all__ = [
    "FOREVER",
    "Command",
    "Event",
    "EventHeaders",
    "Key",
    "Message",
    "Record",
    "Reply",
    "Topic",
    "money",
    "upcast",
]
