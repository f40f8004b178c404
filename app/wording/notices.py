"""Notices: what the bot writes unasked, each one from its code and its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from app.admitting.service import ENDING, READY, STANDS_IN_THE_WAY
from app.conversations import Meaning
from app.supporting.telling import News
from app.wording import admitting, digests, free, helping, rewards, supporting
from app.wording.buttons import Letter
from app.wording.carried import GASLESS_FAILED
from app.wording.catalogue import marked
from app.wording.message import Link, Literal, Message, Safe, Value, join
from app.wording.prices import NOT_TAKEN, dearer
from app.wording.reader import Reader
from kit.amounts import ZERO, Amount
from kit.identifiers import PersonId, UserId, server_of
from reputation.digests import read_digest
from reputation.verdict import Code

_UNKNOWN_TIME = marked("(not known yet)")


class Facts:
    """The values of one notice, read as what they are; a missing one reads as nothing, so that no notice is lost."""

    def __init__(self, values: Mapping[str, Any], people: Mapping[PersonId, UserId], reader: Reader) -> None:
        """Read ``values``; ``people`` resolves the numbers in them."""
        self.values = values
        self.people = people
        self._reader = reader

    def amount(self, name: str) -> Amount:
        """Return an amount (base units, kept as text)."""
        raw = self.values.get(name)
        return ZERO if raw is None else Amount(int(raw))

    def money(self, name: str) -> Safe:
        """Return an amount as it is shown."""
        return self._reader.money(self.amount(name))

    def true(self, name: str) -> bool:
        """Tell whether something is so."""
        return self.values.get(name) is True

    def person(self, name: str) -> Value:
        """Return somebody as they are shown to this reader."""
        return self._reader.person(self.name(name))

    def name(self, name: str) -> UserId | None:
        """Return somebody's Matrix id, if they have one."""
        number = self.values.get(name)
        return None if number is None else self.people.get(PersonId(int(number)))

    def when(self, name: str) -> Safe:
        """Return a moment as it is shown to this reader."""
        raw = self.values.get(name)
        return Safe(self._reader.translate(_UNKNOWN_TIME)) if raw is None else self._reader.when(int(raw))

    def literal(self, name: str) -> Literal:
        """Return a code or hash."""
        return Literal(str(self.values.get(name, "-")))

    def number(self, name: str) -> int:
        """Return a count."""
        return int(self.values.get(name) or 0)

    def words(self, name: str) -> list[str]:
        """Return a list of words."""
        found = self.values.get(name)
        return [str(word) for word in found] if isinstance(found, list) else []

    def free(self) -> list[Message]:
        """Return how the stranger comes in free."""
        names = {name: self.name(name) for name in ("stranger", "recipient")}
        return free.in_full(self._reader, self.words("free"), **names)

    def server(self, name: str) -> Value:
        """Return the homeserver of somebody, as it is shown."""
        user = self.name(name)
        return "-" if user is None else server_of(user)

    def page(self) -> Link:
        """Return the link to the quote's page."""
        return self._reader.link(f"/stake/{self.values.get('quote_id', '')}")

    def price(self) -> Message:
        """Return what was asked: a stake, a fee, or both."""
        stake, fee = self.amount("stake"), self.amount("fee")
        if stake and fee:
            template = marked("a stake of **{stake}** and a fee of **{fee}**")
        else:
            template = marked("a stake of **{stake}**") if stake or not fee else marked("a fee of **{fee}**")
        return self._reader.say(template, stake=self.money("stake"), fee=self.money("fee"))


def people_in(values: Mapping[str, Any]) -> set[PersonId]:
    """Return the numbers of all whom a notice names."""
    numbers = {PersonId(int(values[name])) for name in ("stranger", "recipient") if values.get(name) is not None}
    return numbers | (digests.people_in(read_digest(values)) if "latest" in values else set())


