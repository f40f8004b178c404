"""Very many homeservers in one process: names, certificates and keys of their own, as far as a look sees them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any, Final

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kit.canonical import canonical

DOMAIN: Final = "bench.example"
ADDRESS: Final = "127.80.0.1"
"""Where all of them are."""
AUTHORITY: Final = "authority.pem"
READY: Final = "ready.json"
_VERSION: Final = json.dumps({"server": {"name": "Synapse", "version": "1.163.2"}}).encode()


def name_of(number: int, port: int) -> str:
    """Return the name of one of them."""
    return f"s{number}.{DOMAIN}:{port}"


def key_of(name: str) -> Ed25519PrivateKey:
    """Return the signing key of one of them."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def unpadded(raw: bytes) -> str:
    """Return base64 as Matrix has it."""
    return base64.b64encode(raw).decode().rstrip("=")


class _Homeservers:
    """All of them, behind one port; each signs its keys once, as homeservers do."""

    def __init__(self) -> None:
        self._documents: dict[str, bytes] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1]
                (host,) = [line[6:] for line in head.split(b"\r\n") if line.lower().startswith(b"host: ")]
                body = _VERSION if path.endswith(b"/version") else self._keys(host.decode())
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _keys(self, name: str) -> bytes:
        if name not in self._documents:
            key = key_of(name)
            document: dict[str, Any] = {
                "server_name": name,
                "verify_keys": {"ed25519:a": {"key": unpadded(key.public_key().public_bytes_raw())}},
                "old_verify_keys": {},
                "valid_until_ts": int(time.time() * 1000) + 86_400_000,
            }
            signatures = {name: {"ed25519:a": unpadded(key.sign(canonical(document)))}}
            self._documents[name] = json.dumps({**document, "signatures": signatures}).encode()
        return self._documents[name]


class _Names(asyncio.DatagramProtocol):
    """A name server that finds all of them."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - the library's own
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ANN401 - the library's own
        question = dns.message.from_wire(data)
        (wanted,) = question.question
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        if wanted.rdtype == dns.rdatatype.A:
            answer.answer.append(dns.rrset.from_text(wanted.name, 300, "IN", "A", ADDRESS))
        self._transport.sendto(answer.to_wire(), addr)


async def _main(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / AUTHORITY))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(f"*.{DOMAIN}").configure_cert(context)
    server = await asyncio.start_server(_Homeservers().serve, ADDRESS, 0, ssl=context, backlog=256)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Names, local_addr=("127.0.0.1", 0))
    ports = {
        "port": server.sockets[0].getsockname()[1],
        "names": transport.get_extra_info("sockname")[1],
    }
    (folder / "ready.tmp").write_text(json.dumps(ports))
    (folder / "ready.tmp").rename(folder / READY)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
