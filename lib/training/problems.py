"""The errors that a person can mend: each message says what, where, what was found and what to do next."""

import sys
from collections.abc import Callable


class Problem(Exception):
    """Something in the project's input is wrong; the message alone tells the user, no traceback is needed."""


class ConfigProblem(Problem):
    """The configuration names something that does not exist or does not fit."""


class DataProblem(Problem):
    """The data cannot be had, cannot be read or break the contract."""


class CandidateFailed(Problem):
    """A candidate could not be fitted or scored; the others go on without it."""


class RunProblem(Problem):
    """The run cannot start or cannot publish."""


def status_of(command: str, act: Callable[[], int | None]) -> int:
    """Do what a command of make does; returns the exit status. A Problem becomes a line on the standard error."""
    if sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack a letter or a sign
    try:
        return act() or 0
    except Problem as problem:
        print(f"{command}: {problem}", file=sys.stderr)
        return 1