def notice(code: str, values: Mapping[str, Any], *, people: Mapping[PersonId, UserId], reader: Reader) -> Letter:
    """Write the notice ``code``; raises ``KeyError`` for a code that has no sentence."""
    return _NOTICES[code](reader, Facts(values, people, reader))


def _knock_held(reader: Reader, facts: Facts) -> Letter:
    names = {"recipient": facts.person("recipient"), "price": facts.price()}
    happened = reader.say(
        marked(
            "You tried to invite {recipient} on {tried}. They ask people they do not know for {price} first, so your "
            "invitation was stopped: **they have not seen it.** If your app opened a new chat for it, that chat is "
            "empty, nobody else is in it, and you can leave it."
        ),
        tried=facts.when("tried_at"),
        **names,
    )
    steps = [
        marked("To go on, open this page; it shows all terms before you pay anything: {page}"),
        marked("The price stands until {expiry}. Your check code is {code}; the page shows the same one."),
    ]
    base = facts.amount("base")
    if base:
        why = dearer(facts.money("base").text, facts.words("dearer"), reader.translate)
        happened = join([happened, reader.say("{why}", why=Safe(why))])
    if facts.amount("stake"):
        steps.append(
            marked(
                "The stake of {stake} **comes back to you** when they accept or decline you, and by itself if they "
                "have not answered by {answer_by}. It is lost only if they say that you sent spam: then it is burned, "
                "and nobody gains from that."
            )
        )
    if facts.amount("fee"):
        steps.append(
            marked("The fee of {fee} is theirs once they answer, whatever they say; without an answer it comes back.")
        )
    onward = reader.say(
        "\n".join(f"- {reader.translate(step)}" for step in steps),
        page=facts.page(),
        expiry=facts.when("quote_expiry"),
        code=facts.literal("check_code"),
        stake=facts.money("stake"),
        fee=facts.money("fee"),
        answer_by=facts.when("answer_by"),
        **names,
    )
    genuine = reader.say(
        marked(
            "**Is this message genuine?** The refusal that your own app got carries the same check code, and the page "
            "begins with {site}. My Matrix id is {bot}, letter by letter. I never ask for passwords, recovery keys or "
            "recovery words, and never for a payment in any other place. If you did not try to invite anybody, do "
            "nothing and tell whoever looks after your account.\n"
            "Write {stop} and I will not write to you again; {help} shows what else I do."
        ),
        site=Link(reader.service.public_url),
        bot=str(reader.service.bot or "-"),
        stop=Literal("stop"),
        help=Literal("help"),
    )
    return Letter(join([happened, onward, *facts.free(), genuine]))


def _door_opened(reader: Reader, facts: Facts) -> Letter:
    return Letter(
        reader.say(
            marked(
                "Your stake of {stake} is in place, and **the door of {recipient} is open for you.**\n"
                "**What to do now:** invite {recipient} again, just as you did before; this time it arrives. One "
                "invitation is let through until they answer.\n"
                "They have until {answer_by} to answer; if they do not, the stake comes back by itself. Keep the "
                "receipt from this page, it gets your stake back even without us: {page}"
            ),
            stake=facts.money("stake"),
            recipient=facts.person("recipient"),
            answer_by=facts.when("answer_by"),
            page=facts.page(),
        )
    )


def _invite_pending(reader: Reader, facts: Facts) -> Letter:
    return Letter(
        reader.say(
            marked(
                "An invitation of yours already waits for {recipient}, and until they answer only one is let through. "
                "There is nothing that you need to do; they see the first one."
            ),
            recipient=facts.person("recipient"),
        )
    )


