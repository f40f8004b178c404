"""Lists at a door: a subscription is a rule, found again as one, and taken out exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.amounts import Amount
from kit.errors import Conflict, Invalid, NotFound
from reputation.door_lists import AtDoor, Does, but, find, holding, left, lists_at, not_but, subscribed
from reputation.policy import Admitting, DoorDocument, Holding, Refusing, Rule
from reputation.policy_presets import PRESETS
from reputation.policy_rules import Policy, read_document

FRIENDS = Rule(name="friends", when="sender.known_by >= 1", then=Admitting())
SPAM = Rule(name="spam", when="sender.reports >= 3", then=Refusing())
DOOR = DoorDocument(rules=(SPAM, FRIENDS), otherwise=Holding(stake=Amount(5 * 10**18)))
NAMES = st.sampled_from(["@bob:b.example", '@q"\\:b.example', "b.example", "c.example:8448", "@ö:b.example"])


def ern(whole: int) -> Amount:
    return Amount(whole * 10**18)


@given(
    st.sampled_from(list(Does)),
    st.lists(NAMES, unique=True),
    st.sampled_from(list(PRESETS.values())),
    st.none() | st.integers(1, 10**20),
)
def test_a_subscription_is_found_again_and_leaving_undoes_it_exactly(
    does: Does, excepted: list[str], door: DoorDocument, stake: int | None
) -> None:
    price = None if stake is None or does is not Does.HOLD else holding(Amount(stake))
    one = AtDoor("watch", does, price, tuple(excepted))
    asks, then = door.otherwise, one.rule.then
    cheaper = isinstance(asks, Holding) and isinstance(then, Holding) and then.stake < asks.stake + asks.fee
    if does is Does.HOLD and (cheaper or isinstance(asks, Refusing)):
        with pytest.raises(Invalid):
            subscribed(door, one)
        return
    made = subscribed(door, one)
    assert isinstance(read_document(made.model_dump(mode="json")), Policy)
    found = find(made, "watch")
    assert (found.does, set(found.excepted)) == (does, set(excepted))
    assert found.rule == one.rule
    assert lists_at(made) == [found]
    assert left(made, "watch") == door


def test_subscribing_again_takes_the_earlier_ones_place() -> None:
    made = subscribed(subscribed(DOOR, AtDoor("one", Does.REFUSE)), AtDoor("two", Does.NOTIFY))
    again = subscribed(made, AtDoor("one", Does.NOTIFY))
    assert {one.name: one.does for one in lists_at(again)} == {"one": Does.NOTIFY, "two": Does.NOTIFY}
    assert left(left(again, "one"), "two") == DOOR
    with pytest.raises(NotFound):
        left(DOOR, "one")


def test_who_is_held_gets_past_nothing_that_refuses() -> None:
    made = subscribed(DOOR, AtDoor("watch", Does.HOLD))
    assert [rule.name for rule in made.rules] == ["spam", "list watch", "friends"]
    assert next(iter(subscribed(DOOR, AtDoor("watch", Does.REFUSE)).rules)).name == "list watch"


def test_who_is_held_gets_past_nothing_that_refuses_behind_a_rule_that_admits() -> None:
    door = DOOR.model_copy(update={"rules": (FRIENDS, SPAM)})
    made = subscribed(door, AtDoor("watch", Does.HOLD))
    assert [rule.name for rule in made.rules] == ["friends", "spam", "list watch"]


def test_who_is_held_pays_no_less_than_without_the_list() -> None:
    newcomers = Rule(name="newcomers", when="sender.vouches == 0", then=Holding(stake=ern(8)))
    door = DOOR.model_copy(update={"rules": (newcomers, FRIENDS), "otherwise": Holding(stake=ern(5), fee=ern(1))})
    made = subscribed(door, AtDoor("watch", Does.HOLD, holding(ern(7))))
    assert [rule.name for rule in made.rules] == ["newcomers", "list watch", "friends"]
    dearer = subscribed(made, AtDoor("watch", Does.HOLD, holding(ern(20))))
    assert [rule.name for rule in dearer.rules] == ["newcomers", "list watch", "friends"]
    with pytest.raises(Invalid, match="asks more of every stranger"):
        subscribed(made, AtDoor("watch", Does.HOLD, holding(ern(5))))
    raised = made.model_copy(update={"otherwise": Holding(stake=ern(9))})
    again = subscribed(raised, but(find(raised, "watch"), "@bob:b.example"))
    assert find(again, "watch").excepted == ("@bob:b.example",), "what is there already may be narrowed"


def test_a_rule_that_was_moved_by_hand_stays_where_it_is() -> None:
    made = subscribed(DOOR, AtDoor("watch", Does.REFUSE))
    moved = made.model_copy(update={"rules": (*made.rules[1:], made.rules[0])})
    again = subscribed(moved, but(find(moved, "watch"), "@bob:b.example"))
    assert [rule.name for rule in again.rules] == ["spam", "friends", "list watch"]
    assert [rule.name for rule in subscribed(moved, AtDoor("watch", Does.HOLD)).rules][1] == "list watch"


def test_a_rule_that_was_changed_by_hand_is_ones_own() -> None:
    made = subscribed(DOOR, AtDoor("watch", Does.REFUSE))
    own = made.rules[0].model_copy(update={"then": Admitting()})
    door = made.model_copy(update={"rules": (own, *made.rules[1:])})
    assert lists_at(door) == []
    with pytest.raises(Conflict, match="rule of your own"):
        subscribed(door, AtDoor("watch", Does.REFUSE))


def test_exceptions_are_bounded_and_can_be_taken_back() -> None:
    one = but(AtDoor("watch", Does.REFUSE), "@bob:b.example")
    assert but(one, "@bob:b.example") == one
    assert not_but(one, "@bob:b.example") == AtDoor("watch", Does.REFUSE)
    for number in range(19):
        one = but(one, f"s{number}.example")
    with pytest.raises(Invalid):
        but(one, "s20.example")
    with pytest.raises(Invalid):
        but(AtDoor("watch", Does.REFUSE), "@nobody")
    long = AtDoor("watch", Does.REFUSE, None, tuple(f"@{'x' * 200}{number}:b.example" for number in range(9)))
    with pytest.raises(Invalid):
        but(long, f"@{'x' * 200}:b.example")
