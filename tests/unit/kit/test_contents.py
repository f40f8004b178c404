"""Contents: a type by what is in it and never one that a browser runs; names without paths, tricks or ends of lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.contents import BINARY, LONGEST_NAME, TEXT, file_name, media_type


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.7", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8", "image/webp"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"PK\x03\x04", "application/zip"),
        ("Gr\u00fc\u00dfe,\n".encode(), TEXT),
        ("Gr\u00fc\u00dfe".encode()[:3], TEXT),
        (b"<html><script>alert(1)</script>", TEXT),
        (b"<svg onload='x'/>", TEXT),
        (b"MZ\x90\x00", BINARY),
        (b"\xff\xfe\x00\x01", BINARY),
        (b"a\x1b[2J", BINARY),
    ],
)
def test_the_type_is_told_by_the_first_bytes(head: bytes, kind: str) -> None:
    assert media_type(head) == kind


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("doors.pdf", "doors.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\windows\\cmd.exe", "cmd.exe"),
        ("photo\u202egnp.exe", "photo_gnp.exe"),
        ('a"; filename="b.exe', "a__ filename=_b.exe"),
        ("a\r\nSet-Cookie: x", "a__Set-Cookie_ x"),
        (" .bashrc ", "bashrc"),
        ("..", "content"),
        ("", "content"),
        ("x" * 300 + ".pdf", "x" * (LONGEST_NAME - 4) + ".pdf"),
    ],
)
def test_a_name_is_safe_to_offer(name: str, safe: str) -> None:
    assert file_name(name) == safe


@given(st.text())
def test_no_name_breaks_out(name: str) -> None:
    safe = file_name(name)
    assert 0 < len(safe) <= LONGEST_NAME
    assert not set(safe) & set('/\\"\r\n\0\u202e')
    assert safe not in (".", "..")
    assert safe.encode()
    assert file_name(safe) == safe
