"""The body of a request: whole, within its limit, and read before anything else looks at it."""

from __future__ import annotations

import io

from flask import current_app, request

from app.problems import Problem


def receive() -> None:
    """Read the request's body and put it in the stream's place.

    By itself Flask would cut a chunked body at the limit, take one that broke off for whole, and answer 500 to chunks
    that gunicorn cannot read. Raises Problem 400 or 413.
    """
    if request.method != "POST":
        return
    most, length = current_app.config["MAX_CONTENT_LENGTH"], request.content_length
    try:
        data = (
            b"" if (length or 0) > most else request.environ["wsgi.input"].read(most + 1 if length is None else length)
        )
    except Exception as error:  # of gunicorn's parser, of its own kinds
        raise Problem(400, "The body cannot be read", "it broke off, or its chunks are malformed") from error
    if max(length or 0, len(data)) > most:
        raise Problem(413, "The body is too large", f"expected at most {most:,} bytes; send fewer records at a time")
    if len(data) < (length or 0):
        raise Problem(400, "The body cannot be read", f"expected {length:,} bytes; got {len(data):,}")
    request.environ["wsgi.input"] = io.BytesIO(data)
