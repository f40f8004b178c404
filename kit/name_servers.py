"""Name servers: questions to the machine's own ones, several at once, by UDP and where that is too small by TCP.

An answer counts where it comes from the very port that was asked, with the number and the question that were sent, to
a port of ours that is new each time; whatever else arrives is passed over, for it may be anybody's.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kit.dns_messages import NOT_THERE, Answer, Kind, Question, read
from kit.errors import Invalid

COULD_NOT: Final = Answer(2)
"""What is said where every name server says that it cannot tell (SERVFAIL)."""
_LONGEST_TRY: Final = 1.0
"""Seconds: a name server that is dead leaves time to the next one."""
_MOST_BY_UDP: Final = 4_096
_MOST_STRAY: Final = 50
_LENGTH: Final = 2


@dataclass(frozen=True, slots=True)
class _Place:
    family: socket.AddressFamily
    address: tuple[Any, ...]


def servers_at(addresses: Iterable[str], port: int) -> list[_Place]:
    """Return name servers by their IP addresses (with a zone, where they need one); what is none is left out."""
    return [place for address in addresses for place in _places(address, port)]


def _places(address: str, port: int) -> list[_Place]:
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        return []
    return [_Place(family, where) for family, _, _, _, where in found[:1]]


class NameServers:
    """Asks name servers one after the other, each for a second, again and again. Safe to use from several threads."""

    def __init__(self, servers: Sequence[_Place]) -> None:
        """Ask these, in their order."""
        self._servers = tuple(servers)

    def ask(self, name: bytes, kinds: Sequence[Kind], *, until: float) -> dict[Kind, Answer]:
        """Ask what there is of each kind; of what nobody answered until then (monotonic seconds) nothing is in it.

        That no name server can tell is an answer, too.
        """
        found: dict[Kind, Answer] = {}
        asked = {kind: list(self._servers) for kind in kinds}
        while time.monotonic() < until:
            for server in self._servers:
                wanted = [kind for kind in kinds if kind not in found and server in asked[kind]]
                for kind, answer in _try(server, name, wanted, until):
                    if answer.code in (0, NOT_THERE):
                        found[kind] = answer
                    else:
                        asked[kind].remove(server)
            found |= {kind: COULD_NOT for kind in kinds if kind not in found and not asked[kind]}
            if len(found) == len(kinds):
                break
        return found


def _try(server: _Place, name: bytes, kinds: Sequence[Kind], until: float) -> Iterator[tuple[Kind, Answer]]:
    """Ask one server for some kinds at once; give what it answers in time, and ``COULD_NOT`` where it never will."""
    until = min(until, time.monotonic() + _LONGEST_TRY)
    open_ = {kind: Question(secrets.randbits(16), name, kind) for kind in kinds}
    if not open_:
        return
    try:
        with socket.socket(server.family, socket.SOCK_DGRAM) as ours:
            for question in open_.values():
                ours.sendto(question.encoded(), server.address)
            for _ in range(_MOST_STRAY):
                _wait(ours, until)
                message, sender = ours.recvfrom(_MOST_BY_UDP)
                said = _first(message, open_.values()) if sender[:2] == server.address[:2] else None
                if said is None:
                    continue
                question, answer = said
                del open_[question.kind]
                yield question.kind, _by_tcp(server, question, until) if answer.cut else answer
                if not open_:
                    break
    except TimeoutError:
        pass
    except OSError:  # there is no way to it
        yield from [(kind, COULD_NOT) for kind in open_]


def _first(wire: bytes, questions: Iterable[Question]) -> tuple[Question, Answer] | None:
    """Return which question a message answers, and what it says; what is nonsense says nothing to it."""
    for question in questions:
        try:
            answer = read(wire, question)
        except Invalid:
            answer = COULD_NOT
        if answer is not None:
            return question, answer
    return None


def _by_tcp(server: _Place, question: Question, until: float) -> Answer:
    """Ask once more, by TCP. Raises ``TimeoutError``."""
    sent = question.encoded()
    try:
        with socket.socket(server.family, socket.SOCK_STREAM) as ours:
            _wait(ours, until)
            ours.connect(server.address)
            ours.sendall(len(sent).to_bytes(_LENGTH, "big") + sent)
            length = int.from_bytes(_exactly(ours, _LENGTH, until), "big")
            said = _first(_exactly(ours, length, until), [question])
    except TimeoutError:
        raise
    except OSError:
        return COULD_NOT
    return COULD_NOT if said is None or said[1].cut else said[1]


def _exactly(ours: socket.socket, size: int, until: float) -> bytes:
    received = bytearray()
    while len(received) < size:
        _wait(ours, until)
        more = ours.recv(size - len(received))
        if not more:
            raise ConnectionError
        received += more
    return bytes(received)


def _wait(ours: socket.socket, until: float) -> None:
    """Let the next step take no longer. Raises ``TimeoutError``."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    ours.settimeout(left)
