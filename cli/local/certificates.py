"""The certificates of the local world's homeservers: an authority that exists once, and one leaf for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

from cli.local.plan import SERVER_NAME, write_private
from cli.local.ports import LOOPBACK

_AUTHORITY: Final = "authority.pem"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate, its key, and the authority that vouches for it: three PEM files."""

    certificate: Path
    key: Path
    authority: Path


def certificates(folder: Path, names: Sequence[str]) -> dict[str, Certificate]:
    """Return a certificate for each of ``names``, all for this machine, making all of them where not all are there.

    The authority's own key is kept nowhere: once it has signed these, it can sign nothing more.
    """
    authority = folder / _AUTHORITY
    found = {name: Certificate(folder / f"{name}.pem", folder / f"{name}.key", authority) for name in names}
    if not authority.exists():  # the last file to be written
        made = trustme.CA(organization_name="Earnest on this machine")
        for files in found.values():
            leaf = made.issue_cert(SERVER_NAME, LOOPBACK)
            write_private(files.key, leaf.private_key_pem.bytes().decode())
            write_private(files.certificate, "".join(part.bytes().decode() for part in leaf.cert_chain_pems))
        write_private(authority, made.cert_pem.bytes().decode())
    return found
