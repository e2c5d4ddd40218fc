"""The errors that a person can mend: each message says what, where, what was found and what to do next."""

import sys
from collections.abc import Callable

from registry.problems import RegistryProblem


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


TOLD = (Problem, RegistryProblem)  # those whose message is all that a person needs


def status_of(command: str, act: Callable[[], int | None], errors: str | None = "replace") -> int:
    """Do what a command does; returns its status. What is TOLD becomes one line. errors: for signs a terminal lacks."""
    sys.stdout.reconfigure(errors=errors)
    try:
        return act() or 0
    except TOLD as problem:
        print(f"{command}: {problem}", file=sys.stderr)
        return 1
