"""DNS messages (pure): a question as it is sent, and what an answer says of it; RFC 1035, 2782 and 3596.

Whoever owns a name writes what stands in an answer. So each name in it is read in bounded steps, no more than some
records are, and nothing counts but what belongs to the name that was asked for, or to what that is another name of.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from kit.errors import Invalid
from kit.internet import IpAddress

NOT_THERE: Final = 3
"""The code of an answer that there is no such name (NXDOMAIN)."""
_INTERNET: Final = 1
_ALIAS: Final = 5
_WANTS_RECURSION, _CUT, _IS_ANSWER, _OPERATION, _CODE = 0x0100, 0x0200, 0x8000, 0x7800, 0x000F
_LONGEST_NAME: Final = 255
_LONGEST_LABEL: Final = 63
_POINTER: Final = 0xC0
_MOST_RECORDS: Final = 200
_MOST_ALIASES: Final = 8
_MOST_JUMPS: Final = 32
_HEADER: Final = struct.Struct("!6H")
_KIND: Final = struct.Struct("!2H")
_RECORD: Final = struct.Struct("!2HIH")
_SERVICE: Final = struct.Struct("!3H")
_LABEL: Final = re.compile(rb"[\x21-\x7e]+")
_OF_A_HOST: Final = re.compile(rb"[A-Za-z0-9_-]+")


class Kind(IntEnum):
    """What is asked for."""

    A = 1
    AAAA = 28
    SRV = 33


@dataclass(frozen=True, slots=True)
class Target:
    """Where an SRV record says that a service is; an empty host says that there is none."""

    priority: int
    weight: int
    port: int
    host: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question: ``number`` of 16 bits, ``name`` as ``name_of`` makes it."""

    number: int
    name: bytes
    kind: Kind

    def encoded(self) -> bytes:
        """Return it as it is sent."""
        head = _HEADER.pack(self.number, _WANTS_RECURSION, 1, 0, 0, 0)
        return head + self.name + _KIND.pack(self.kind, _INTERNET)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a name server says: ``code`` 0 for an answer, ``NOT_THERE``, or why it could not tell.

    ``cut``: there is more than fitted in, so that it must be asked for otherwise.
    """

    code: int
    cut: bool = False
    addresses: list[IpAddress] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)


def name_of(host: str) -> bytes:
    """Return a name as it stands in messages, in lower case. Raises ``Invalid`` for what cannot be one."""
    if not host.isascii():
        raise _no_name()
    labels = host.lower().removesuffix(".").encode().split(b".")
    if not all(len(label) <= _LONGEST_LABEL and _LABEL.fullmatch(label) for label in labels):
        raise _no_name()
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    if len(wire) > _LONGEST_NAME:
        raise _no_name()
    return wire


def read(wire: bytes, question: Question) -> Answer | None:
    """Return what a message says to a question; ``None`` where it is no answer to it. Raises ``Invalid`` for nonsense.

    Of very many records the first 200 are read.
    """
    if len(wire) < _HEADER.size:
        return None
    number, flags, questions, records, _, _ = _HEADER.unpack_from(wire)
    if number != question.number or not flags & _IS_ANSWER or flags & _OPERATION:
        return None
    code, at = flags & _CODE, _HEADER.size
    if not questions and code:
        return Answer(code)  # some that refuse do not repeat what they were asked
    try:
        name, at = _name(wire, at)
        asked = _KIND.unpack_from(wire, at)
        if questions != 1 or name != question.name or asked != (question.kind, _INTERNET):
            return None
        if code or flags & _CUT:
            return Answer(code, cut=bool(flags & _CUT) and not code)
        return _answer(wire, at + _KIND.size, min(records, _MOST_RECORDS), question)
    except (LookupError, ValueError, struct.error) as wrong:  # it ends too early, or an address is too long
        raise _nonsense() from wrong


def _answer(wire: bytes, at: int, records: int, question: Question) -> Answer:
    aliases: dict[bytes, bytes] = {}
    found: list[tuple[bytes, int, int]] = []
    for _ in range(records):
        owner, at = _name(wire, at)
        kind, net, _, length = _RECORD.unpack_from(wire, at)
        at += _RECORD.size
        if at + length > len(wire):
            raise _nonsense()
        if net == _INTERNET and kind == _ALIAS:
            aliases.setdefault(owner, _name(wire, at)[0])
        elif net == _INTERNET and kind == question.kind:
            found.append((owner, at, length))
        at += length
    name = question.name
    for _ in range(_MOST_ALIASES):
        if name not in aliases:
            break
        name = aliases[name]
    if name in aliases:
        raise _nonsense()
    of_it = [(at, length) for owner, at, length in found if owner == name]
    if question.kind is Kind.SRV:
        targets = [_target(wire, at, length) for at, length in of_it]
        return Answer(0, targets=[target for target in targets if target is not None])
    return Answer(0, addresses=[_address(wire[at : at + length], question.kind) for at, length in of_it])


def _name(wire: bytes, at: int) -> tuple[bytes, int]:
    """Return the name that begins at a place, in lower case, and where what follows it begins.

    A name may go on elsewhere, but only ever before where it was: so it ends, whatever it says.
    """
    labels, length = list[bytes](), 1
    begins, after, jumps = at, 0, 0
    while size := wire[at]:
        if size >= _POINTER:
            leads = (size & ~_POINTER) << 8 | wire[at + 1]
            after, jumps = after or at + 2, jumps + 1
            if leads >= begins or jumps > _MOST_JUMPS:
                raise _nonsense()
            begins = at = leads
            continue
        length += 1 + size
        if size > _LONGEST_LABEL or length > _LONGEST_NAME or at + size >= len(wire):
            raise _nonsense()
        labels.append(wire[at : at + 1 + size])
        at += 1 + size
    # Lengths of labels are no letters, so lower case changes none of them.
    return b"".join(labels).lower() + b"\0", after or at + 1


def _target(wire: bytes, at: int, length: int) -> Target | None:
    if length <= _SERVICE.size:
        raise _nonsense()
    priority, weight, port = _SERVICE.unpack_from(wire, at)
    name, _ = _name(wire, at + _SERVICE.size)
    labels, place = list[bytes](), 0
    while size := name[place]:
        labels.append(name[place + 1 : place + 1 + size])
        place += 1 + size
    if not all(map(_OF_A_HOST.fullmatch, labels)):
        return None  # no machine is called so
    return Target(priority, weight, port, b".".join(labels).decode("ascii"))


def _address(packed: bytes, kind: Kind) -> IpAddress:
    return ipaddress.IPv4Address(packed) if kind is Kind.A else ipaddress.IPv6Address(packed)


def _no_name() -> Invalid:
    return Invalid("name_malformed", "That is no name of a machine.")


def _nonsense() -> Invalid:
    return Invalid("answer_malformed", "That is no answer of a name server.")
