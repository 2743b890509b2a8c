"""Schemas that were published before, wherever that is written down: what new ones must fit to.

    place              what somebody says: topic, registry, git:REF or a folder
    committed_files,
    registry_place,
    topic_place        read such a place, by type and in order (versions)
    choice             the one that somebody means
    verdicts           whether what a type says now may follow

Law: nothing here publishes anything, and looking changes nothing.
"""
