"""Message signatures: by the example of RFC 9421 (appendix B.2.6), and nothing that could pass for another line."""

from __future__ import annotations

import base64

import pytest

from kit.message_signatures import base, signed
from kit.signing import SigningKey

SEED = base64.b64decode("n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU=")


def test_the_example_of_the_standard() -> None:
    components = [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("@method", "POST"),
        ("@path", "/foo"),
        ("@authority", "example.com"),
        ("content-type", "application/json"),
        ("content-length", "18"),
    ]
    parameters = (
        '("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"'
    )
    signature = SigningKey(SEED).sign_raw(base(components, parameters).encode())
    assert base64.b64encode(signature).decode() == (
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    )


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\x00", "\u00e9"])
def test_what_could_pass_for_another_line_is_not_signed(value: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        signed(SigningKey(SEED), [("@target-uri", value)], created=1, expires=2, nonce="n", tag="t")
    with pytest.raises(ValueError, match="plain"):
        signed(SigningKey(SEED), [("@method", "GET")], created=1, expires=2, nonce=f"{value}", tag="t")
    with pytest.raises(ValueError, match="plain"):
        signed(SigningKey(SEED), [("@method", "GET")], created=1, expires=2, nonce='"', tag="t")
