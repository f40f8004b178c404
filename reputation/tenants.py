"""Tenants: the homeservers that may call our gate, each known by a bearer that is shown once and kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.errors import Conflict, NotFound
from kit.identifiers import ServerName, TenantId
from reputation.model import OnDeadline, Tenant
from reputation.tables import TenantRow

TOPIC = "gate"
"""The change topic of everything a verdict rests on."""


class Tenants:
    """The tenants, in one transaction."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``."""
        self._session = session
        self._now = now

    def add(self, server_name: ServerName, *, on_deadline: OnDeadline = "open") -> str:
        """Let a homeserver call the gate; return its bearer, which is shown now and never again.

        One that was leaving comes back with a new bearer. Raises ``Conflict`` where it is a tenant already.
        """
        bearer = secrets.token_urlsafe(32)
        row = self._row(server_name)
        if row is None:
            row = TenantRow(server_name=server_name, created_at=self._now)
            self._session.add(row)
        elif not row.leaving:
            raise Conflict("tenant_known", f"{server_name} is a tenant already.", server_name=server_name)
        row.bearer_sha256 = _digest(bearer)
        row.on_deadline = on_deadline
        row.leaving = False
        self._changed()
        return bearer

    def renew_bearer(self, server_name: ServerName) -> str:
        """Give a tenant a new bearer, shown once; the old one is worth nothing from now. Raises ``NotFound``."""
        bearer = secrets.token_urlsafe(32)
        self._known(server_name).bearer_sha256 = _digest(bearer)
        self._changed()
        return bearer

    def leave(self, server_name: ServerName) -> None:
        """Answer "allow" to whatever a tenant asks from now on, until it stops asking. Raises ``NotFound``."""
        self._known(server_name).leaving = True
        self._changed()

    def stay(self, server_name: ServerName) -> None:
        """Take ``leave`` back: the gate decides again for a tenant, by its old bearer. Raises ``NotFound``."""
        self._known(server_name).leaving = False
        self._changed()

    def heard(self, calls: Mapping[TenantId, datetime]) -> None:
        """Note when tenants last called; no verdict rests on it, so no cache is told."""
        for tenant, at in calls.items():
            self._session.execute(update(TenantRow).where(TenantRow.id == tenant).values(heard_at=at))

    def last_call(self, server_name: ServerName) -> datetime | None:
        """Return when a tenant last called (some seconds late), ``None`` before it ever did. Raises ``NotFound``."""
        return self._known(server_name).heard_at

    def by_bearer(self, bearer: str) -> Tenant | None:
        """Return whose bearer this is. Hashes are compared, in constant time, with every tenant's."""
        digest, found = _digest(bearer), None
        for tenant in self.all():
            if hmac.compare_digest(tenant.bearer_sha256, digest):
                found = tenant
        return found

    def find(self, server_name: ServerName) -> Tenant | None:
        """Return the tenant of this server name, if it is one."""
        row = self._row(server_name)
        return None if row is None else _tenant(row)

    def is_leaving(self, tenant: TenantId) -> bool:
        """Tell whether a tenant is leaving; one that is gone altogether counts as such."""
        row = self._session.get(TenantRow, tenant)
        return row is None or row.leaving

    def all(self) -> list[Tenant]:
        """Return all tenants, the leaving ones too, by number."""
        return [_tenant(row) for row in self._session.scalars(select(TenantRow).order_by(TenantRow.id))]

    def _row(self, server_name: ServerName) -> TenantRow | None:
        return self._session.scalar(select(TenantRow).where(TenantRow.server_name == server_name))

    def _known(self, server_name: ServerName) -> TenantRow:
        row = self._row(server_name)
        if row is None:
            raise NotFound("tenant_unknown", f"{server_name} is no tenant.", server_name=server_name)
        return row

    def _changed(self) -> None:
        self._session.flush()
        touch(self._session, TOPIC)


def _tenant(row: TenantRow) -> Tenant:
    return Tenant(
        id=TenantId(row.id),
        server_name=ServerName(row.server_name),
        bearer_sha256=bytes(row.bearer_sha256),
        on_deadline="closed" if row.on_deadline == "closed" else "open",
        leaving=row.leaving,
    )


def _digest(bearer: str) -> bytes:
    return hashlib.sha256(bearer.encode("utf-8", "surrogatepass")).digest()
