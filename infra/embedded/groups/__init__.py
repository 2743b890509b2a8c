"""The group coordinator of the classic consumer protocol: a core under virtual time.

    group_coordinator.py   the door: every call of the outside
    membership.py          join, sync, heartbeat, leave: what members ask
    rebalances.py          what a group does by itself: phases, timeouts, expiry of sessions
    group_offsets.py       committed offsets: who may commit, fetch, forget; their expiry
    offset_store.py        the offsets themselves, and those of open transactions
    classic_group.py       one group: its members, votes and state, with the table of transitions

The rules are Apache Kafka 4.1's (GroupMetadataManager and OffsetMetadataManager). This room knows
neither messages of the wire nor versions of APIs: what depends on a version is a field.
"""
