"""An identity's keys: what they vouch for is believed, and nothing else, whatever a homeserver says."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nio.crypto import OlmAccount

from bot.identity import Identity, Shown, fresh_seeds, shown
from tests.support.devices import DEVICE, ME, a_device


def an_answer(mine: Identity) -> dict[str, Any]:
    """What a homeserver shows where all is well."""
    account = OlmAccount()
    device, upload = a_device(account), mine.upload()
    signed = mine.signed_device({**device, "unsigned": {"device_display_name": "Earnest"}})
    device["signatures"][ME] |= signed["signatures"][ME]
    master = mine.signed_master(DEVICE, account.sign)
    return {
        "device_keys": {ME: {DEVICE: {**device, "unsigned": {"device_display_name": "Earnest"}}}},
        "master_keys": {ME: master},
        "self_signing_keys": {ME: upload["self_signing_key"]},
        "user_signing_keys": {ME: upload["user_signing_key"]},
    }


@pytest.fixture
def mine() -> Identity:
    """An identity."""
    return Identity(ME, fresh_seeds())


def test_what_is_rightly_signed_is_believed(mine: Identity) -> None:
    found = shown(an_answer(mine), ME, DEVICE)
    assert found.public == mine.public
    assert found.device is not None
    assert found.device_signed
    assert found.master_signed


def test_the_same_secrets_are_the_same_keys() -> None:
    seeds = fresh_seeds()
    assert Identity(ME, seeds).public == Identity(ME, seeds).public
    with pytest.raises(ValueError, match="three seeds"):
        Identity(ME, seeds[1:])


def test_keys_of_another_identity_vouch_for_nothing(mine: Identity) -> None:
    other = Identity(ME, fresh_seeds())
    answer = an_answer(mine)
    answer["self_signing_keys"][ME] = other.upload()["self_signing_key"]
    found = shown(answer, ME, DEVICE)
    assert "self_signing" not in found.public
    assert not found.device_signed
    answer = an_answer(mine) | {"master_keys": {ME: other.upload()["master_key"]}}
    assert shown(answer, ME, DEVICE).public == {"master": other.public["master"]}


def test_a_device_that_was_changed_on_the_way_is_not_ours(mine: Identity) -> None:
    answer = an_answer(mine)
    answer["device_keys"][ME][DEVICE]["algorithms"] = ["m.none"]
    found = shown(answer, ME, DEVICE)
    assert (found.device, found.device_key, found.device_signed, found.master_signed) == (None, None, False, False)


_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([ME, DEVICE, "keys"]), inner),
    max_leaves=4,
)


@given(data=st.data())
def test_whatever_a_homeserver_says_is_read_and_no_odd_thing_is_believed(data: st.DataObject) -> None:
    mine = Identity(ME, b"\x01" * 96)
    answer = copy.deepcopy(an_answer(mine))
    holder: Any = answer
    path: list[str] = [data.draw(st.sampled_from(sorted(holder)))]
    while isinstance(holder[path[-1]], dict) and holder[path[-1]] and data.draw(st.booleans()):
        holder = holder[path[-1]]
        path.append(data.draw(st.sampled_from(sorted(holder))))
    odd = data.draw(_ODD)
    whole = shown(answer, ME, DEVICE)
    same = odd == holder[path[-1]]
    holder[path[-1]] = odd
    found = shown(answer, ME, DEVICE)
    assert isinstance(found, Shown)
    if not same and "unsigned" not in path:
        assert found != whole
