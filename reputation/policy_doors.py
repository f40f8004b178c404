"""Doors and documents (pure): what a door of three modes says as a document, and which documents say no more."""

from __future__ import annotations

from typing import Final

from kit.amounts import ZERO
from reputation.conditions.facts import DOOR_FACTS
from reputation.conditions.model import Record
from reputation.model import Door, DoorMode
from reputation.policy import Admitting, DoorDocument, Holding, Limits, Refusing
from reputation.policy_rules import policy_of
from reputation.pricing import Caps

NOTHING_KNOWN: Final[Record] = (None,) * len(DOOR_FACTS.facts)
"""The record of a knock of which nothing is known."""


def document_of(door: Door) -> DoorDocument:
    """Return the document that says what a door says; where its fee goes stays with the door."""
    if door.policy is not None:
        return door.policy.document
    limits = Limits(at_once=door.caps.most_open, a_day=door.caps.most_a_day)
    if door.mode is DoorMode.OPEN:
        return DoorDocument(otherwise=Admitting(), limits=limits)
    if door.mode is not DoorMode.ASK:  # rules that were not read let no stranger in
        return DoorDocument(otherwise=Refusing(), limits=limits)
    # A door that asks for nothing is open: the escrow holds no stake of nothing.
    otherwise = Holding(stake=door.stake, fee=door.fee) if door.stake or door.fee else Admitting()
    return DoorDocument(otherwise=otherwise, limits=limits)


def door_of(document: DoorDocument) -> Door:
    """Return the door that a document is: one of three modes where it says no more than that. Raises ``Invalid``.

    Where a fee goes is not in a document, so the door does not say it either.
    """
    caps = Caps(document.limits.at_once, document.limits.a_day)
    if not document.rules and not document.patterns:
        match document.otherwise:
            case Admitting():
                return Door(DoorMode.OPEN, caps=caps)
            case Refusing():
                return Door(DoorMode.CLOSED, caps=caps)
            case Holding(stake=stake, fee=fee, free=()):
                return Door(DoorMode.ASK, stake, fee, caps=caps)
            case Holding():
                pass
    return Door(DoorMode.RULES, ZERO, ZERO, caps=caps, policy=policy_of(document))
