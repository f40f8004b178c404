"""What the bot says of support, flair and claims, and what its words change."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from kit.identifiers import parse_address
from payments.flair.codes import memo_of, new_code
from payments.flair.model import NOTHING, Gift, Giver, Showing, Source, currency
from tests.support.desk import Bot, Desk, number
from tests.support.gifts import on_chain
from tests.support.knocks import ALICE, BOB
from tests.support.supporters import gave, use

KEY = "0x" + "77" * 32
ADDRESS = Account.from_key(KEY).address


def shown(desk: Desk) -> Showing:
    with desk.read() as work:
        return work.supporters.shown(number(desk, ALICE))


def a_gift(desk: Desk, giver: str, *, memo: str | None = None) -> Gift:
    """A gift that nobody has claimed."""
    with desk.work() as work:
        gift = Gift(
            key=f"hand:{giver}",
            source=Source.HAND,
            giver=giver,
            asset=currency("EUR"),
            amount=500,
            at=work.now,
            months=1,
            memo=None if memo is None else memo_of(memo),
        )
        work.supporters.gave(gift)
    return gift


def test_support_says_what_there_is_and_how_to_give(bot: Bot, desk: Desk) -> None:
    assert "nothing to support" in bot.says("support")
    use(desk)
    told = bot.says("support")
    for part in ("Silver", "Gold", "5 EUR a month", "20 ERN a month", "Round table", "https://earnest.example/give"):
        assert part in told
    assert "flair" in bot.says("help")


def test_flair_says_what_one_has_and_shows_nothing_before_a_yes(bot: Bot, desk: Desk) -> None:
    use(desk)
    assert "no tier at the moment" in bot.says("flair")
    gave(desk, ALICE, show=False)
    told = bot.says("flair")
    assert "Silver" in told
    assert "Nothing of it is shown" in told
    asked = bot.says("flair show amount")
    assert "who would see what" in asked
    assert "5 EUR" in asked
    assert shown(desk) == NOTHING
    assert "stays as it is" in bot.taps("👎", bot.asked(asked))
    assert shown(desk) == NOTHING
    bot.says("flair show name")
    assert "shown from now on" in bot.says("confirm")
    assert shown(desk) == Showing(flair=True, wall=True, name=True)
    assert "everybody" in bot.says("flair")
    assert "Hidden" in bot.says("flair hide")
    assert shown(desk) == NOTHING


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("flair show", Showing(flair=True)),
        ("flair show name", Showing(flair=True, wall=True, name=True)),
        ("flair show amount", Showing(flair=True, wall=True, name=True, amount=True)),
        ("flair show nameless", Showing(wall=True, amount=True)),
    ],
)
def test_each_way_of_showing(bot: Bot, desk: Desk, words: str, expected: Showing) -> None:
    use(desk)
    gave(desk, ALICE, show=False)
    bot.taps("👍", bot.asked(bot.says(words)))
    assert shown(desk) == expected


def test_one_joins_and_leaves_by_a_word(bot: Bot, desk: Desk) -> None:
    use(desk)
    assert "once you support us" in bot.says("flair join")
    gave(desk, ALICE, show=False)
    assert "on their way" in bot.says("flair join")
    with desk.read() as work:
        assert work.support.wish(number(desk, ALICE)).joins
    assert "take you out" in bot.says("flair leave")
    with desk.read() as work:
        assert not work.support.wish(number(desk, ALICE)).joins


def test_a_profile_is_for_those_of_the_same_homeserver(bot: Bot, desk: Desk) -> None:
    use(desk)
    assert "nothing to put" in bot.says("flair value")
    gave(desk, ALICE)
    gave(desk, BOB)
    value = bot.says("flair value")
    assert '"tier": "silver"' in value
    assert "flair profile on" in value
    assert "I keep your flair" in bot.says("flair profile on")
    room = bot.room_of(BOB)
    assert "Only your own app" in bot.says("flair profile on", user=BOB, room=room)


def test_a_code_claims_what_was_given_once(bot: Bot, desk: Desk) -> None:
    use(desk)
    gift = a_gift(desk, "somebody")
    with desk.work() as work:
        code = work.claims.issue(Giver(Source.HAND, gift.giver))
    told = bot.says(f"claim {code.lower().replace('-', ' ')}")
    assert "yours now" in told
    assert "Silver" in told
    assert shown(desk) == NOTHING
    assert "yours already" in bot.says(f"claim {code}")
    assert "claimed this already" in bot.says(f"claim {code}", user=BOB, room=bot.room_of(BOB))


def test_a_memo_that_a_gift_carries_claims_it(bot: Bot, desk: Desk) -> None:
    use(desk)
    code = new_code()
    a_gift(desk, "whoever", memo=code)
    assert "yours now" in bot.says(f"claim {code}")
    assert "0x" in bot.says("claim memo")


def test_whoever_guesses_is_not_listened_to(bot: Bot, desk: Desk) -> None:
    use(desk)
    for _ in range(10):
        assert "Nothing was given" in bot.says(f"claim {new_code()}")
        bot.ticks += 10
    assert "too many wrong codes" in bot.says(f"claim {new_code()}")


def test_the_address_that_gave_claims_by_its_signature(bot: Bot, desk: Desk) -> None:
    use(desk)
    with desk.work() as work:
        work.supporters.gave(on_chain(5, giver=parse_address(ADDRESS), months=1))
    told = bot.says(f"claim address {ADDRESS}")
    with desk.read() as work:
        (message,) = work.claims.to_sign(number(desk, ALICE), ALICE, service="https://earnest.example")
    assert message.text in told
    other = Account.sign_message(encode_defunct(text=message.text), "0x" + "78" * 32).signature.hex()
    assert "Nothing was given" in bot.says(f"claim signed 0x{other.removeprefix('0x')}")
    assert "Nothing was given" in bot.says("claim signed nonsense")
    mine = Account.sign_message(encode_defunct(text=message.text), KEY).signature.hex()
    assert "yours now" in bot.says(f"claim signed 0x{mine.removeprefix('0x')}")
    assert "Nothing was given" in bot.says(f"claim signed 0x{mine.removeprefix('0x')}"), "a message is good once"


def test_a_secret_donor_is_told_an_amount_of_their_own(bot: Bot, desk: Desk) -> None:
    use(desk)
    told = bot.says("claim amount 2.50 EUR")
    with desk.read() as work:
        ((_, amount, _),) = work.claims.proposed(number(desk, ALICE))
    assert 250 < amount < 300
    assert f"2.{amount - 200:02} EUR" in told
    assert "one of money" in bot.says("claim amount 1 ETH")


@pytest.mark.parametrize("words", ["claim", "flair nonsense", "flair show everything", "support me"])
def test_what_is_written_in_another_way_is_explained(bot: Bot, words: str) -> None:
    assert "Write it like this" in bot.says(words)
