"""The second story: people decide who reaches them, by rules, words and standing, and understand why."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from http import HTTPStatus

import httpx

from app.metadata import METADATA
from cli.demo.acts import STAKE_OBJECT
from cli.demo.people import Answer, Person
from cli.demo.stage import Stage
from kit.identifiers import UserId, parse_user_id
from reputation.evidence import Audience

SYBILS = 1_000
"""Accounts of one attacker, each of whom vouches for others of them."""
_EACH = 3
"""Words that each of them gives."""
_SLICE = 50
"""Of them in one transaction: nobody else writes meanwhile."""
_AT_ONCE = 20
_TRIES = 90
_FARM = "farm.example"
_FRIENDLY = "friends-of-friends"
_ADVERTISEMENT = "Designer sunglasses, 80 % discount, only today! Order now: https://shop.example/sunglasses"


async def chosen(stage: Stage) -> None:
    """@alice chooses a door that she understands in one sentence: friends of friends free, others stake 5, or ask."""
    alice, carol = await stage.talking("alice"), await stage.talking("carol")
    invited = await alice.invite(carol)
    stage.demand(invited.fine, "@alice may invite whom she wants, and so knows @carol", invited)
    told = await stage.answered(alice, "door presets", _FRIENDLY)
    stage.saw(f"{alice.user_id} asked the bot what doors there are", told)
    told = await stage.answered(alice, f"door preset {_FRIENDLY}", "riends of friends")
    stage.saw(f"she wrote: door preset {_FRIENDLY}; the bot answered", told)
    for one, other in ((alice, carol), (carol, alice)):
        told = await stage.answered(one, f"vouch {other.user_id}", "You vouch for")
    stage.saw(f"{alice.user_id} and {carol.user_id} vouch for each other, so each lets the other know whom she knows")


async def asks(stage: Stage) -> None:
    """@gina comes in by `ask`: one sentence in @alice's queue, and nobody is disturbed."""
    alice, gina = await stage.person("alice"), await stage.talking("gina")
    before, heard = len(gina.heard), len(alice.heard)
    answer = await _is_held(stage, gina, alice)
    stage.saw(f"{gina.user_id} is held, and her client says how she comes in free", str(answer.body["error"]))
    sentence = "I sing in your choir, the alto with the red scarf."
    told = await stage.answered(gina, f"ask {alice.user_id} {sentence}", "Asked")
    stage.saw(f"she wrote: ask {alice.user_id} {sentence}", told)
    stage.demand(len(alice.heard) == heard, "@alice is not disturbed", alice.heard[heard:])
    told = await stage.answered(alice, "knocks", sentence)
    stage.saw(f"nobody disturbed {alice.user_id}; when she looked, she read", told)
    await stage.answered(alice, f"accept {gina.user_id}", "Accepted")
    told = await stage.until(lambda: gina.said("accepted you", after=before), "the bot tells @gina")
    stage.saw("she wrote: accept; the bot told @gina", told)
    await _arrives(stage, gina, alice)


async def vouched(stage: Stage) -> None:
    """@hugo comes in by a vouch: @carol's word opens @alice's door."""
    alice, carol, hugo = await stage.person("alice"), await stage.person("carol"), await stage.person("hugo")
    await _is_held(stage, hugo, alice)
    stage.saw(f"{hugo.user_id} is held: nobody whom {alice.user_id} knows speaks for him")
    told = await stage.answered(carol, f"vouch {hugo.user_id}", "You vouch for", hugo.user_id)
    stage.saw(f"{carol.user_id} wrote: vouch {hugo.user_id}", told)
    told = await stage.answered(alice, f"why {hugo.user_id}", "reach you")
    stage.saw(f"{alice.user_id} asked why", told)
    await _arrives(stage, hugo, alice)


