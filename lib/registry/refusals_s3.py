"""What S3, or the way to it, would not do, as sentences; and how boto3 asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from registry.problems import RegistryProblem

_RIGHTS = (
    "Use credentials that may list the bucket and read and write below the prefix: "
    "s3:ListBucket, s3:GetObject, s3:PutObject"
)
_ADVICE = {
    "NoSuchBucket": "Make the bucket, or mend the address",
    "PermanentRedirect": "The bucket lies in another region: set AWS_REGION to it",
    "ConditionalRequestConflict": "Others write the same file all the time: try again",
    "NotImplemented": "A registry needs conditional writes: keep it on S3 that knows them, or in a folder",
    "SlowDown": "S3 asks to wait: try again in a minute",
} | dict.fromkeys(
    ("AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"), _RIGHTS
)
_UNKNOWN = "Nothing is known of what is there. If this was a promotion, look at the history before you try again"


def boto3_settings(connections: int) -> Any:
    """How boto3 asks: three tries, and no checksums of its own, which some endpoints do not know."""
    from botocore.config import Config

    return Config(
        connect_timeout=5,
        read_timeout=10,  # of silence: a store that was away for a while is asked again soon after it is back
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=connections,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def code_of(error: Any) -> str:
    """What kind of refusal S3 answered, as its documentation calls it."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return {412: "PreconditionFailed"}.get(status, code)


@contextmanager
def told_s3(where: str) -> Iterator[None]:
    """Tell whatever boto3 raises as a RegistryProblem."""
    try:
        yield
    except RegistryProblem:
        raise
    except Exception as error:
        if sentence := _sentence(error):
            raise RegistryProblem(f"{where}: {sentence}") from error
        raise


def _sentence(error: Exception) -> str | None:
    from botocore import exceptions
    from urllib3.exceptions import HTTPError

    if isinstance(error, exceptions.ClientError):
        code, message = code_of(error), error.response.get("Error", {}).get("Message", "")
        return f"S3 answers {code}: {message.rstrip('.')}. {_ADVICE.get(code, _UNKNOWN)}"
    if isinstance(error, _without_credentials()):
        return f"{str(error).rstrip('.')}. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    away = (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.IncompleteReadError, HTTPError, OSError)
    if isinstance(error, away):
        return f"cannot be reached: {error}. Look at the network and at AWS_ENDPOINT_URL. {_UNKNOWN}"
    if isinstance(error, (exceptions.BotoCoreError, ValueError)):
        return f"{str(error).rstrip('.')}. Mend the address or the settings of AWS"
    return None


def _without_credentials() -> tuple[type[Exception], ...]:
    from botocore import exceptions as of

    return (of.NoCredentialsError, of.PartialCredentialsError, of.CredentialRetrievalError, of.ProfileNotFound)