def _ask_answer(reader: Reader, facts: Facts) -> Letter:
    asked = reader.say(
        marked("{stranger} put down {price} to reach you. You can read what they wrote and then tell me:"),
        stranger=facts.person("stranger"),
        price=facts.price(),
    )
    choices = reader.say(
        "\n".join(
            f"- {reader.translate(choice)}"
            for choice in (
                marked("✅ **accept**: their stake goes back, and from now on they reach you freely"),
                marked("↩️ **return**: their stake goes back, and next time they have to put down one again"),
                marked(
                    "🚫 **spam**: their stake is burned (nobody gets it), and they reach you no more; I ask once more"
                ),
            )
        )
    )
    how = reader.say(
        marked(
            "Tap one of the signs below, or write the word. Until {until}; if you say nothing, it goes back to them."
        )
        if not facts.amount("fee")
        else marked(
            "Tap one of the signs below, or write the word, and the fee of {fee} is yours whichever it is. Until "
            "{until}; if you say nothing, stake and fee go back to them."
        ),
        until=facts.when("answers_close"),
        fee=facts.money("fee"),
    )
    return Letter(join([asked, choices, how]), Meaning.ANSWER)


def _stake_returned(reader: Reader, facts: Facts) -> Letter:
    if facts.amount("fee") and facts.true("answered"):
        template = marked(
            "{recipient} answered, and your stake of {stake} is back at the address that it was to return to. The fee "
            "of {fee} is theirs."
        )
    else:
        template = marked("Your stake of {stake} for {recipient} is back at the address that it was to return to.")
    return _about_stake(reader, facts, template)


def _stake_expired(reader: Reader, facts: Facts) -> Letter:
    template = marked(
        "{recipient} did not answer in time, so your stake of {stake} came back in full, as promised. Their door is "
        "closed for you again, and takes no new stake of yours for a while."
    )
    return _about_stake(reader, facts, template)


def _forfeit_announced(reader: Reader, facts: Facts) -> Letter:
    if facts.true("said_so"):
        template = marked(
            "As you said that {stranger} sent you spam, their stake of {stake} will be burned from {executable_at} on. "
            "Until then you can take that back: write {undo}."
        )
        return _about_stake(reader, facts, template)
    template = marked(
        "{recipient} said that you sent spam. Your stake of {stake} will be burned from {executable_at} on, unless "
        "they take that back before. Nobody gains from it."
    )
    return _about_stake(reader, facts, template)


def _stake_forfeited(reader: Reader, facts: Facts) -> Letter:
    if facts.true("said_so"):
        template = marked("As you said that {stranger} sent you spam, their stake of {stake} was burned.")
        return _about_stake(reader, facts, template)
    template = marked("Your stake of {stake} for {recipient} was burned, because they said that you sent spam.")
    return _about_stake(reader, facts, template)


def _stake_orphaned(reader: Reader, facts: Facts) -> Letter:
    template = marked(
        "The chain took back the block that held your stake of {stake} for {recipient}, so it is not in place at the "
        "moment. Usually it comes back by itself within minutes; if it does not, you have the money still and can put "
        "it down again: {page}"
    )
    return _about_stake(reader, facts, template)


def _gasless_failed(reader: Reader, facts: Facts) -> Letter:
    template = GASLESS_FAILED.get(str(facts.literal("outcome").text), GASLESS_FAILED["would_revert"])
    return _about_stake(reader, facts, template)


def _stake_not_taken(reader: Reader, facts: Facts) -> Letter:
    why = facts.literal("why").text
    reason = NOT_TAKEN[Code(why)] if why in NOT_TAKEN else marked("its price stood no more")
    return Letter(
        reader.say(
            marked(
                "Your stake of {stake} for {recipient} goes **back to you at once**, all but what was paid for gas or "
                "for carrying it: {reason}. It opened nothing. Invite again to hear what is asked now."
            ),
            stake=facts.money("stake"),
            recipient=facts.person("recipient"),
            reason=Safe(reader.translate(reason)),
        )
    )


