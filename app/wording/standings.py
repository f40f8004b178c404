"""Standings: how somebody stands with a reader, by whose words, through whom, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Safe, Value, join
from app.wording.reader import Reader
from app.wording.replies import lines
from kit.identifiers import UserId

if TYPE_CHECKING:  # what compiles them is loaded where somebody asks how one stands, and nowhere else
    from app.judging import Judged
    from reputation.trust.explaining import Turn
    from reputation.trust.views import Standing

_SHARES: Mapping[tuple[bool, bool], str] = {
    (True, False): marked("{who}: {percent} %, for them"),
    (True, True): marked("{who}: {percent} %, for them, with money behind it that is lost if they are called spam"),
    (False, False): marked("{who}: {percent} %, against them"),
}
_WORTH_SAYING = 0.05
"""Of reputation or confidence: what differs by less is not told apart."""


def standing(reader: Reader, other: UserId, judged: Judged, names: Mapping[int, UserId]) -> Message:
    """Say how somebody stands, why, and what would bring them to the other side of the middle."""
    who, found, change = reader.person(other), judged.explanation, judged.turn
    if found.nobody:
        told = reader.say(
            marked(
                "**Nobody whom you know knows {who}**, as far as they let you see it. They stand as any stranger does: "
                "{reputation} of 1, which rests on nothing."
            ),
            who=who,
            reputation=_number(found.standing.reputation),
        )
        return join([told, *_prior(reader, judged)])
    parts = [reader.say(marked("{who} stands with you at {both}."), who=who, both=_both(reader, found.standing))]
    if found.shares:
        shares = [
            reader.say(
                _SHARES[share.good, share.bonded],
                who=_name(reader, names, share.who),
                percent=share.percent,
            )
            for share in found.shares
        ]
        parts += [reader.say(marked("Whose words that is made of:")), lines(reader, shares)]
    if len(found.path) > 1:
        parts.append(reader.say(marked("The best path from you: {path}."), path=_path(reader, names, found.path[1:])))
    if found.through is not None:
        through = _name(reader, names, found.through)
        parts.append(reader.say(marked("All you know of them comes through one friend: {who}."), who=through))
    if _differ(found.standing, found.alone):
        alone = marked("Were one friend's word enough, it would be {both}.")
        parts.append(reader.say(alone, both=_both(reader, found.alone)))
    parts += _prior(reader, judged)
    if change.people:
        parts.append(_change(reader, change, names))
    how = marked("What you say yourself counts most: {vouch}, or {spam}.")
    parts.append(reader.say(how, vouch=Literal(f"vouch {other}"), spam=Literal(f"spam {other}")))
    return join(parts)


def _prior(reader: Reader, judged: Judged) -> list[Message]:
    """Say what their stake does, if anything, and how to think otherwise of strangers."""
    shifted = judged.prior - judged.outlook.prior > 0
    template = (
        marked("Their stake with you lifts what you think of them as a stranger from {own} to {prior}.")
        if shifted
        else marked("As a stranger they would stand at {own}: {strangers} changes that.")
    )
    own, prior = _number(judged.outlook.prior), _number(judged.prior)
    return [reader.say(template, own=own, prior=prior, strangers=Literal("strangers"))]


def _both(reader: Reader, found: Standing) -> Message:
    return reader.say(
        marked("**{reputation}** of 1, with a confidence of {confidence}"),
        reputation=_number(found.reputation),
        confidence=_number(found.confidence),
    )


def _number(value: float) -> Safe:
    return Safe(f"{value:.2f}")


def _differ(one: Standing, other: Standing) -> bool:
    gaps = abs(one.reputation - other.reputation), abs(one.confidence - other.confidence)
    return max(gaps) > _WORTH_SAYING


def _name(reader: Reader, names: Mapping[int, UserId], number: int) -> Value:
    return reader.person(names.get(number))


def _path(reader: Reader, names: Mapping[int, UserId], people: Sequence[int]) -> Message:
    told = reader.say("{who}", who=_name(reader, names, people[0]))
    for each in people[1:]:
        told = reader.say("{before} → {who}", before=told, who=_name(reader, names, each))
    return told


def _change(reader: Reader, change: Turn, names: Mapping[int, UserId]) -> Message:
    template = (
        marked("It would rise above one half by a word for them of:")
        if change.good
        else marked("It would fall below one half by a word against them of:")
    )
    people = [reader.say("{who}", who=_name(reader, names, each)) for each in change.people]
    parts = [reader.say(template), lines(reader, people, most=5)]
    if not change.enough:
        parts.append(reader.say(marked("These alone would not be enough.")))
    return join(parts)
