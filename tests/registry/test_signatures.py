"""Signatures: what a server with public keys follows, and what it does not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from registry.channels import Draft, promote, rollback
from registry.records import Record, digest_of, history
from registry.signatures import make_keys, require_signed, sign
from registry.stores import Store
from tests.registry.conftest import ME, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("cryptography", reason="keys are tried in delivery's environment: make delivery-test")
KEYS, OTHERS = make_keys(), make_keys()
NOBODY = "has a signature that none of the 1 public keys here made"


@pytest.fixture
def record() -> Record:
    about = {"problem": "house_prices", "channel": "staging", "number": 7, "kind": "promote", "version": "1" * 64}
    told = {"who": ME, "when": "2026-12-01T03:58:35+00:00", "why": "better", "gate": {"loss": -0.01}}
    return Record(**about, **told, before="2" * 64)


def test_a_signed_record_is_followed_by_who_holds_the_public_key(record: Record):
    signed = sign(record, KEYS[0])

    require_signed(signed, [KEYS[1]])
    require_signed(signed, [OTHERS[1], KEYS[1]])
    assert signed.model_copy(update={"signature": None}) == record
    assert sign(signed, KEYS[0]) == signed


def test_an_unsigned_record_is_not_followed(record: Record):
    assert "Record 7 of channel staging is not signed" in refusal(require_signed, record, [KEYS[1]])


def test_a_record_signed_by_another_key_is_not_followed(record: Record):
    assert NOBODY in refusal(require_signed, sign(record, OTHERS[0]), [KEYS[1]])


def test_with_no_key_nothing_is_followed(record: Record):
    assert "none of the 0 public keys" in refusal(require_signed, sign(record, KEYS[0]), [])


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": "production"}, {"number": 8}, {"version": "3" * 64}, {"before": None}, {"before": "4" * 64},
        {"who": "Eve"}, {"why": ""}, {"forced": True}, {"gate": {"loss": -0.02}}, {"gate": None}, {"problem": "cars"},
        {"kind": "rollback"}, {"bad": ("5" * 64,)}, {"reports": {"a": "6" * 64}}, {"image": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_a_record_that_was_altered_or_copied_elsewhere_is_not_followed(record: Record, changes: dict):
    assert NOBODY in refusal(require_signed, sign(record, KEYS[0]).model_copy(update=changes), [KEYS[1]])


@pytest.mark.parametrize("signature", ["", "AAAA", "A" * 88])
def test_a_signature_that_is_none_is_not_followed(record: Record, signature: str):
    wrong = record.model_copy(update={"signature": signature})

    assert NOBODY in refusal(require_signed, wrong, [KEYS[1]])


def test_a_signature_that_is_no_base64_is_not_followed(record: Record):
    wrong = record.model_copy(update={"signature": "ä!"})

    assert "is no base64" in refusal(require_signed, wrong, [KEYS[1]])


@pytest.mark.parametrize("pem", [b"", b"nonsense", KEYS[0]])
def test_a_public_key_that_is_none_is_told(record: Record, pem: bytes):
    assert "A public key cannot be read" in refusal(require_signed, sign(record, KEYS[0]), [pem])


@pytest.mark.parametrize("pem", [b"", b"nonsense", KEYS[1]])
def test_a_private_key_that_is_none_is_told(record: Record, pem: bytes):
    assert "The private key cannot be read" in refusal(sign, record, pem)


def test_promotions_and_rollbacks_are_signed_and_the_chain_holds_the_signatures(store: Store, add: Callable[..., str]):
    mine = partial(sign, private_pem=KEYS[0])
    for added in (1, 2):
        promote(store, "staging", Draft(add(added), ME), sign=mine)
    rollback(store, "staging", ME, "worse", sign=mine)
    records = history(store, "staging")

    for record in records:
        require_signed(record, [KEYS[1]])
    assert records[2].before == digest_of(records[1]) != digest_of(records[1].model_copy(update={"signature": None}))
