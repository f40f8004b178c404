"""Sign-in with Ethereum: the published vectors where they are at hand, and what an attacker would try."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from contracts.signers import KeySigner
from kit.errors import Forbidden, Invalid
from kit.identifiers import parse_address, show_address
from ledger import siwe
from ledger.siwe import Message

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "vectors" / "siwe"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = b"\x11" * 32
ADDRESS = KeySigner(SECRET).address


def vectors(name: str) -> list[Any]:
    """One file of the published vectors, a case each; one skipped case where the file is not at hand."""
    file = VECTORS / f"{name}.json"
    if not file.is_file():
        return [pytest.param(None, marks=pytest.mark.skip(f"no {file}: the spruceid/siwe vectors go there"))]
    return [pytest.param(case, id=title) for title, case in json.loads(file.read_text(encoding="utf-8")).items()]


def message_of(fields: dict[str, Any]) -> Message:
    """The message that a vector's fields describe."""
    if fields["chainId"] != int(fields["chainId"]):
        raise Invalid("not_whole", "a chain id is whole")
    return Message(
        domain=fields["domain"],
        address=parse_address(fields["address"]),
        uri=fields["uri"],
        chain_id=int(fields["chainId"]),
        nonce=fields["nonce"],
        issued_at=fields["issuedAt"],
        version=fields["version"],
        scheme=fields.get("scheme"),
        statement=fields.get("statement"),
        expiration_time=fields.get("expirationTime"),
        not_before=fields.get("notBefore"),
        request_id=fields.get("requestId"),
        resources=tuple(fields["resources"]) if "resources" in fields else None,
    )


def verify(fields: dict[str, Any]) -> None:
    """Do with a vector what ``Holders.link`` does with a person's message."""
    message = message_of(fields)
    text = message.text()
    now = datetime.fromisoformat(fields["time"]) if "time" in fields else NOW
    siwe.check_place(
        siwe.parse(text),
        domain=fields.get("domainBinding", message.domain),
        uri=message.uri,
        chain_id=message.chain_id,
    )
    siwe.check_time(message, now)
    if message.nonce != fields.get("matchNonce", message.nonce):
        raise Forbidden("nonce_spent", "another nonce was given out")
    if siwe.signer_of(text, fields["signature"]) != message.address:
        raise Forbidden("signature_wrong", "another key signed")


@pytest.mark.parametrize("case", vectors("parsing_positive"))
def test_what_must_parse_parses_and_comes_out_byte_for_byte(case: dict[str, Any]) -> None:
    message = siwe.parse(case["message"])
    assert message == message_of(case["fields"])
    assert message.text() == case["message"]


@pytest.mark.parametrize("case", vectors("parsing_negative"))
def test_what_must_not_parse_does_not(case: str) -> None:
    with pytest.raises(Invalid):
        siwe.parse(case)


@pytest.mark.parametrize("case", vectors("parsing_negative_objects"))
def test_what_must_not_be_made_is_not(case: dict[str, Any]) -> None:
    with pytest.raises((Invalid, KeyError, ValueError)):
        message_of(case)


@pytest.mark.parametrize("case", vectors("verification_positive"))
def test_what_must_verify_verifies(case: dict[str, Any]) -> None:
    verify(case)


@pytest.mark.parametrize("case", vectors("verification_negative"))
def test_what_must_not_verify_does_not(case: dict[str, Any]) -> None:
    with pytest.raises((Invalid, Forbidden)):
        verify(case)


# ---------------------------------------------------------------------------------- without the vectors


def message() -> Message:
    """A message as our own page asks for it."""
    return Message(
        domain="earnest.example",
        address=ADDRESS,
        uri="https://earnest.example/link/abc",
        chain_id=31337,
        nonce="0123456789abcdef",
        issued_at=siwe.show_time(NOW),
        statement="Link this wallet to @alice:one.example",
    )


def test_a_message_is_written_as_the_standard_has_it() -> None:
    assert message().text() == (
        "earnest.example wants you to sign in with your Ethereum account:\n"
        f"{show_address(ADDRESS)}\n"
        "\n"
        "Link this wallet to @alice:one.example\n"
        "\n"
        "URI: https://earnest.example/link/abc\n"
        "Version: 1\n"
        "Chain ID: 31337\n"
        "Nonce: 0123456789abcdef\n"
        "Issued At: 2026-11-22T12:00:00Z"
    )


