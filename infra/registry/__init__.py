"""Which processes of an app are there, and which of them take new work.

    async with open_registry(settings) as registry:
        async with registry.register(instance):              # says by itself that it lives
            found = await registry.discover("orders")        # found.instances take new work
            async for change in registry.watch("orders"):    # Joined, Changed, Left
                ...

    instance, instance_codec    what is known of a process, and its bounded JSON       (core)
    lease_times                 how often, how long, when                              (core)
    standing                    what an answer means to a process that registers       (core)
    view, changes, pace         what is known of a service, and how it differs         (core)
    directory                   the port: where entries are kept
    redis_directory, *.lua      its adapter: entries are leases by the clock of Redis
    registration, lookout, watch, registry    the shells
    opening, this_process       how a program comes to them

Laws:
1. It holds what can be lost at any moment and comes back by itself within two heartbeats. Nothing
   here decides about an event.
2. Whoever says nothing for nine seconds takes no work; whoever was forgotten registers again, with
   its own state, and is never brought back by an old message.
3. Where the registry cannot be asked, the last good list is served and says its age; a process
   that registers is never ended, and told once.
4. What stands in the registry may have been written by a stranger: it has limits, and what cannot
   be read hides nobody else.
"""
