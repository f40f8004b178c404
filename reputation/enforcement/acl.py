"""Server ACLs (pure): what one denies, our denials put into it, and exactly ours taken out again.

Matrix specification, ``m.room.server_acl``: a server may take part if a pattern of ``allow`` hits it and none of
``deny`` does; patterns know ``*`` and ``?``, and a server's port plays no part.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from reputation.enforcement.rooms import Acl
from reputation.lists.globs import Globs

LARGEST: Final = 55_000
"""Bytes of an ACL as JSON, so that its event stays below 60 kB; a whole event may have 65,536."""
LARGEST_BEFOREHAND: Final = 30_000
"""The same of what is denied beforehand: there is to be room left for servers of whom somebody comes."""
_AROUND: Final = 200
"""Bytes of what stands around the patterns."""


class Denied:
    """Which servers an ACL denies; no ACL denies nobody."""

    def __init__(self, acl: Acl | None) -> None:
        """Sort its patterns by their shapes: an event holds thousands, and a room has people of hundreds of servers."""
        self._deny = Globs(acl.deny) if acl is not None and acl.deny else None
        self._allow = Globs(acl.allow) if acl is not None and "*" not in acl.allow else None

    def covers(self, server: str) -> bool:
        """Tell whether a server (without its port) may not take part."""
        name = server.lower()
        if self._deny is not None and self._deny.find(name):
            return True
        return self._allow is not None and not self._allow.find(name)


def covers(acl: Acl | None, server: str) -> bool:
    """Tell whether an ACL denies one server."""
    return Denied(acl).covers(server)


def with_denials(
    acl: Acl | None, servers: Iterable[str], never: Collection[str] = (), *, largest: int = LARGEST
) -> tuple[Acl, tuple[str, ...]]:
    """Return an ACL that denies these servers too, in their order, and those for which there was no room.

    Servers among ``never``, those denied already and what is no plain name are passed over. ``largest``: bytes.
    """
    base = acl if acl is not None else Acl()
    room = largest - _size(base)
    spared = {name.lower() for name in never}
    denied = Denied(base)
    added: dict[str, None] = {}
    left: list[str] = []
    for server in servers:
        if server in spared or server in added or not _plain(server) or denied.covers(server):
            continue
        size = _bytes(server)
        if size > room:
            left.append(server)
        else:
            room -= size
            added[server] = None
    return replace(base, deny=(*base.deny, *added)), tuple(left)


def without(acl: Acl, servers: Collection[str]) -> Acl:
    """Return an ACL without these names; patterns that hit them as well stay, for they are somebody else's."""
    ours = set(servers)
    return replace(acl, deny=tuple(pattern for pattern in acl.deny if pattern not in ours))


def _plain(server: str) -> bool:
    return bool(server) and not any(character in "*?" for character in server)


def _size(acl: Acl) -> int:
    return _AROUND + sum(map(_bytes, (*acl.allow, *acl.deny)))


def _bytes(pattern: str) -> int:
    return len(json.dumps(pattern)) + 1
