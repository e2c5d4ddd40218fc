"""What a client is told when something is wrong: problem documents as RFC 9457 has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, current_app, g, request

if TYPE_CHECKING:
    from werkzeug.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
# A list of errors is cut so that the answer stays below so many bytes, or so many times what was sent if that is more.
SHORT_BYTES, TIMES_SENT = 64_000, 20


class Problem(Exception):
    """An answer that is an error: its status, a title that is the same for all of its kind, and what happened here."""

    def __init__(self, status: int, title: str, detail: str, **members: Any):
        super().__init__(detail)
        self.status, self.title, self.detail, self.members = status, title, detail, members

    def document(self) -> dict[str, Any]:
        """Return the body of the answer."""
        about = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}
        return about | self.members


def too_large(most: int, said: str = "") -> Problem:
    """Make the 413 for a body of more bytes than are taken; said: how they were counted."""
    return Problem(413, "The body is too large", f"expected at most {most:,} bytes{said}; send fewer records at a time")


def refused(faults: list[dict[str, str]], records: int) -> Problem:
    """Make the 422 that lists the faults of a request, and says how many records have any."""
    counted = f"{_plural(len(faults), 'fault')} in {_plural(records, 'record')}"
    return Problem(422, "The request breaks the data contract", f"{counted}; nothing was predicted", errors=faults)


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def problem_response(problem: Problem) -> Response:
    """Make the application/problem+json answer."""
    document = problem.document() | {"request_id": g.get("request_id", "")}
    response = current_app.json.response(document)
    most = max(SHORT_BYTES, TIMES_SENT * (request.content_length or 0))
    if (length := response.content_length or 0) > most and (errors := document.get("errors")):
        first = errors[: len(errors) * (most - 1000) // length]
        document |= {"errors": first, "detail": f"{problem.detail}; the first {len(first):,} are told"}
        response = current_app.json.response(document)
    response.status_code, response.mimetype = problem.status, MEDIA_TYPE
    return response


def http_problem(error: HTTPException) -> Problem:
    """Tell the errors of Flask itself in the same form: an unknown page, a wrong method, too large a body, a bug."""
    detail = error.description or ""
    if error.code == 413:
        return too_large(current_app.config["MAX_CONTENT_LENGTH"])
    if error.code == 500:
        detail = "this is a fault of the service, not of the request; its log tells more, by the request_id"
    return Problem(error.code or 500, error.name, detail)
