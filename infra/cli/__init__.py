"""The command line: `penstock run worker shop.stock:worker`, `penstock publish ...`.

    program.py     every command with its options and help; a thin skin, imported at once
    failures.py    how a command ends when it fails: one line, and an exit code
    the others     what the commands do; each is imported when its command runs

Laws:
1. stdout is for what a command prints, stderr for errors, log lines and progress bars.
2. `--help` imports none of the libraries that commands need, so that it is there at once.
3. Commands wire nothing: bootstrap.py does, and the rooms below do the work.
"""

from penstock.infra.cli.program import main

__all__ = ["main"]
