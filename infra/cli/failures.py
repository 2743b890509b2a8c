"""How a command ends when it fails: one line on stderr, and an exit code that a script can use.

    PenstockError       its code and message, and its own exit code
    anything else       PEN-I9 with the place it came from, and 8
    Ctrl-C              130, without a word
    a closed pipe       141, as any program that is stopped by SIGPIPE
    a full disk         PEN-I170 where stdout goes to it, and 5
    wrong usage         typer's own words, and 2

Laws:
1. No traceback, unless --debug asks for it.
2. The line is one line, whatever stands in the facts.
3. `--help` loads this file, so it imports nothing of the product before something has failed.
"""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

__all__ = ["guarded", "tell"]

P = ParamSpec("P")

_INTERRUPTED = 128 + 2  # SIGINT
_BROKEN_PIPE = 128 + 13  # SIGPIPE
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def guarded(command: Callable[P, None], *, debug: bool) -> Callable[P, None]:
    """Return a command that ends in an exit code, whatever happens in it.

    Args:
        command: what typer is to call; its signature stays.
        debug: whether to print tracebacks.
    """

    @wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            command(*arguments, **options)
            print(end="", flush=True)  # here, and not when nobody can say any more that it failed
        except (typer.Exit, typer.BadParameter):
            raise
        except (KeyboardInterrupt, typer.Abort):
            raise typer.Exit(_INTERRUPTED) from None
        except BrokenPipeError:
            _forget_stdout()
            raise typer.Exit(_BROKEN_PIPE) from None
        except Exception as error:
            raise typer.Exit(tell(_of_output(error), debug=debug)) from error

    return run


def tell(error: Exception, *, debug: bool) -> int:
    """Print what went wrong.

    Args:
        error: what a command raised.
        debug: whether to print its traceback too.

    Returns:
        The exit code.
    """
    # Imported here, because it draws in the whole room of schemas.
    from penstock.infra.cli.unexpected import known, one_line  # noqa: PLC0415 - law 3

    if debug:
        traceback.print_exception(error)
    told = known(error)
    print(f"penstock: {one_line(told)}", file=sys.stderr)
    return int(told.exit_code)


def _of_output(error: Exception) -> Exception:
    """The error itself, or that of stdout where this is what it tells of."""
    try:
        sys.stdout.flush()  # what could not be written is still there, and fails again
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
            print(flush=True)  # or it is not, where stdout is unbuffered; then an empty line fails
    except OSError as refused:
        _forget_stdout()
        if isinstance(error, OSError) and error.errno == refused.errno:
            from penstock.infra.cli.unexpected import OutputRefused  # noqa: PLC0415 - law 3

            return OutputRefused(reason=refused.strerror or str(refused))
    return error


def _forget_stdout() -> None:
    """Let the interpreter's last flush go nowhere; it would complain once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
