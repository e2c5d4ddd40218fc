"""The body of a request, which is whole when it comes here: refused where the server found it wrong, and unpacked."""

import gzip
import io
import zlib

from flask import current_app, request

from app.environ import REFUSAL
from app.problems import Problem, too_large

MAX_FIELDS = 10_000  # of a form


def receive() -> None:
    """Unpack the body if it came packed by gzip. Raises Problem 400 or 413, or the server's own."""
    environ = request.environ
    if problem := environ.get(REFUSAL):
        raise problem
    most = current_app.config["MAX_CONTENT_LENGTH"]
    if (request.content_length or 0) > most:  # the server says so before; this is for others
        raise too_large(most)
    if request.mimetype == "application/x-www-form-urlencoded" and request.get_data().count(b"&") > MAX_FIELDS:
        raise Problem(413, "Too many fields", f"expected at most {MAX_FIELDS:,} in a form")
    if request.method != "POST" or environ.get("HTTP_CONTENT_ENCODING", "").lower() != "gzip":
        return
    try:
        data = gzip.GzipFile(fileobj=request.stream).read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Problem(400, "The body cannot be read", f"it is no whole gzip: {error}") from None
    if len(data) > most:
        raise too_large(most, ", unpacked")
    environ |= {"wsgi.input": io.BytesIO(data), "CONTENT_LENGTH": str(len(data)), "HTTP_CONTENT_ENCODING": "identity"}
    vars(request).pop("stream", None)  # which was read to its end
