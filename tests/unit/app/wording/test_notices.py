"""Notices: what the bot writes unasked."""

from datetime import UTC, datetime

import pytest

from app.conversations import Meaning
from app.supporting.telling import News
from app.wording.notices import CODES, notice
from app.wording.reader import Reader, Service
from kit.identifiers import PersonId, UserId
from payments.carrying.model import Outcome
from reputation.notices import OF_STATE

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BOT = UserId("@earnest:home.example")
ALICE, BOB = UserId("@alice:home.example"), UserId("@bob:away.example")
PEOPLE = {PersonId(1): ALICE, PersonId(2): BOB}
READER = Reader(Service("ERN", 18, "https://earnest.example", BOT), NOW)
UNIX = int(NOW.timestamp())
HELD = {
    "stranger": 2,
    "recipient": 1,
    "stake": str(5 * 10**18),
    "fee": "0",
    "quote_id": "q-17",
    "check_code": "K7-P2",
    "answer_by": UNIX + 8 * 86_400,
    "quote_expiry": UNIX + 86_400,
    "tried_at": UNIX - 60,
}
STAKE = {**HELD, "stake_id": "0x01", "executable_at": UNIX + 48 * 3_600, "answered": None, "surplus": False}


def test_every_notice_that_the_gate_writes_has_a_sentence() -> None:
    assert {
        "knock_held",
        "knock_free",
        "door_opened",
        "invite_pending_hint",
        "ask_answer",
        "ask_accepted",
        "flood_digest",
        "gasless_failed",
        "stake_not_taken",
        "webhook_disabled",
        "digest",
        "helper_asked",
        "helper_accepted",
        "helper_left",
        "reward_enrolled",
        "admission_ready",
        "admission_trouble",
        "admission_ending",
        *OF_STATE.values(),
        *News,
    } == CODES


@pytest.mark.parametrize("news", News)
def test_whatever_becomes_of_a_tier_is_told_by_its_name_and_what_is_not_known_breaks_nothing(news: News) -> None:
    values = {"titles": ["Gold", "Silver"], "until": UNIX + 86_400, "grace": UNIX + 2 * 86_400, "gives": ["space"]}
    told = notice(news, values, people={}, reader=READER)
    assert ("Gold, Silver" in told.message.plain) is (news not in (News.SMALL, News.SMALL_GONE))
    assert told.meaning is None
    asked = notice(news, {**values, "invites": True, "rooms": ["Lounge"]}, people={}, reader=READER)
    welcome = news in (News.REACHED, News.RETURNED)
    assert (asked.meaning is Meaning.JOIN_SUPPORTERS) is welcome
    assert ("Lounge" in asked.message.plain) is welcome
    assert notice(news, {}, people={}, reader=READER).message.plain


def test_a_held_knock_is_explained_from_beginning_to_end() -> None:
    letter = notice("knock_held", HELD, people=PEOPLE, reader=READER)
    plain = letter.message.plain
    for part in (
        "\u2068@alice:home.example\u2069",  # who was knocked on
        "1 minute ago",  # when
        "they have not seen it",
        "that chat is empty",
        "a stake of 5 ERN",  # the price
        "comes back to you",
        "in 8 days",  # and when
        "https://earnest.example/stake/q-17",
        "in 24 hours",  # how long the price stands
        "K7-P2",  # the code that the refusal carries too
        "Is this message genuine?",
        "\u2068@earnest:home.example\u2069",
        "never ask for passwords, recovery keys or recovery words",
        "Write stop",
    ):
        assert part in plain
    assert "fee" not in plain
    assert letter.meaning is None


def test_a_fee_is_told_as_what_it_is() -> None:
    plain = notice("knock_held", {**HELD, "fee": str(10**18)}, people=PEOPLE, reader=READER).message.plain
    assert "The fee of 1 ERN is theirs once they answer" in plain
    only = notice("knock_held", {**HELD, "stake": "0", "fee": "1"}, people=PEOPLE, reader=READER).message.plain
    assert "comes back to you" not in only


def test_the_recipient_is_asked_with_three_words() -> None:
    letter = notice("ask_answer", STAKE, people=PEOPLE, reader=READER)
    assert letter.meaning is Meaning.ANSWER
    for part in ("@bob:away.example", "accept", "return", "spam", "nobody gets it"):
        assert part in letter.message.plain


def test_the_stranger_is_told_what_to_do_once_the_door_is_open() -> None:
    plain = notice("door_opened", STAKE, people=PEOPLE, reader=READER).message.plain
    assert "invite \u2068@alice:home.example\u2069 again" in plain


def test_every_way_in_which_a_carried_opening_fails_is_told_in_words_of_its_own() -> None:
    failures = [outcome for outcome in Outcome if outcome is not Outcome.DONE]
    plains = {
        notice("gasless_failed", {**HELD, "outcome": str(outcome)}, people=PEOPLE, reader=READER).message.plain
        for outcome in failures
    }
    assert len(plains) == len(failures)
    assert all("Nothing was taken from" in plain and "5 ERN" in plain for plain in plains)


