"""Showing: what somebody lets be seen of their support; nothing before they have been told who would see it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256

from app.container import Container, Work
from app.wording.reader import Reader, Service
from app.wording.showing import SOURCES, WouldShow
from kit.amounts import show_signed
from kit.canonical import canonical
from kit.errors import Conflict, NotFound
from kit.identifiers import PersonId, UserId
from payments.flair.flairs import of_flair, of_wall
from payments.flair.model import Showing
from payments.flair.summing import Given, given

_SEEN_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Preview:
    """Who would see what, and the code that says that this was seen."""

    what: WouldShow
    seen: str


def preview(work: Work, person: PersonId, wanted: Showing) -> Preview:
    """Return what would be seen of a person's support. Raises ``NotFound`` for who is forgotten."""
    mxid = work.people.mxid(person)
    if mxid is None:
        raise NotFound("person_unknown", "There is nobody of whom anything could be seen.")
    what = WouldShow(
        mxid=mxid,
        tiers=tiers_of(work, person),
        given=tuple(text_of(work, one) for one in given_by(work, person)),
        showing=wanted,
        flair=work.flairs.held(person, of_flair) is not None,
        wall=work.flairs.held(person, of_wall) is not None,
    )
    return Preview(what, _code(what, mxid))


def show(work: Work, person: PersonId, wanted: Showing, *, seen: str | None) -> None:
    """Let a person's support be seen so. Raises ``Conflict`` unless ``seen`` is what the preview of just this gave.

    To show less than before needs no preview.
    """
    if _more(wanted, work.supporters.shown(person)) and seen != preview(work, person, wanted).seen:
        message = "Look at who would see it first; what they would see may have changed since you did."
        raise Conflict("preview_unseen", message)
    work.supporters.show(person, wanted)
    if wanted.flair:
        work.flairs.keys.make()


def reader_of(container: Container, work: Work, person: PersonId) -> Reader:
    """Return a person as whoever reads what is said here."""
    terms, settings = container.terms, container.settings
    service = Service(terms.symbol, terms.decimals, settings.public_url, container.bot_id)
    return Reader(service, work.now, work.people.locale(person), work.people.time_zone(person))


def tiers_of(work: Work, person: PersonId) -> tuple[str, ...]:
    """Return what the tiers are called that somebody has now, the highest first."""
    tiers = work.supporters.tiers()
    held = {one.tier for one in work.supporters.of(person) if one.holds(work.now)}
    return tuple(tier.title for tier in reversed(tiers.tiers) if tier.id in held)


def given_by(work: Work, person: PersonId) -> list[Given]:
    """Return what somebody gave."""
    return given(work.supporters.gifts_of(person), work.supporters.tiers().spans, work.now)


def text_of(work: Work, one: Given) -> str:
    """Write a sum for people: ``25 ERN (chain)``."""
    name, decimals = work.supporters.assets.name(one.asset)
    return f"{show_signed(one.amount, decimals)} {name} ({SOURCES[one.source]})"


def _more(wanted: Showing, before: Showing) -> bool:
    """Tell whether something would be seen that was not before."""
    was = asdict(before)
    if not before.wall:
        was["name"] = was["amount"] = False
    now = asdict(wanted)
    if not wanted.wall:
        now["name"] = now["amount"] = False
    return any(now[part] and not was[part] for part in now)


def _code(what: WouldShow, mxid: UserId) -> str:
    said = {**asdict(what), "mxid": mxid, "tiers": list(what.tiers), "given": list(what.given)}
    return sha256(canonical(said)).hexdigest()[:_SEEN_DIGITS]