async def friend_of_a_friend(stage: Stage) -> None:
    """@ivan, whom @carol accepted, passes @alice's door free, with the explanation printed."""
    alice, carol, ivan = await stage.person("alice"), await stage.person("carol"), await stage.talking("ivan")
    await stage.answered(carol, f"door preset {_FRIENDLY}", "riends of friends")
    await _is_held(stage, ivan, carol)
    await stage.answered(ivan, f"ask {carol.user_id} We met at the lake.", "Asked")
    await stage.answered(carol, f"accept {ivan.user_id}", "Accepted")
    stage.saw(f"{ivan.user_id} asked {carol.user_id}, who accepted him; {alice.user_id} never heard of him")
    told = await stage.answered(alice, f"why {ivan.user_id}", "reach you", "known_by")
    stage.saw(f"{alice.user_id} asked why he would come in", told)
    await _arrives(stage, ivan, alice)


async def farmed(stage: Stage) -> None:
    """1,000 sybils around one tricked contact stay outside @alice's door."""
    alice, carol = await stage.person("alice"), await stage.person("carol")
    sybils = [parse_user_id(f"@s{number}:{_FARM}") for number in range(SYBILS)]
    await asyncio.to_thread(_vouch_for_each_other, stage, sybils)
    stage.saw(f"{SYBILS} accounts of {_FARM} vouch for each other, {SYBILS * _EACH} times, for everybody to see")
    await stage.answered(carol, f"vouch {sybils[0]}", "You vouch for", sybils[0])
    stage.saw(f"one of them tricked {carol.user_id} into vouching for it: {sybils[0]}")
    # Of a domain that floods, whoever comes late is refused unheard: the one with the word comes first, and alone.
    statuses = await _knock(stage, sybils[:1], alice)
    statuses |= await _knock(stage, sybils[1:], alice)
    inside = [who for who, status in statuses.items() if status == HTTPStatus.OK]
    stage.demand(inside == [sybils[0]], "the one that she vouches for, and no other", inside[:10])
    refused = sum(status == HTTPStatus.FORBIDDEN for status in statuses.values())
    stage.demand(refused == SYBILS - 1, "all others are refused", statuses)
    stage.saw(f"all of them knocked at {alice.user_id}'s door: {refused} stay outside; the one with the word came in")
    told = await stage.answered(alice, f"why {sybils[1]}", "held", sybils[1])
    stage.saw(f"she asked why {sybils[1]} does not", told)
    await stage.answered(carol, f"unvouch {sybils[0]}", "Taken back")
    await stage.answered(alice, f"spam {sybils[0]}", "Do you really want")
    told = await stage.answered(alice, "confirm", "reaches you no more")
    stage.saw(f"{carol.user_id} took her word back, and {alice.user_id} called it spam", told)


async def tried(stage: Stage) -> None:
    """@alice tries a stricter door: a dry run shows whom it would have kept out; she leaves hers as it is."""
    alice = await stage.person("alice")
    told = await stage.answered(alice, "door try known", "@hugo", "@ivan")
    stage.saw(f"{alice.user_id} wrote: door try known; nothing is changed by it, and the bot answered", told)
    await stage.answered(alice, "door preset known", "nly people")
    told = await stage.answered(alice, "door undo", "riends of friends")
    stage.saw("she tried it in earnest, and took it back with: door undo", told)


async def filtered(stage: Stage) -> None:
    """@alice's filter would have hidden @mallory's advertisement, and tells her; it hides nothing and keeps no text."""
    alice, carol, mallory = await stage.person("alice"), await stage.person("carol"), await stage.person("mallory")
    told = await stage.answered(alice, "filter preset careful", "filter undo takes this back")
    stage.saw(f"{alice.user_id} wrote: filter preset careful; the bot answered", told)
    room = await carol.create_room()
    for guest in (alice, mallory):
        arrival = guest.invited_by(carol)
        stage.demand((await carol.invite(guest, room)).fine, f"{guest.user_id} is invited to @carol's room")
        await stage.until(arrival, "the invite arrives")
        stage.demand((await guest.join(room)).fine, "they join")
    await alice.invite_bot(room)
    said = await stage.until(partial(carol.read_in, room), "the bot says what it does there")
    stage.saw(f"she asked the bot into a room of {carol.user_id}'s, where it said, once", said)
    event = await mallory.write(room, _ADVERTISEMENT)
    await carol.write(room, "Rehearsal is at seven.")
    stage.saw(f"{mallory.user_id} wrote there, for everybody to read", _ADVERTISEMENT)
    told = await _looks_until(stage, alice, "filter seen", "hide or mark 1", event[1:])
    stage.saw(f"{alice.user_id} asked what her filter would have hidden", told)
    told = await stage.answered(alice, f"filter why {event}", "Rule", "known_by")
    stage.saw("she asked why", told)
    found = await asyncio.to_thread(_kept, stage, "sunglasses")
    stage.demand(not found, "no text of it is in the database", found)
    stage.saw("the text of that message is nowhere in the database: its id, the rule and the facts are")
    await stage.answered(alice, "filter off", "no filter")


