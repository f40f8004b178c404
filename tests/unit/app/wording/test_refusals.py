"""The sentence that a stopped inviter's client gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wording.refusals import LONGEST_REFUSAL, refusal
from kit.amounts import ZERO, Amount
from kit.identifiers import UserId
from payments.stakes.model import Price
from reputation.verdict import Admit, Code, FreePath, Hold, Reason, Refuse, Verdict

ALICE = UserId("@alice:home.example")
URL = "https://earnest.example/stake/q1"


def said(verdict: Verdict, recipient: UserId = ALICE) -> str:
    return refusal(verdict, recipient=recipient, quote_url=URL, check_code="K7-P2", symbol="ERN", decimals=18)


def hold(stake: int, fee: int) -> Hold:
    return Hold(Price(Amount(stake * 10**18), Amount(fee * 10**18)), (Reason(Code.ASKS_STAKE),))


def test_a_held_invite_says_who_asks_for_what_and_where_to_go() -> None:
    sentence = said(hold(5, 0))
    for part in ("@alice:home.example", "a stake of 5 ERN", URL, "K7-P2", "stopped"):
        assert part in sentence
    assert "fee" not in sentence


def test_the_price_is_told_in_full() -> None:
    assert "a stake of 5 ERN and a fee of 1 ERN" in said(hold(5, 1))
    assert "a fee of 1 ERN" in said(hold(0, 1))
    assert "stake of" not in said(hold(0, 1))


@pytest.mark.parametrize("code", list(Code))
def test_every_refusal_has_a_sentence(code: Code) -> None:
    sentence = said(Refuse((Reason(code),)))
    assert "@alice:home.example" in sentence or code is Code.LISTED, "that is about whoever reads it"
    assert URL not in sentence


def test_reasons_that_matter_to_the_inviter_are_told_apart() -> None:
    told = {
        said(Refuse((Reason(code),)))
        for code in (Code.DOOR_CLOSED, Code.CALLED_SPAM, Code.INVITE_PENDING, Code.LATE, Code.SERVER_FLOODS)
    }
    assert len(told) == 5


def test_an_admit_is_never_worded_as_a_price() -> None:
    assert "stake" not in said(Admit(()))


@given(st.text(max_size=500), st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_it_is_one_line_of_bounded_length_whatever_the_recipient_is_called(name: str, stake: int, fee: int) -> None:
    sentence = said(Hold(Price(Amount(stake), Amount(fee)), ()), UserId(name))
    assert len(sentence) <= LONGEST_REFUSAL
    assert "\n" not in sentence
    assert URL in sentence


def test_nothing_asked_is_still_a_sentence() -> None:
    assert said(Hold(Price(ZERO, ZERO), ()))


def test_a_price_above_the_doors_own_says_why_and_when_it_falls() -> None:
    price = Price(Amount(20 * 10**18), ZERO, Amount(5 * 10**18), ("door", "wallet"))
    sentence = said(Hold(price, (Reason(Code.ASKS_STAKE),)), UserId("@" + "a" * 240 + ":home.example"))
    for part in ("a stake of 20 ERN", "Usually it is 5 ERN", "this door", "from your wallet", "30 days"):
        assert part in sentence
    assert len(sentence) <= LONGEST_REFUSAL


def test_who_has_to_wait_is_told_until_when() -> None:
    for code in (Code.BARRED, Code.DOOR_FULL):
        assert "2027-01-15 08:00 UTC" in said(Refuse((Reason(code, {"until": 1_800_000_000}),)))


BOT = UserId("@earnest:home.example")
BOTH = (FreePath.ASK, FreePath.VOUCH)


def with_ways(verdict: Verdict, *, bot: UserId | None = BOT, recipient: UserId = ALICE) -> str:
    said = refusal(verdict, recipient=recipient, quote_url=URL, check_code="K7-P2", symbol="ERN", decimals=18, bot=bot)
    return said.translate({0x2068: None, 0x2069: None})


def test_free_paths_are_told_beside_the_price_with_the_words_to_write() -> None:
    price = hold(5, 1).price
    sentence = with_ways(Hold(price, (Reason(Code.ASKS_STAKE),), BOTH))
    for part in ("a stake of 5 ERN", f"write to {BOT} the words “ask {ALICE}”", "vouches for you", URL):
        assert part in sentence
    only_ask = with_ways(Hold(price, (), (FreePath.ASK,)))
    assert "vouch" not in only_ask
    only_vouch = with_ways(Hold(price, (), (FreePath.VOUCH,)))
    assert "ask {" not in only_vouch
    assert str(BOT) not in only_vouch
    assert "write to" not in with_ways(Hold(price, (), BOTH), bot=None), "there is nobody to write to"
    assert "vouch" not in with_ways(Hold(price, ()))


def test_a_door_that_asks_for_no_money_names_none() -> None:
    sentence = with_ways(Hold(Price(ZERO, ZERO), (Reason(Code.ASKS_FREE),), BOTH))
    assert sentence.startswith(f"{ALICE} does not know you, so your invitation was stopped.")
    assert f"“ask {ALICE}”" in sentence
    for part in ("stake", "check code", URL, "asks people they do not know for"):
        assert part not in sentence


@given(st.text(min_size=100, max_size=500), st.integers(0, 2**256 - 1))
def test_a_free_path_that_does_not_fit_is_left_out_whole(name: str, stake: int) -> None:
    verdict = Hold(Price(Amount(stake), ZERO), (), BOTH)
    sentence = refusal(
        verdict, recipient=UserId(name), quote_url=URL, check_code="-", symbol="ERN", decimals=18, bot=BOT
    )
    assert len(sentence) <= LONGEST_REFUSAL
    assert "\n" not in sentence
    assert ("write to" in sentence) is ("they see it when they look." in sentence)
