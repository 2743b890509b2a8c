"""The engine: what an input does to a saga. Pure and total; no clock, no broker, no randomness.

    decide.py      the way in, and the table of inputs by phase
    answers.py     the table of answers by direction and status
    verbs.py       the table of what operators may do
    timers.py      the table of what runs out
    walk.py        what comes next, forward and backward
    announcement.py   what a saga says when everything is undone
    turn.py        one transition in the making: facts are stated, the state follows
    facts.py       what has happened, and what that makes of a state
    state.py       what is known about one saga
    program.py     a definition made ready to run
    invariants.py  what holds behind every transition

Laws:
1. A state is only ever what facts make of the one before; the facts are the history.
2. Every input in every state is decided; an exception is a bug.
3. Nothing here knows the language, a topic's partitions or a worker.
"""
