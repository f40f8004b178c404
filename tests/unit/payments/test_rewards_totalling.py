"""What is said in public of all servers: in fives, so that it tells nothing of one of them."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from payments.rewards.totalling import AVAILABILITY, PEOPLE, SMALLEST_GROUP, OneDay, total

SHARES = st.none() | st.fractions(min_value=0, max_value=1, max_denominator=96)
SERVERS = st.lists(st.builds(OneDay, st.integers(0, 10_000), SHARES), max_size=60)


def test_groups_are_told_by_their_names() -> None:
    some = [OneDay(people, there) for people, there in ((0, None), (4, Fraction(89, 100)), (499, Fraction(1)))]
    some = some * 5 + [OneDay(5, Fraction(9, 10)), OneDay(600, Fraction(98, 100))] * 4
    assert total(some) == {
        "servers": 20,
        "people": {"0": 5, "1 to 4": 5, "100 to 499": 5},
        "availability": {"under 90 %": 5, "90 % to 99 %": 5, "99 % and more": 5},
    }


@given(SERVERS)
def test_no_group_is_smaller_than_five_and_none_can_be_taken_from_the_sum(some: list[OneDay]) -> None:
    said = total(some)
    for groups, names in ((said["people"], PEOPLE), (said["availability"], AVAILABILITY)):
        assert set(groups) <= {name for _, name in names}
        assert all(count >= SMALLEST_GROUP and count % SMALLEST_GROUP == 0 for count in groups.values())
        assert sum(groups.values()) <= said["servers"]
    assert said["servers"] % SMALLEST_GROUP == 0
    assert len(some) - SMALLEST_GROUP < said["servers"] <= len(some)


@given(SERVERS)
def test_the_order_of_servers_changes_nothing(some: list[OneDay]) -> None:
    assert total(reversed(some)) == total(some)