STEPS = (chosen, asks, vouched, friend_of_a_friend, farmed, tried, filtered)


async def _looks_until(stage: Stage, person: Person, command: str, *words: str) -> str:
    """Write to the bot, again while its answer is not yet so, and return the one that is."""
    for _ in range(_TRIES):
        before = len(person.heard)
        await person.say(command)
        told = await stage.until(partial(person.said, after=before), f"the bot answers: {command}")
        if all(word in told for word in words):
            return told
        await asyncio.sleep(1)
    stage.demand(found=False, expected=f"{command} tells of {words}")
    return ""


def _kept(stage: Stage, word: str) -> list[str]:
    """Return the tables in which a word stands."""
    with stage.world.container.read() as work:
        return [
            table.name
            for table in METADATA.sorted_tables
            if any(word in str(value) for row in work.session.execute(table.select()) for value in row)
        ]


async def _is_held(stage: Stage, stranger: Person, owner: Person) -> Answer:
    """See that an invite is held for a stake."""
    answer = await stranger.invite(owner)
    held = answer.status == HTTPStatus.FORBIDDEN and STAKE_OBJECT in answer.body
    stage.demand(held, "the invite is held for a stake", answer)
    return answer


async def _arrives(stage: Stage, stranger: Person, owner: Person) -> None:
    """See that an invite goes through and arrives; what was answered before is answered again for a few seconds."""
    arrival = owner.invited_by(stranger)
    answer = await stranger.invite(owner)
    for _ in range(_TRIES):
        if answer.fine:
            break
        await asyncio.sleep(0.5)
        answer = await stranger.invite(owner)
    stage.demand(answer.fine, "the invite goes through", answer)
    await stage.until(arrival, f"it reaches {owner.user_id}")
    stage.saw(f"{stranger.user_id} invited {owner.user_id} again: {answer.status}, and it arrived")


def _vouch_for_each_other(stage: Stage, sybils: list[UserId]) -> None:
    """Give each of them the words of others of them, as if all had written to the bot."""
    for first in range(0, len(sybils), _SLICE):
        with stage.world.container.work() as work:
            for place in range(first, min(first + _SLICE, len(sybils))):
                for step in range(1, _EACH + 1):
                    by, of = sybils[place], sybils[(place + step) % len(sybils)]
                    work.vouches.vouch(
                        work.people.number(by), work.people.number(of), weight=3, audience=Audience.EVERYBODY
                    )


async def _knock(stage: Stage, strangers: list[UserId], owner: Person) -> dict[UserId, int]:
    """Let strangers knock as their homeserver would have them; return what each was answered."""
    plan, statuses = stage.world.plan, dict[UserId, int]()
    bearer = (stage.world.homeserver.folder / "bearer").read_text(encoding="utf-8").strip()
    url = f"{plan.public_url}/api/1/spam_check/user_may_invite"
    waiting = iter(strangers)
    limits = httpx.Limits(max_connections=_AT_ONCE)
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=60) as client:

        async def knock() -> None:
            for who in waiting:
                invite = {"inviter": who, "invitee": owner.user_id, "room_id": f"!r:{_FARM}"}
                answer = await client.post(url, content=json.dumps(invite))
                statuses[who] = answer.status_code

        await asyncio.gather(*(knock() for _ in range(_AT_ONCE)))
    return statuses
