"""Readers: finds out how a person is to be written to."""

from __future__ import annotations

from app.container import Container, Work
from app.wording.reader import Reader, Service
from kit.identifiers import PersonId


def service_of(container: Container) -> Service:
    """Return what every sentence may need of the service."""
    terms = container.terms
    return Service(terms.symbol, terms.decimals, container.settings.public_url.rstrip("/"), container.bot_id)


def reader_of(work: Work, service: Service, person: PersonId) -> Reader:
    """Return the person as a reader; whoever looks like one of those they know is flagged to them."""
    known = work.people.mxids(work.gate.known(person))
    return Reader(
        service,
        work.now,
        locale=work.people.locale(person),
        time_zone=work.people.time_zone(person),
        known=frozenset(known.values()),
    )
