"""Earning: servers enrol for rewards, and are looked at from outside; other servers are asked outside transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Final

import structlog

from app.container import Container, Work
from kit.clock import unix
from kit.errors import HomeserverUnavailable
from kit.federation import Homeservers, Seen
from kit.identifiers import ServerName, UserId, show_address
from payments.rewards.enrolling import Enrolled, Kind
from payments.rewards.service import Enrolment

LOG = structlog.get_logger(__name__)

AT_ONCE: Final = 32
"""Servers that are looked at at the same time: most of the time all of them are waited for."""
_MOST: Final = 20_000
"""Servers that one round takes on at most."""
_TOGETHER: Final = 32
LOOKS: Final[Mapping[Kind, Callable[[Homeservers, ServerName], Seen]]] = {Kind.HOMESERVER: Homeservers.see}
"""How each kind of server is looked at. Who adds a kind says here how; until then it cannot enrol."""
_Looked = tuple[Enrolled, Seen | None]


def enrol(container: Container, signed: Mapping[str, Any], *, forwards: bool | None = None) -> Enrolment:
    """Let a server take part whose key signed our challenge: its keys are asked of the server itself.

    ``forwards``: whether its reports are to go on to Synapse's makers; ``None`` leaves that as it is.
    Raises ``Invalid``, ``NotFound``, ``Conflict``, and ``HomeserverUnavailable`` where the server cannot be asked now;
    the challenge is good for another try then.
    """
    with container.read() as work:
        server = work.rewards.asked(signed).server
    keys, contacts = container.enrolling.keys(server), container.enrolling.contacts(server)
    with container.work() as work:
        done = work.rewards.enrol(signed, keys)
        if forwards is not None:
            work.rewards.forward(server, on=forwards)
        tell_contacts(work, done, contacts)
    LOG.info("reward_server_enrolled", server=server, again=done.before is not None)
    return done


def tell_contacts(work: Work, done: Enrolment, contacts: Sequence[UserId]) -> None:
    """Have the bot tell those whom a server names as its contacts that it enrolled."""
    for contact in contacts:
        work.notices.reward_enrolled(work.people.number(contact), contact, _told(done))


def _told(done: Enrolment) -> dict[str, object]:
    """Return what contacts of a server are told of an enrolment."""
    server, before = done.enrolled, done.before
    later = server.payout_from if server.payout_next is not None else None
    return {
        "server": server.server,
        "payout": show_address(server.payout_next or server.payout),
        "from": None if later is None else unix(later),
        "again": before is not None,
    }


def look_around(container: Container, *, most: int = _MOST) -> int:
    """Look at the servers that are due, many at once, from where we are; return how many were looked at.

    Who dies over it takes nothing from a server: whoever was not looked at is due still.
    """
    vantage = container.settings.vantage
    with container.read() as work:
        due = work.rewards.due(vantage, limit=most)
    if not due:
        return 0
    homeservers = Homeservers(container.fetcher, most_at_once=AT_ONCE, clock=container.clock)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="looking") as pool:
        looks = pool.map(lambda one: (one, _see(homeservers, one)), due)
        for some in _batched(looks, _TOGETHER):
            with container.work() as work:
                work.rewards.looked(vantage, {server.id: seen for server, seen in some})
    return len(due)


def _batched(looks: Iterator[_Looked], size: int) -> Iterator[tuple[_Looked, ...]]:
    """Group what comes, as it comes: each group is written in one transaction."""
    while some := tuple(islice(looks, size)):
        yield some


def _see(homeservers: Homeservers, server: Enrolled) -> Seen | None:
    """Look at one as its kind is looked at; a kind without a way is never seen."""
    look = LOOKS.get(server.kind)
    try:
        return None if look is None else look(homeservers, server.server)
    except HomeserverUnavailable as away:
        LOG.info("reward_server_away", server=server.server, reason=str(away))
        return None