def test_a_paid_fee_is_told_with_the_stake_that_is_back() -> None:
    fee = {**STAKE, "fee": str(10**18)}
    assert (
        "The fee of 1 ERN is theirs"
        in notice("stake_returned", {**fee, "answered": True}, people=PEOPLE, reader=READER).message.plain
    )
    assert "fee" not in notice("stake_returned", fee, people=PEOPLE, reader=READER).message.plain


@pytest.mark.parametrize("code", ["forfeit_announced", "stake_forfeited"])
def test_whoever_said_spam_is_told_of_the_strangers_stake_and_not_of_their_own(code: str) -> None:
    said = notice(code, {**STAKE, "said_so": True}, people=PEOPLE, reader=READER).message.plain
    assert "you said that \u2068@bob:away.example\u2069 sent you spam" in said
    assert "Your stake" not in said
    assert "Your stake" in notice(code, STAKE, people=PEOPLE, reader=READER).message.plain


@pytest.mark.parametrize("code", sorted(CODES))
def test_no_notice_fails_for_a_value_that_is_missing(code: str) -> None:
    assert notice(code, {}, people={}, reader=READER).message.plain


def test_a_code_without_a_sentence_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        notice("nonsense", {}, people={}, reader=READER)


def test_a_flood_is_told_in_a_few_sentences() -> None:
    values = {"recipient": 1, "strangers": 312, "most": 300, "stranger": 2}
    plain = notice("flood_digest", values, people=PEOPLE, reader=READER).message.plain
    for part in ("312 were asked for a stake or refused", "300 or more of them from \u2068away.example\u2069", "stop"):
        assert part in plain
    assert "bob" not in plain
    assert "from -" in notice("flood_digest", values, people={}, reader=READER).message.plain.replace("\u2068", "")


def test_a_price_above_the_doors_own_is_explained() -> None:
    dearer = {**HELD, "stake": str(10 * 10**18), "base": str(5 * 10**18), "dearer": ["own"]}
    plain = notice("knock_held", dearer, people=PEOPLE, reader=READER).message.plain
    assert "Usually it is 5 ERN" in plain
    assert "several stakes of yours are unanswered" in plain
    assert "Usually" not in notice("knock_held", HELD, people=PEOPLE, reader=READER).message.plain


@pytest.mark.parametrize(
    "why", ["door_full", "dearer_wallet", "dearer_door", "dearer_own", "dearer_server", "new", None]
)
def test_a_stake_that_is_not_taken_says_that_it_comes_back_and_why(why: str | None) -> None:
    plain = notice("stake_not_taken", {**STAKE, "why": why}, people=PEOPLE, reader=READER).message.plain
    assert "goes back to you at once" in plain
    assert "@alice:home.example" in plain


def test_a_held_stranger_hears_of_the_free_paths_with_the_words_to_write() -> None:
    letter = notice("knock_held", {**HELD, "free": ["ask", "vouch"]}, people=PEOPLE, reader=READER)
    for part in ("To ask costs nothing", f"ask {ALICE} …", f"vouch {BOB}", "a stake of 5 ERN"):
        assert part in letter.message.plain
    only = notice("knock_held", {**HELD, "free": ["vouch"]}, people=PEOPLE, reader=READER).message.plain
    assert "To ask costs" not in only
    assert "costs nothing" not in notice("knock_held", HELD, people=PEOPLE, reader=READER).message.plain


def test_a_door_that_asks_for_no_money_is_told_without_any() -> None:
    values = {"stranger": 2, "recipient": 1, "tried_at": UNIX - 60, "free": ["ask"]}
    plain = notice("knock_free", values, people=PEOPLE, reader=READER).message.plain
    for part in ("they have not seen it", f"ask {ALICE} …", "Write stop"):
        assert part in plain
    for part in ("ERN", "stake", "price", "vouch", "check code"):
        assert part not in plain
    assert (
        "Write to me"
        not in notice("knock_free", {**values, "recipient": 9}, people=PEOPLE, reader=READER).message.plain
    )


def test_a_servers_contact_is_told_what_its_key_was_used_for() -> None:
    values = {"server": "far.example", "payout": "0x12", "from": None, "again": False}
    new = notice("reward_enrolled", values, people={}, reader=READER).message.plain
    assert "let that server earn" in new
    later = notice("reward_enrolled", {**values, "from": UNIX + 7 * 86_400, "again": True}, people={}, reader=READER)
    assert "0x12, from" in later.message.plain.replace("\u2068", "").replace("\u2069", "")
    assert "in 7 days" in later.message.plain
    again = notice("reward_enrolled", {**values, "again": True}, people={}, reader=READER).message.plain
    assert "enrol it for rewards again" in again
