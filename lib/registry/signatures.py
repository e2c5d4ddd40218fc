"""Signatures of records: ed25519, over the record's canonical JSON without its signature.

The signature covers channel and number, so that a record copied to another channel, or put elsewhere, fails.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import TYPE_CHECKING

from registry.problems import RegistryProblem
from registry.records import Record, unsigned

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def make_keys() -> tuple[bytes, bytes]:
    """Make a key pair; returns the private and the public key as PEM. The private one is for promoters alone."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    return (
        key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()),
        key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo),
    )


def sign(record: Record, private_pem: bytes) -> Record:
    """Return a record with its signature. Raises RegistryProblem if the key is no private one of ed25519."""
    signature = base64.b64encode(_private(private_pem).sign(unsigned(record))).decode()
    return record.model_copy(update={"signature": signature})


def require_signed(record: Record, public_pems: Iterable[bytes]) -> None:
    """Raise RegistryProblem unless one of the public keys made the record's signature, or if there is no key."""
    try:
        from cryptography.exceptions import InvalidSignature
    except ModuleNotFoundError:
        raise RegistryProblem(
            "Signatures are required here, and cryptography is not installed: install requirements/puller.txt"
        ) from None
    where = f"Record {record.number} of channel {record.channel}"
    if record.signature is None:
        raise RegistryProblem(f"{where} is not signed, and a signature is required here. Promote it with a key")
    data, keys = unsigned(record), [_public(pem) for pem in public_pems]
    for key in keys:
        try:
            return key.verify(_decoded(record.signature, where), data)
        except InvalidSignature:
            continue
    raise RegistryProblem(
        f"{where} has a signature that none of the {len(keys)} public keys here made: the record was changed, or "
        "signed with another key. Promote again with the key that belongs to one of them"
    )


def _decoded(signature: str, where: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RegistryProblem(
            f"{where} has a signature that is no base64: {error}. Promote again with a key"
        ) from error


def _private(pem: bytes) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise RegistryProblem(f"The private key cannot be read: {error}. Give the PEM that make keys wrote") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise RegistryProblem("The private key is not one of ed25519. Give the PEM that make keys wrote")
    return key


def _public(pem: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError) as error:
        raise RegistryProblem(f"A public key cannot be read: {error}. Give the PEM that make keys wrote") from error
    if not isinstance(key, Ed25519PublicKey):
        raise RegistryProblem("A public key is not one of ed25519. Give the PEM that make keys wrote")
    return key
