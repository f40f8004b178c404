"""Supporters as an operator sees them: how they are named, what they gave, and what they are entitled to."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from app.container import Work
from kit.amounts import show_signed
from kit.errors import Invalid, NotFound
from kit.identifiers import PersonId, UserId, isolate, parse_user_id
from payments.flair.documents import Assets
from payments.flair.entitling import final_from
from payments.flair.model import Entitlement, Gift, Giver, Source, Spans

COLUMNS: Final = ("who", "tier", "phase", "since", "until", "grace_until", "source", "thanks_only", "sure_from")
_PLAIN_MXID: Final = re.compile(r"@[a-z0-9._=/+\-]+:[a-z0-9.\-]+")
"""No formula can be made of these; but a localpart may be anything."""


def find(work: Work, text: str) -> PersonId | Giver:
    """Return whom an operator means: ``@name:server``, ``patreon:7001``, 0x…. Raises ``Invalid``, ``NotFound``."""
    if text.startswith("@"):
        person = work.people.find(parse_user_id(text))
        if person is None:
            raise NotFound("person_unknown", "Nobody of that name is known here.")
        return person
    if text.startswith("0x"):
        return Giver(Source.CHAIN, text.lower())
    source, _, name = text.partition(":")
    if source not in [one.value for one in Source] or not name:
        raise Invalid("supporter_unnamed", "Name a supporter as @name:server, patreon:7001, liberapay:7, or 0x…")
    return Giver(Source(source), name)


def called(who: PersonId | Giver | None, names: Mapping[PersonId, UserId]) -> str:
    """Return how somebody is called; a Matrix id where they claimed what they gave."""
    if isinstance(who, Giver):
        return who.name if who.source is Source.CHAIN else f"{who.source}:{who.name}"
    return names.get(who, "somebody who is forgotten") if who is not None else "nobody"


def who_of(one: Entitlement) -> PersonId | Giver | None:
    """Return whose an entitlement is."""
    return one.giver if one.person is None else one.person


def entitlement(one: Entitlement, names: Mapping[PersonId, UserId], now: datetime, spans: Spans) -> dict[str, Any]:
    """Return an entitlement as JSON has it."""
    return {
        "who": called(who_of(one), names),
        "tier": one.tier,
        "phase": one.phase(now, spans).value,
        "since": day(one.since),
        "until": day(one.until),
        "grace_until": day(one.grace_until),
        "source": one.source.value,
        "thanks_only": one.thanks_only,
        "sure_from": day(one.sure_from),
    }


def gift(one: Gift, assets: Assets, now: datetime, spans: Spans) -> dict[str, Any]:
    """Return a gift as JSON has it: each figure with its source, its asset, and whether it is final."""
    name, decimals = assets.name(one.asset)
    final = final_from(one, spans)
    state = (
        "taken back" if one.taken_back is not None else "final" if final is not None and final <= now else "not final"
    )
    return {
        "at": day(one.at),
        "amount": show_signed(one.amount, decimals),
        "asset": name,
        "every": None if one.recurring is None else one.recurring.value,
        "months": one.months,
        "source": one.source.value,
        "total": None if one.total is None else show_signed(one.total, decimals),
        "state": state,
        "key": one.key,
    }


def day(moment: datetime | None) -> str | None:
    """Write a moment as its day (UTC)."""
    return None if moment is None else f"{moment:%Y-%m-%d}"


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write entitlements as CSV; what a spreadsheet would take for a formula begins with a quote."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    harmless = _PLAIN_MXID.fullmatch(text) is not None
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not harmless else text


def line(row: Mapping[str, Any]) -> str:
    """Write an entitlement on one line."""
    until = f" until {row['until']}" if row["until"] else ""
    thanks = ", for thanks alone" if row["thanks_only"] else ""
    return f"{isolate(row['who'])}  {row['tier']}  {row['phase']} since {row['since']}{until} ({row['source']}{thanks})"


def gift_line(row: Mapping[str, Any]) -> str:
    """Write a gift on one line."""
    how = f" for {row['months']} month{'s'[: row['months'] != 1]}" if row["months"] else ""
    every = f" every {row['every']}" if row["every"] and not row["months"] else ""
    total = f", {row['total']} in all" if row["total"] else ""
    return f"{row['at']}  {row['amount']} {row['asset']}{how}{every}{total} ({row['source']}, {row['state']})"
