"""The body of a request, which is whole when it comes here: refused, where the server found it wrong."""

from __future__ import annotations

from flask import request

from app.gateway import REFUSAL


def receive() -> None:
    """Raise the Problem for which the server does not let the request through, if there is one."""
    if problem := request.environ.get(REFUSAL):
        raise problem
