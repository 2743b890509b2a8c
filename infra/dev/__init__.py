"""`penstock dev`: a whole system of a project on one machine, from one command.

    project_listing.py   what the project consists of, as a child process tells it (told_project.py)
    process_plan.py      CORE  which processes that makes, and which of them a change concerns
    file_changes.py      CORE  which files count when they change; file_watch.py sees them change
    restart_rule.py      CORE  when a process that has ended starts again, and when that is no use
    log_line.py          CORE  how a line of the common log looks; common_log.py writes it
    child_environment.py CORE  what the processes are told by their environment
    example_event.py     CORE  an event to try it with, made of a schema
    dev_process.py       one of the processes, its output line by line
    crew.py              all of them: started, started again, drained
    session.py           the whole: broker, Redis, topics, crew, reloading, the end

Laws:
1. Nothing of the user's code is imported into the process that supervises: code that was imported
   once could not be loaded again.
2. Whatever a user's code does, a file with half a line in it included, the session goes on.
3. Nothing that was started here outlives the session, however that ends; every wait has a limit.
"""
