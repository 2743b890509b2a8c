"""The language: from a YAML text to a checked `Definition`, or to everything that is wrong with it.

    yaml_tree.py        YAML that a saga may be, with the place of everything
    outline_reader.py   words, names, numbers, durations: what the file says
    pivot.py, time_budget.py, steps.py   what steps mean to each other
    compensated.py      what is said when everything is undone
    paths.py, value_templates.py, value_types.py, literals.py   does every path lead somewhere, does
                        every value fit the Avro type that it is for
    problem.py          what is wrong, with file, line, column and caret
    check.py            all of it in order: the way in

Laws:
1. All problems are found at once, and each says where, what, why, and what was probably meant.
2. Whatever the text, the answer is a definition or problems; nothing hostile gets further.
3. Nothing here runs a saga.
"""
