"""The one adapter to Redis: everything that knows redis-py stands in this folder.

Redis holds only what expires or can be rebuilt (docs/design.md): FLUSHALL costs speed, never truth.

Laws:
1. No call is ever repeated here. redis-py by itself repeats each ten times, and an effect whose
   answer was lost then happens twice.
2. Every call has a deadline, and waiting for a connection counts into it.
3. A connection whose call was cancelled, came too late or failed is dropped, so that no answer ever
   goes to another call.
4. What is read has a limit in bytes, because a stranger may have written it.
5. No other folder imports redis, no type of redis-py leaves this one, and only `connection`
   imports it: that takes a fifth of a second, so `opening` does it when a store is opened.
"""
