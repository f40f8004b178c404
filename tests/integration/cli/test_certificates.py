"""The homeservers' certificates: made once, kept privately, and good for those who trust their authority alone."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from cli.local.certificates import Certificate, certificates


def shake_hands(server: Certificate, trusting: Path | None, name: str) -> str:
    """Meet a server with that certificate as ``name``; what its certificate says who it is."""
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(server.certificate, server.key)
    here = ssl.create_default_context(cafile=None if trusting is None else str(trusting))

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                there.wrap_socket(connection, server_side=True).close()
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname()) as raw,
                here.wrap_socket(raw, server_hostname=name) as line,
            ):
                return str(line.version())
        finally:
            thread.join()


def test_a_certificate_is_trusted_by_who_trusts_its_authority_and_by_nobody_else(tmp_path: Path) -> None:
    found = certificates(tmp_path / "ours", ("homeserver", "elsewhere"))
    assert set(found) == {"homeserver", "elsewhere"}
    for one in found.values():
        for name in ("localhost", "127.0.0.1"):
            assert shake_hands(one, one.authority, name) == "TLSv1.3"
    other = certificates(tmp_path / "theirs", ("homeserver",))["homeserver"]
    ours = found["homeserver"]
    for trusting, name in ((None, "localhost"), (other.authority, "localhost"), (ours.authority, "example.org")):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(ours, trusting, name)


def test_they_are_made_once_and_kept_privately(tmp_path: Path) -> None:
    names = ("homeserver", "elsewhere")
    made = certificates(tmp_path, names)
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(kept) == 5
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
    assert certificates(tmp_path, names) == made
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept
    made["homeserver"].authority.unlink()  # as if it had been killed before the end
    certificates(tmp_path, names)
    assert shake_hands(made["elsewhere"], made["homeserver"].authority, "localhost")