def _flood_digest(reader: Reader, facts: Facts) -> Letter:
    return Letter(
        reader.say(
            marked(
                "**Many strangers at your door:** in the last day {strangers} were asked for a stake or refused, "
                "{most} or more of them from {server}. Nothing of theirs reached you, and there is nothing that you "
                "need to do.\n"
                "{knocks} shows who they were. You hear of such a thing at most once a day; {stop} ends that too."
            ),
            strangers=facts.number("strangers"),
            most=facts.number("most"),
            server=facts.server("stranger"),
            knocks=Literal("knocks"),
            stop=Literal("stop"),
        )
    )


def _helper_asked(reader: Reader, facts: Facts) -> Letter:
    return helping.asks_you(reader, facts.person("recipient"), facts.name("recipient"))


def _helper_said(reader: Reader, facts: Facts, *, accepted: bool) -> Letter:
    return helping.said(reader, facts.person("stranger"), facts.name("stranger"), accepted=accepted)


def _tier(reader: Reader, facts: Facts, *, news: News) -> Letter:
    return supporting.told(reader, news, facts.values)


def _admission(reader: Reader, facts: Facts, *, code: str) -> Letter:
    return admitting.told(reader, code, facts.values)


def _webhook_disabled(reader: Reader, facts: Facts) -> Letter:
    if str(facts.literal("why").text) == "gone":
        template = marked(
            "Your webhook {webhook} answered that it is gone, so nothing is sent to it any more. Nothing is lost for "
            "now: once it is resumed, it is sent what happened since, as long as events are kept."
        )
    elif str(facts.literal("why").text) == "sealed":
        template = marked(
            "Your webhook {webhook} has a secret that this service cannot read any more, so nothing is sent to it. "
            "Give it a new secret and resume it: it is sent what happened since, as long as events are kept."
        )
    else:
        template = marked(
            "Your webhook {webhook} took nothing for five days, so nothing is sent to it any more. Nothing is lost for "
            "now: once it is resumed, it is sent what happened since, as long as events are kept."
        )
    return Letter(reader.say(template, webhook=facts.literal("webhook")))


def _about_stake(reader: Reader, facts: Facts, template: str) -> Letter:
    return Letter(
        reader.say(
            template,
            stake=facts.money("stake"),
            fee=facts.money("fee"),
            recipient=facts.person("recipient"),
            stranger=facts.person("stranger"),
            executable_at=facts.when("executable_at"),
            page=facts.page(),
            undo=Literal("undo"),
        )
    )


_NOTICES: dict[str, Callable[[Reader, Facts], Letter]] = {
    "knock_held": _knock_held,
    "knock_free": lambda reader, facts: free.held(
        reader, facts.free(), recipient=facts.person("recipient"), tried=facts.when("tried_at")
    ),
    "door_opened": _door_opened,
    "invite_pending_hint": _invite_pending,
    "ask_answer": _ask_answer,
    "ask_accepted": lambda reader, facts: free.accepted(reader, facts.person("recipient")),
    "stake_returned": _stake_returned,
    "stake_expired": _stake_expired,
    "forfeit_announced": _forfeit_announced,
    "stake_forfeited": _stake_forfeited,
    "stake_orphaned": _stake_orphaned,
    "stake_not_taken": _stake_not_taken,
    "gasless_failed": _gasless_failed,
    "flood_digest": _flood_digest,
    "webhook_disabled": _webhook_disabled,
    "digest": lambda reader, facts: Letter(digests.digest(reader, read_digest(facts.values), facts.people)),
    "helper_asked": _helper_asked,
    "helper_accepted": partial(_helper_said, accepted=True),
    "helper_left": partial(_helper_said, accepted=False),
    "reward_enrolled": lambda reader, facts: rewards.enrolled(reader, facts.values),
}

_NOTICES |= {code: partial(_admission, code=code) for code in (READY, STANDS_IN_THE_WAY, ENDING)}
_NOTICES |= {news.value: partial(_tier, news=news) for news in News}
CODES = frozenset(_NOTICES)
"""Every notice that has a sentence."""
