"""Keys that homeservers publish: what is believed of them, and what was signed with them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kit.canonical import canonical
from kit.errors import Invalid
from kit.identifiers import ServerName
from kit.server_keys import read_keys, signer_of

FAR = ServerName("far.example")
NOW = 1_795_000_000_000
ONE, TWO = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def signed(document: dict[str, Any], key: Ed25519PrivateKey, name: str, server: str = FAR) -> dict[str, Any]:
    """The document with one more signature; what stands under ``unsigned`` is not part of it."""
    said = {part: value for part, value in document.items() if part not in ("signatures", "unsigned")}
    before = {of: dict(some) for of, some in document.get("signatures", {}).items()}
    before.setdefault(server, {})[name] = text(key.sign(canonical(said)))
    return {**document, "signatures": before}


def document(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """What a server answers."""
    keys = {"ed25519:one": {"key": text(ONE.public_key().public_bytes_raw())}}
    return {"server_name": FAR, "verify_keys": keys, "old_verify_keys": {}, "valid_until_ts": NOW + 1000, **changes}


def test_keys_that_sign_themselves_are_believed_until_they_end() -> None:
    found = read_keys(signed(document(), ONE, "ed25519:one"), FAR, NOW)
    assert [key.id for key in found.current] == ["ed25519:one"]
    assert found.has(ONE.public_key().public_bytes_raw())
    with pytest.raises(Invalid, match="no longer good"):
        read_keys(signed(document(), ONE, "ed25519:one"), FAR, NOW + 1000)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (document(), "server_keys_unsigned"),
        (signed(document(), TWO, "ed25519:one"), "server_keys_unsigned"),
        (signed(document(), ONE, "ed25519:one", server="other.example"), "server_keys_unsigned"),
        (signed(document(), ONE, "ed25519:two"), "server_keys_unsigned"),
        (signed(document(server_name="other.example"), ONE, "ed25519:one"), "server_keys_other"),
        (signed(document(valid_until_ts=NOW), ONE, "ed25519:one"), "server_keys_old"),
        (signed(document(valid_until_ts=True), ONE, "ed25519:one"), "server_keys_old"),
        (signed(document(valid_until_ts="never"), ONE, "ed25519:one"), "server_keys_old"),
        (
            signed(document(verify_keys={f"ed25519:{n}": {"key": ""} for n in range(51)}), ONE, "ed25519:one"),
            "server_keys_unsigned",
        ),
        ({**signed(document(), ONE, "ed25519:one"), "verify_keys": []}, "server_keys_unsigned"),
        ({**document(), "signatures": {FAR: {"ed25519:one": 7}}}, "server_keys_unsigned"),
        ({**document(), "signatures": {FAR: {"ed25519:one": "not base64 at all!"}}}, "server_keys_unsigned"),
        ({**signed(document(), ONE, "ed25519:one"), "more": 1}, "server_keys_unsigned"),
    ],
)
def test_what_is_not_the_servers_own_word_is_refused(said: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_keys(said, FAR, NOW)
    assert refused.value.code == code


def test_a_key_that_does_not_sign_is_claimed_by_nobody() -> None:
    keys = {
        f"ed25519:{name}": {"key": text(key.public_key().public_bytes_raw())}
        for name, key in (("one", ONE), ("two", TWO))
    }
    found = read_keys(signed(document(verify_keys=keys), ONE, "ed25519:one"), FAR, NOW)
    assert [key.id for key in found.current] == ["ed25519:one"]
    both = signed(signed(document(verify_keys=keys), ONE, "ed25519:one"), TWO, "ed25519:two")
    assert [key.id for key in read_keys(both, FAR, NOW).current] == ["ed25519:one", "ed25519:two"]


def test_a_key_of_before_signs_nothing_any_more() -> None:
    old = {"ed25519:two": {"key": text(TWO.public_key().public_bytes_raw()), "expired_ts": NOW - 1}}
    found = read_keys(signed(document(old_verify_keys=old), ONE, "ed25519:one"), FAR, NOW)
    assert not found.has(TWO.public_key().public_bytes_raw())
    assert signer_of(signed({"a": 1}, ONE, "ed25519:one"), found).id == "ed25519:one"
    with pytest.raises(Invalid, match="not signed with a key"):
        signer_of(signed({"a": 1}, TWO, "ed25519:two"), found)
    with pytest.raises(Invalid, match="not signed with a key"):
        signer_of({**signed({"a": 1}, ONE, "ed25519:one"), "a": 2}, found)
    with pytest.raises(Invalid, match="not signed with a key"):
        signer_of(signed({"a": 1}, ONE, "ed25519:one", server="other.example"), found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(sorted({*document(), "signatures"})), JSON))
def test_whatever_a_server_says_is_refused_or_read(said: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        read_keys(said, FAR, NOW)
