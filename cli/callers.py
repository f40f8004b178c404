"""Which homeservers call the gate, and when each did last."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.container import Container
from reputation.tenants import Tenants

_QUIET: Final = timedelta(days=30)
"""Since when a homeserver must have been silent before it is worth a word: every invite and join makes it call."""
_IS_IT_SET_UP: Final = (
    "Where somebody was: is synapse-http-antispam configured there with base_url {url}/api/1/spam_check and the bearer "
    "that `earnest tenants add` printed, and was it restarted?"
)


def look(container: Container) -> tuple[str, str, bool]:
    """Return what there is in one sentence, how to mend it (empty where it is good), and whether nobody may call."""
    now = container.clock()
    with container.database.read() as session:
        tenants = Tenants(session, now)
        known = [(tenant, tenants.last_call(tenant.server_name)) for tenant in tenants.all()]
    if not known:
        return "No homeserver may call the gate.", "`earnest tenants add SERVER` lets one, and says how.", True
    staying = [(tenant.server_name, called) for tenant, called in known if not tenant.leaving]
    if silent := [name for name, called in staying if called is None]:
        return (
            f"The module has never called for {', '.join(silent)}; it does so when somebody is invited.",
            _IS_IT_SET_UP.format(url=container.settings.public_url),
            False,
        )
    if quiet := [name for name, called in staying if called is not None and now - called > _QUIET]:
        return (
            f"The module has not called for {', '.join(quiet)} in {_QUIET.days} days.",
            "Is it still in that homeserver's configuration? `earnest leave` says goodbye to one that has gone.",
            False,
        )
    calls = "; ".join(
        f"{tenant.server_name}{' (leaving)' if tenant.leaving else ''} last called {_when(called)}"
        for tenant, called in known
    )
    return calls, "", False


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"