def test_whoever_signed_is_found_as_a_wallet_signs() -> None:
    text = message().text()
    signature = "0x" + bytes(Account.sign_message(encode_defunct(text=text), SECRET).signature).hex()
    assert siwe.signer_of(text, signature) == ADDRESS
    assert siwe.signer_of(text, signature[:-2] + f"{int(signature[-2:], 16) - 27:02x}") == ADDRESS
    assert siwe.signer_of(text + " ", signature) != ADDRESS


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "0x",
        "0x" + "00" * 65,
        "0x" + "ff" * 65,
        "0x" + "11" * 64 + "1d",
        "0x" + "11" * 64,
        "0x" + "11" * 66,
        "11" * 65,
        "0x" + "\uff11" * 130,
    ],
)
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    with pytest.raises(Invalid):
        siwe.signer_of(message().text(), signature)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("domain", "evil.example\nURI: x"),
        ("domain", ""),
        ("domain", "\u0435arnest.example"),
        ("statement", "two\nlines"),
        ("statement", "\u202eevil"),
        ("statement", ""),
        ("uri", "javascript"),
        ("uri", "https://earnest.example/\nVersion: 2"),
        ("uri", "https://earnest.example/%zz"),
        ("nonce", "short"),
        ("nonce", "with space"),
        ("version", "2"),
        ("issued_at", "2026-02-30T00:00:00Z"),
        ("issued_at", "2026-11-22T12:00:00"),
        ("issued_at", "2026-11-22T12:00:00+24:00"),
        ("issued_at", "0000-01-01T00:00:00Z"),
        ("issued_at", "9999-12-31T23:59:59-01:00"),
        ("expiration_time", "\u0662026-11-22T12:00:00Z"),
        ("request_id", "with space"),
        ("resources", ("not a uri",)),
        ("chain_id", -1),
    ],
)
def test_nothing_can_be_smuggled_into_a_message(field: str, value: str | int | tuple[str, ...]) -> None:
    changes: dict[str, Any] = {field: value}
    with pytest.raises(Invalid):
        replace(message(), **changes)


@pytest.mark.parametrize(
    "spoil",
    [  # what is done to a good text
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("Version: 1\n", "Version: 1\nVersion: 1\n"),
        lambda text: text.replace(show_address(ADDRESS), show_address(ADDRESS).lower()),
        lambda text: text + "\nRequest ID: a\nNot Before: 2026-11-22T12:00:00Z",
        lambda text: text + "\nResources:\n-https://a.example",
        lambda text: text.replace("31337", "\u0663\u0661"),
        lambda text: text + "\nResources:" + "\n- https://a.example" * 1000,
    ],
    ids=["end", "begin", "line_ends", "twice", "case", "order", "dash", "digits", "long"],
)
def test_a_text_that_is_nearly_a_message_is_none(spoil: Any) -> None:  # noqa: ANN401 - a function of a text
    siwe.parse(message().text())
    with pytest.raises(Invalid):
        siwe.parse(spoil(message().text()))


@pytest.mark.parametrize(
    "change",
    [
        {"domain": "evil.example"},
        {"domain": "earnest.example:443"},
        {"domain": "user@earnest.example"},
        {"uri": "https://earnest.example/link/abd"},
        {"uri": "https://earnest.example/link/abc/"},
        {"chain_id": 1},
        {"scheme": "http"},
    ],
)
def test_a_message_for_elsewhere_is_refused(change: dict[str, Any]) -> None:
    place = {"domain": "earnest.example", "uri": "https://earnest.example/link/abc", "chain_id": 31337}
    siwe.check_place(message(), **place)  # type: ignore[arg-type]
    siwe.check_place(replace(message(), domain="Earnest.example", scheme="https"), **place)  # type: ignore[arg-type]
    with pytest.raises(Forbidden):
        siwe.check_place(replace(message(), **change), **place)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"not_before": "2026-11-22T12:00:01Z"},
        {"expiration_time": "2026-11-22T12:00:00Z"},
        {"expiration_time": "2026-11-22T13:00:00+01:00"},
    ],
)
def test_a_message_out_of_its_time_is_refused(change: dict[str, Any]) -> None:
    good = replace(message(), not_before="2026-11-22T12:00:00Z", expiration_time="2026-11-22T12:00:00.5Z")
    siwe.check_time(good, NOW)
    with pytest.raises(Forbidden):
        siwe.check_time(replace(good, **change), NOW)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, message().text().replace("Link this wallet", text)):
        try:
            parsed = siwe.parse(candidate)
        except Invalid:
            continue
        assert parsed.text() == candidate
