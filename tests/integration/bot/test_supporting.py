"""Supporters' rooms, whatever happens in between: each is made once, and holds whom it should."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from app.forgetting import forget_person
from app.supporting.planning import CHILD, FLAIR, JOIN_RULES, flair_key, join_rules
from bot.homeserver import Denied, ElsewhereAway, EventId, Invited, Joined, SlowDown, Stated
from kit.clock import from_unix
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Membership
from tests.support.desk import Desk
from tests.support.knocks import ALICE, BOB, BOT
from tests.support.lodge import Died, Lodge
from tests.support.supporters import DOCUMENT, LOUNGE, NEWS, SPACE, TABLE, Keeping, gave, use

CAROL, MOD = UserId("@carol:home.example"), UserId("@mod:home.example")
JOIN, INVITE, LEAVE = Membership.JOIN, Membership.INVITE, Membership.LEAVE


@pytest.fixture
def keeping(desk: Desk) -> Keeping:
    use(desk)
    return Keeping(desk)


def test_a_gift_leads_into_the_space_and_shows(keeping: Keeping) -> None:
    gave(keeping.desk, ALICE)
    keeping.round()
    lodge, space, lounge = keeping.lodge, keeping.room(SPACE), keeping.room(LOUNGE)
    assert keeping.stands(SPACE, ALICE) is INVITE
    assert keeping.stands(LOUNGE, ALICE) is None, "whoever is in the space comes by themselves"
    shown = lodge.content(space, FLAIR, flair_key(ALICE))
    assert (shown["tier"], shown["verify"]) == ("silver", "https://earnest.example/v1/flair/%40alice%3Ahome.example")
    assert lodge.seen(space).space
    assert lodge.content(space, JOIN_RULES) == {"join_rule": "invite"}
    assert lodge.content(lounge, JOIN_RULES) == join_rules(space)
    assert lodge.content(keeping.room(TABLE), JOIN_RULES) == {"join_rule": "invite"}, "not for all of the space"
    assert lodge.content(space, CHILD, lounge)["via"] == ["home.example"]
    assert lodge.seen(keeping.room(NEWS)).powers.events_default == 50, "supporters read posts, and write none"
    assert "tier_reached" in keeping.told(ALICE)
    keeping.comes(SPACE, ALICE)
    keeping.comes(LOUNGE, ALICE)
    keeping.bot.hear(Stated(lounge, "m.room.power_levels", ""))
    keeping.round()
    assert lodge.seen(lounge).powers.of(ALICE) == 5
    before = lodge.deeds
    keeping.round()
    assert lodge.deeds == before, "nothing is done again"


def test_nobody_is_asked_in_or_shown_who_did_not_say_so(keeping: Keeping) -> None:
    gave(keeping.desk, ALICE, show=False)
    keeping.round()
    assert keeping.stands(SPACE, ALICE) is None
    assert not keeping.lodge.content(keeping.room(SPACE), FLAIR, flair_key(ALICE))
    (told,) = [line for line in keeping.bot.delivers() if "Silver" in line]
    assert "the others who are there see your Matrix id" in told
    keeping.bot.taps("👍", keeping.bot.asked("\n".join(keeping.lines)), room=keeping.chat(ALICE))
    keeping.round()
    assert keeping.stands(SPACE, ALICE) is INVITE
    assert not keeping.lodge.content(keeping.room(SPACE), FLAIR, flair_key(ALICE)), "showing is another question"


def test_a_tier_room_is_for_its_tier(keeping: Keeping) -> None:
    gave(keeping.desk, ALICE)
    gave(keeping.desk, BOB, euros=20)
    keeping.round()
    assert (keeping.stands(TABLE, ALICE), keeping.stands(TABLE, BOB)) == (None, INVITE)


@pytest.mark.parametrize("after", [1.5, 2.0, 3.0])
def test_whoever_dies_at_any_deed_is_made_up_for(desk: Desk, after: float) -> None:
    """Each bot does one deed or two: it dies when it has done the first, or before or after it would do another."""
    use(desk)
    gave(desk, ALICE)
    gave(desk, BOB, euros=20)
    deaths, lodge = 0, Lodge()
    while True:
        lodge.dies_at = lodge.deeds + after
        try:
            Keeping(desk, lodge).round()
        except Died:
            deaths += 1
            assert deaths < 100, "it comes to an end"
            continue
        break
    kept = Keeping(desk, lodge)
    assert [what for what, *_ in lodge.done].count("create") == 4
    assert len(lodge.done) == len(set(lodge.done)), "nothing is done twice"
    assert (kept.stands(SPACE, ALICE), kept.stands(TABLE, BOB)) == (INVITE, INVITE)
    assert kept.lodge.content(kept.room(SPACE), FLAIR, flair_key(BOB))["tier"] == "gold"
    assert deaths > 5


def test_a_lapse_is_warned_of_and_puts_out_and_a_renewal_asks_in_again(keeping: Keeping) -> None:
    gave(keeping.desk, ALICE, euros=20)
    keeping.round()
    for key in (SPACE, LOUNGE, TABLE):
        keeping.comes(key, ALICE)
    keeping.days(25)
    assert keeping.told(ALICE) == ["tier_reached", "tier_ending"], "of both tiers together"
    keeping.days(8)
    assert keeping.told(ALICE)[-1] == "tier_grace"
    assert keeping.stands(SPACE, ALICE) is JOIN, "not yet"
    keeping.days(14)
    assert keeping.told(ALICE)[-1] == "tier_lapsed"
    for key in (SPACE, LOUNGE, TABLE):
        assert keeping.stands(key, ALICE) is LEAVE
    assert not keeping.lodge.content(keeping.room(SPACE), FLAIR, flair_key(ALICE))
    kicks = [room for what, room, _ in keeping.lodge.done if what == "kick"]
    assert kicks[0] == keeping.room(SPACE), "whoever is in the space could come back into its rooms"
    gave(keeping.desk, ALICE)
    keeping.round()
    assert keeping.told(ALICE)[-1] == "tier_returned"
    assert (keeping.stands(SPACE, ALICE), keeping.stands(TABLE, ALICE)) == (INVITE, LEAVE)


def test_whoever_left_by_themselves_is_not_dragged_back_until_they_ask(keeping: Keeping) -> None:
    gave(keeping.desk, ALICE, months=3)
    keeping.round()
    keeping.comes(SPACE, ALICE)
    keeping.goes(SPACE, ALICE)
    keeping.days(1)
    assert keeping.stands(SPACE, ALICE) is LEAVE
    with keeping.desk.work() as work:
        work.support.wishes(work.people.number(ALICE), joins=True)
    keeping.round()
    assert keeping.stands(SPACE, ALICE) is INVITE


@pytest.mark.parametrize("error", [ElsewhereAway("away"), SlowDown(1.0), HomeserverUnavailable("gone")])
def test_whoever_left_and_asks_is_asked_in_though_the_first_try_came_to_nothing(
    keeping: Keeping, error: Exception
) -> None:
    gave(keeping.desk, ALICE, months=3)
    keeping.round()
    keeping.comes(SPACE, ALICE)
    keeping.goes(SPACE, ALICE)
    keeping.round()
    with keeping.desk.work() as work:
        work.support.wishes(work.people.number(ALICE), joins=True)
    keeping.lodge.fails["invite"] = error
    with suppress(HomeserverUnavailable):
        keeping.round()
    assert keeping.stands(SPACE, ALICE) is LEAVE
    keeping.lodge.fails.clear()
    keeping.bot.ticks += 3_600
    keeping.round()
    assert keeping.stands(SPACE, ALICE) is INVITE
    keeping.goes(SPACE, ALICE)
    keeping.days(1)
    assert keeping.stands(SPACE, ALICE) is LEAVE, "who was asked, and left, is not asked again"


def test_whoever_left_and_was_refused_is_asked_again_the_next_day(keeping: Keeping) -> None:
    gave(keeping.desk, ALICE, months=3)
    keeping.round()
    keeping.comes(SPACE, ALICE)
    keeping.goes(SPACE, ALICE)
    with keeping.desk.work() as work:
        work.support.wishes(work.people.number(ALICE), joins=True)
    keeping.lodge.refuses.add(ALICE)
    keeping.round()
    keeping.lodge.refuses.clear()
    keeping.days(0.5)
    assert keeping.stands(SPACE, ALICE) is LEAVE
    keeping.bot.ticks += 700
    keeping.days(1)
    assert keeping.stands(SPACE, ALICE) is INVITE


class Busy(Lodge):
    """A homeserver on which somebody comes in while the bot is in the midst of a round."""

    keeping: Keeping | None = None

    async def put_state(self, room: RoomId, kind: str, key: str, content: Mapping[str, Any]) -> EventId:
        if kind == FLAIR and self.keeping is not None:
            self.comes(room, CAROL)
            await self.keeping.bot.supporting.takes(Joined(room, CAROL))
        return await super().put_state(room, kind, key, content)


def test_what_happens_in_the_midst_of_a_round_is_seen_by_the_next(desk: Desk) -> None:
    use(desk)
    lodge = Busy()
    keeping = Keeping(desk, lodge)
    keeping.round()
    lodge.keeping = keeping
    gave(desk, ALICE)
    keeping.round()
    assert keeping.stands(SPACE, CAROL) is JOIN
    keeping.round()
    assert keeping.stands(SPACE, CAROL) is LEAVE


def test_whoever_wishes_to_go_is_put_out(keeping: Keeping) -> None:
    gave(keeping.desk, ALICE)
    keeping.round()
    keeping.comes(SPACE, ALICE)
    keeping.comes(LOUNGE, ALICE)
    with keeping.desk.work() as work:
        work.support.wishes(work.people.number(ALICE), joins=False)
    keeping.round()
    assert (keeping.stands(SPACE, ALICE), keeping.stands(LOUNGE, ALICE)) == (LEAVE, LEAVE)


def test_what_hands_changed_is_put_back_and_moderators_stay(keeping: Keeping) -> None:
    keeping.round()
    space, lounge = keeping.room(SPACE), keeping.room(LOUNGE)
    levels = keeping.lodge.content(lounge, "m.room.power_levels")
    keeping.lodge.puts(lounge, "m.room.power_levels", "", {**levels, "users": {MOD: 50}}, MOD)
    keeping.lodge.puts(lounge, JOIN_RULES, "", {"join_rule": "public"}, MOD)
    keeping.lodge.puts(space, CHILD, lounge, {}, MOD)
    keeping.comes(LOUNGE, MOD)
    keeping.comes(LOUNGE, CAROL)
    keeping.lodge.puts(space, FLAIR, "_@carol:home.example", {"tier": "gold"}, MOD)
    keeping.bot.hear(Stated(lounge, JOIN_RULES, ""))
    keeping.bot.hear(Stated(space, CHILD, lounge))
    keeping.round()
    assert keeping.lodge.content(lounge, JOIN_RULES) == join_rules(space)
    assert keeping.lodge.content(space, CHILD, lounge)["via"]
    assert (keeping.stands(LOUNGE, MOD), keeping.stands(LOUNGE, CAROL)) == (JOIN, LEAVE)
    assert not keeping.lodge.content(space, FLAIR, "_@carol:home.example")


def test_what_was_taken_back_takes_back_what_it_gave_and_says_so(keeping: Keeping) -> None:
    gift = gave(keeping.desk, ALICE)
    keeping.round()
    keeping.comes(SPACE, ALICE)
    with keeping.desk.work() as work:
        work.supporters.took_back(gift.key)
    keeping.round()
    assert keeping.stands(SPACE, ALICE) is LEAVE
    assert keeping.told(ALICE)[-1] == "tier_taken_back"
    keeping.desk.house.time += 1
    gave(keeping.desk, ALICE, at=gift.at)
    keeping.round()
    assert keeping.stands(SPACE, ALICE) is INVITE, "though it is the same time for which they were asked before"
    assert keeping.told(ALICE)[-1] == "tier_returned"


def test_of_a_tier_that_takes_more_now_it_is_not_said_that_a_gift_was_taken_back(keeping: Keeping) -> None:
    gone = gave(keeping.desk, ALICE)
    keeping.desk.house.time += 60
    gave(keeping.desk, ALICE, euros=20)
    with keeping.desk.work() as work:
        work.supporters.took_back(gone.key)
    keeping.round()
    dearer = [{**tier, "month": {"EUR": "1000"}} for tier in DOCUMENT["tiers"]]
    use(keeping.desk, {**DOCUMENT, "tiers": dearer})
    keeping.round()
    assert keeping.told(ALICE) == ["tier_reached", "tier_changed"]


def test_nothing_is_left_of_whoever_is_forgotten(keeping: Keeping) -> None:
    gave(keeping.desk, ALICE)
    with keeping.desk.work() as work:
        work.support.wishes(work.people.number(ALICE), profile=True)
    keeping.round()
    keeping.comes(SPACE, ALICE)
    assert keeping.lodge.profiles[ALICE]["tier"] == "silver"
    with keeping.desk.work() as work:
        forget_person(work, work.people.number(ALICE))
    keeping.round()
    assert keeping.stands(SPACE, ALICE) is LEAVE
    assert not keeping.lodge.content(keeping.room(SPACE), FLAIR, flair_key(ALICE))
    assert keeping.lodge.profiles == {}


def test_a_profile_is_written_by_wish_alone_and_follows_what_is_shown(keeping: Keeping) -> None:
    gave(keeping.desk, ALICE)
    gave(keeping.desk, BOB)
    keeping.round()
    assert keeping.lodge.profiles == {}
    with keeping.desk.work() as work:
        for user in (ALICE, BOB):
            work.support.wishes(work.people.number(user), profile=True)
    keeping.round()
    assert list(keeping.lodge.profiles) == [ALICE], "Bob's homeserver is another"
    keeping.days(60)
    assert keeping.lodge.profiles == {}


@pytest.mark.parametrize("error", [ElsewhereAway("away"), None])
def test_one_whose_homeserver_is_away_or_unwilling_stops_nobody(keeping: Keeping, error: Exception | None) -> None:
    lodge = keeping.lodge
    gave(keeping.desk, BOB)
    if error is None:
        lodge.refuses = {BOB}
    else:
        lodge.fails = {"invite": error}
    keeping.round()
    assert keeping.stands(SPACE, BOB) is None
    lodge.fails, lodge.refuses = {}, set()
    gave(keeping.desk, ALICE)
    keeping.round()
    assert keeping.stands(SPACE, ALICE) is INVITE
    keeping.days(1.1)
    keeping.bot.ticks += 4_000
    keeping.round()
    assert keeping.stands(SPACE, BOB) is INVITE


@pytest.mark.parametrize("error", [SlowDown(20.0), HomeserverUnavailable("away")])
def test_a_homeserver_that_is_slow_or_away_is_waited_for(keeping: Keeping, error: Exception) -> None:
    gave(keeping.desk, ALICE)
    keeping.lodge.fails = {FLAIR: error, "invite": error}
    with pytest.raises(type(error)):
        keeping.round()
    keeping.lodge.fails = {}
    keeping.round()
    assert keeping.stands(SPACE, ALICE) is INVITE


def test_a_room_that_we_cannot_see_is_told_of_and_the_others_are_kept(keeping: Keeping) -> None:
    keeping.round()
    keeping.lodge.rooms[keeping.room(LOUNGE)].discard(BOT)
    gave(keeping.desk, ALICE)
    keeping.bot.ticks += 700
    keeping.round()
    assert keeping.stands(SPACE, ALICE) is INVITE
    with keeping.desk.read() as work:
        assert list(work.support.troubles()) == [LOUNGE]
    keeping.bot.hear(Invited(keeping.room(LOUNGE), MOD))
    keeping.round()
    with keeping.desk.read() as work:
        assert work.support.troubles() == {}


def test_a_room_that_cannot_be_made_stops_no_other(keeping: Keeping) -> None:
    keeping.lodge.fails = {"create": Denied(403, {"errcode": "M_FORBIDDEN"})}
    keeping.round()
    assert keeping.lodge.states == {}
    keeping.lodge.fails = {}
    keeping.bot.ticks += 60
    keeping.round()
    assert len(keeping.lodge.states) == 4


def test_another_document_is_another_space(keeping: Keeping) -> None:
    gave(keeping.desk, ALICE, euros=20)
    keeping.round()
    keeping.comes(SPACE, ALICE)
    keeping.comes(TABLE, ALICE)
    rooms = [{"id": "lounge", "title": "Tea room"}, {"id": "news", "title": "News first", "posts": True}]
    tiers: list[dict[str, Any]] = [
        {**tier, "gives": {**tier["gives"], "rooms": ["lounge", "news"]}} for tier in DOCUMENT["tiers"]
    ]
    use(keeping.desk, {**DOCUMENT, "rooms": rooms, "tiers": tiers})
    keeping.round()
    assert keeping.lodge.content(keeping.room(LOUNGE), "m.room.name") == {"name": "Tea room"}
    assert not keeping.lodge.content(keeping.room(SPACE), CHILD, keeping.room(TABLE))
    assert keeping.stands(TABLE, ALICE) is JOIN, "a slip of the pen puts nobody out"
    keeping.days(60)
    assert keeping.stands(TABLE, ALICE) is LEAVE, "a lapse does"


def test_stewards_are_asked_in_and_stay(desk: Desk) -> None:
    use(desk)
    desk.stewards = (MOD,)
    keeping = Keeping(desk)
    keeping.round()
    keeping.comes(LOUNGE, MOD)
    keeping.bot.ticks += 700
    keeping.round()
    assert (keeping.stands(SPACE, MOD), keeping.stands(LOUNGE, MOD)) == (INVITE, JOIN)
    assert keeping.lodge.seen(keeping.room(LOUNGE)).powers.of(MOD) == 50


def test_without_a_tier_document_nothing_is_made(desk: Desk) -> None:
    keeping = Keeping(desk)
    keeping.round()
    assert keeping.lodge.states == {}


def test_a_gift_that_reaches_no_tier_is_thanked_for_once_and_taken_back(desk: Desk) -> None:
    tiers = [*DOCUMENT["tiers"], {"id": "bronze", "title": "Bronze", "sum": {"EUR": "4"}}]
    use(desk, {**DOCUMENT, "tiers": [tiers[-1], *tiers[:-1]]})
    keeping = Keeping(desk)
    gave(desk, ALICE, euros=1, at=from_unix(desk.house.time - 8 * 86_400))
    keeping.round()
    assert keeping.told(ALICE) == [], "nobody is thanked for what is long past"
    small = gave(desk, ALICE, euros=2, at=from_unix(desk.house.time - 60))
    keeping.round()
    Keeping(desk, keeping.lodge).round()
    assert keeping.told(ALICE) == ["gift_small"], "once, also through a restart"
    (line,) = [line for line in keeping.bot.delivers() if "has arrived" in line]
    assert "1 EUR" in line
    assert "Bronze" in line
    with desk.work() as work:
        work.supporters.took_back(small.key)
    keeping.round()
    assert keeping.told(ALICE) == ["gift_small", "gift_small_gone"]
    keeping.days(1)
    assert keeping.told(ALICE) == ["gift_small", "gift_small_gone"]
    gave(desk, ALICE, euros=2, at=from_unix(desk.house.time - 30))
    keeping.round()
    last = gave(desk, ALICE, euros=1, at=from_unix(desk.house.time - 20))
    keeping.round()
    with desk.work() as work:
        work.supporters.took_back(last.key)
    keeping.round()
    keeping.round()
    assert keeping.told(ALICE)[2:] == ["gift_small", "tier_reached", "tier_taken_back"], "and not both"


def test_whoever_has_a_tier_hears_nothing_of_a_small_gift(keeping: Keeping) -> None:
    gave(keeping.desk, ALICE)
    gave(keeping.desk, ALICE, euros=1)
    keeping.round()
    assert keeping.told(ALICE) == ["tier_reached"]
    with keeping.desk.work() as work:
        assert work.support.untold() == [], "and is not looked for again"
