"""Replies: what the bot answers to a command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, product
from string import ascii_lowercase

from app.conversations import Meaning
from app.wording import rules
from app.wording.buttons import SIGNS, Letter, Word
from app.wording.catalogue import marked
from app.wording.message import Literal, Message, join
from app.wording.reader import Reader
from kit.amounts import Amount
from kit.identifiers import Address, PersonId, UserId, show_address
from payments.stakes.model import Answer, Price
from reputation.model import AnswerOutcome, KnockCount, Waiting, Why
from reputation.trying import BEFORE_RULES
from reputation.verdict import Admit, Code, Hold, Reason

Names = Mapping[PersonId, UserId]
YES = Message(SIGNS[Word.CONFIRM], SIGNS[Word.CONFIRM])
NO = Message(SIGNS[Word.CANCEL], SIGNS[Word.CANCEL])
MOST_LISTED = 20
"""Lines of any list; the rest is counted."""


def price(reader: Reader, asked: Price) -> Message:
    """Say a price: a stake, a fee, or both."""
    if asked.stake and asked.fee:
        template = marked("a stake of **{stake}** and a fee of **{fee}**")
    else:
        template = marked("a fee of **{fee}**") if asked.fee else marked("a stake of **{stake}**")
    return reader.say(template, stake=reader.money(asked.stake), fee=reader.money(asked.fee))


def people_list(reader: Reader, people: Sequence[UserId]) -> Message:
    """List people, one a line."""
    return lines(reader, [reader.say("{who}", who=reader.person(who)) for who in people])


def lines(reader: Reader, entries: Sequence[Message], *, most: int = MOST_LISTED) -> Message:
    """Make a list; beyond ``most`` entries the rest is counted."""
    shown = list(entries[:most])
    if len(entries) > most:
        shown.append(reader.say(marked("… and {count} more"), count=len(entries) - most))
    names = [f"line_{a}{b}" for a, b in islice(product(ascii_lowercase, repeat=2), len(shown))]
    return reader.say("\n".join(f"- {{{name}}}" for name in names), **dict(zip(names, shown, strict=True)))


def knocks(
    reader: Reader,
    waiting: Sequence[Waiting],
    counts: Sequence[KnockCount],
    names: Names,
    *,
    asks: Message | None = None,
) -> Message:
    """Tell who waits for an answer, ``asks`` among them, and who was not let through."""
    if not waiting and not counts and asks is None:
        return reader.say(marked("Nobody waits for your answer, and nobody was turned away in the last 30 days."))
    parts = []
    if waiting:
        parts.append(reader.say(marked("**Waiting for your answer** (`accept`, `return` or `spam`, with the name):")))
        parts.append(lines(reader, [_waiting(reader, one, names) for one in waiting]))
    if asks is not None:
        parts.append(asks)
    if counts:
        parts.append(reader.say(marked("**Not let through** in the last 30 days:")))
        parts.append(lines(reader, [_count(reader, one, names) for one in counts]))
    return join(parts)


def _waiting(reader: Reader, one: Waiting, names: Names) -> Message:
    terms = one.stake.terms
    return reader.say(
        marked("{who}, with {price}, until {until}")
        if one.confirmed
        else marked("{who}, with {price}, until {until} (the chain is not sure enough of it yet)"),
        who=reader.person(names.get(one.stranger)),
        price=price(reader, Price(Amount(terms.amount), Amount(terms.fee))),
        until=reader.when(one.answers_close),
    )


def _count(reader: Reader, one: KnockCount, names: Names) -> Message:
    return reader.say(
        marked("{who}: {count}\N{MULTIPLICATION SIGN}, last {last}"),
        who=reader.person(names.get(one.stranger)),
        count=one.count,
        last=reader.when(one.last_at),
    )


def which_one(reader: Reader, verb: str, people: Sequence[UserId]) -> Message:
    """Ask whom an answer is meant for."""
    question = reader.say(
        marked("Several people wait for your answer. Whom do you mean? Write {verb} and one of these:"),
        verb=Literal(verb),
    )
    return join([question, people_list(reader, people)])


def nobody(reader: Reader, word: Word) -> Message:
    """Say that there is nobody for this word to be about."""
    if word is Word.UNDO:
        return reader.say(marked("There is no spam verdict of yours that could still be taken back."))
    return reader.say(marked("Nobody waits for your answer."))


_ANSWERED: Mapping[tuple[Answer, bool], str] = {
    (Answer.ACCEPT, True): marked("Accepted: {who} reaches you freely from now on, and their stake goes back."),
    (Answer.ACCEPT, False): marked("Accepted: {who} reaches you freely from now on."),
    (Answer.RETURN, True): marked("Their stake goes back to {who}. Next time they have to put down one again."),
    (Answer.RETURN, False): marked("Noted. {who} has to put down a stake again next time."),
    (Answer.SPAM, True): marked(
        "Noted: {who} reaches you no more, and their stake will be burned. You can take this back until {until}: tap "
        "⏪ or write {undo}."
    ),
    (Answer.SPAM, False): marked("Noted: {who} reaches you no more. {undo} takes it back."),
}
"""By answer, and whether there was a stake."""
_DECLINED = marked(
    "Declined: {who} stays outside and is not told. They can ask again in 30 days; until then {accept} lets them in."
)


def answered(reader: Reader, outcome: AnswerOutcome, stranger: UserId) -> Letter:
    """Say what an answer did."""
    who = reader.person(stranger)
    count = len(outcome.stakes)
    template = _DECLINED if outcome.declined else _ANSWERED[outcome.answer, bool(count)]
    until = reader.when(outcome.undo_until) if outcome.undo_until is not None else ""
    words = {word: Literal(f"{word} {stranger}") for word in (Word.UNDO, Word.ACCEPT)}
    message = reader.say(template, who=who, until=until, **words)
    return Letter(message, Meaning.UNDO if outcome.answer is Answer.SPAM else None)


def confirm_spam(reader: Reader, stranger: UserId) -> Letter:
    """Ask whether a spam verdict is really meant."""
    return Letter(
        reader.say(
            marked(
                "Do you really want to call {who} a spammer? Their stake is burned (you get nothing of it), and they "
                "reach you no more. Tap {yes} or write {confirm}; {no} or {cancel} leaves everything as it is."
            ),
            who=reader.person(stranger),
            yes=YES,
            no=NO,
            confirm=Literal(Word.CONFIRM),
            cancel=Literal(Word.CANCEL),
        ),
        Meaning.CONFIRM_SPAM,
    )


def undone(reader: Reader, stranger: UserId) -> Message:
    """Say that a spam verdict was taken back."""
    return reader.say(
        marked("Taken back: {who} is no spammer any more, and the stake goes back to them."),
        who=reader.person(stranger),
    )


def exempted(reader: Reader, who: UserId, *, now_exempt: bool) -> Message:
    """Say that somebody passes free from now on, or no longer."""
    template = (
        marked("{who} passes your door free from now on. {undo} takes this back.")
        if now_exempt
        else marked("{who} is asked like everybody. {undo} takes this back.")
    )
    undo = Literal(f"door {'unexempt' if now_exempt else 'exempt'} {who}")
    return reader.say(template, who=reader.person(who), undo=undo)


def balance(reader: Reader, holdings: Sequence[tuple[Address, Amount]]) -> Message:
    """Show what the linked wallets hold, as far as the chain has been read."""
    if not holdings:
        return reader.say(marked("You have not linked a wallet yet. Write {link} to link one."), link=Literal("link"))
    return lines(
        reader,
        [
            reader.say("{wallet}: **{amount}**", wallet=Literal(show_address(wallet)), amount=reader.money(amount))
            for wallet, amount in holdings
        ],
    )


_WHY: Mapping[Code, str] = {
    Code.DOOR_OPEN: marked("your door is open"),
    Code.OWN_BOT: marked("that is me"),
    Code.NOT_OURS: marked("that is not for your homeserver to ask"),
    Code.EXEMPT: marked("you exempted them"),
    Code.CONTACTED_FIRST: marked("you invited them first"),
    Code.ACCEPTED_BEFORE: marked("you accepted them"),
    Code.KNOWN_BEFORE: marked("you knew them before, as your import of contacts told me"),
    Code.STAKED: marked("they put down a stake that waits for your answer"),
    Code.SAME_KNOCK: marked("it is the invitation that was let through already"),
    Code.ASKS_STAKE: marked("your door asks people whom you do not know"),
    Code.ASKS_FREE: marked("your door asks people whom you do not know for a word first"),
    Code.DOOR_CLOSED: marked("your door is closed"),
    Code.CALLED_SPAM: marked("you said that they sent spam"),
    Code.INVITE_PENDING: marked("an invitation of theirs waits already, and only one is let through until you answer"),
    Code.STAKE_UNCONFIRMED: marked("they put down a stake, of which the chain is not sure enough yet"),
    Code.SELF: marked("that is you"),
    Code.LEAVING: marked("your homeserver does not ask us, or no longer does"),
    Code.BARRED: marked("you left their last invitation unanswered, so another one is stopped until {until}"),
    Code.DOOR_FULL: marked("as many strangers wait for you as your door takes, until you answer or {until}"),
    Code.DEARER_DOOR: marked("more than usual, because many strangers' stakes wait for you or ran out unanswered"),
    Code.DEARER_OWN: marked("more than usual, because several stakes of theirs are unanswered"),
    Code.DEARER_WALLET: marked("more than usual, because several stakes from their wallet are unanswered"),
    Code.BY_RULE: marked("your rule {rule} says so"),
    Code.ASKS_FREE: marked("your door asks people whom you do not know"),
    Code.VOUCHED: marked("somebody whom you know gave their word for them"),
    Code.DEARER_SERVER: marked("more than usual, because many stakes from their homeserver are unanswered"),
}


def why(reader: Reader, reasons: Why, other: UserId) -> Message:
    """Say what would happen if somebody knocked now, and what happened so far."""
    verdict = reasons.verdict
    if isinstance(verdict, Admit):
        template = marked("An invitation from {who} would **reach you**: {because}.")
    elif isinstance(verdict, Hold):
        template = marked("An invitation from {who} would be **held** for {price}: {because}.")
    else:
        template = marked("An invitation from {who} would be **refused**: {because}.")
    asked = rules.asked(verdict, reader) if isinstance(verdict, Hold) else ""
    parts = [
        reader.say(template, who=reader.person(other), because=_because(reader, verdict.because), price=asked),
    ]
    if reasons.knocks is not None:
        parts.append(
            reader.say(
                marked("They were not let through {count}\N{MULTIPLICATION SIGN}, first {first}, last {last}."),
                count=reasons.knocks.count,
                first=reader.when(reasons.knocks.first_at),
                last=reader.when(reasons.knocks.last_at),
            )
        )
    if reasons.rules is not None and not BEFORE_RULES.intersection(reason.code for reason in verdict.because):
        parts.append(reader.say(marked("What your rules say of them:")))
        parts.append(rules.explained(reasons.rules, reader))
    return join(parts)


def _because(reader: Reader, reasons: Iterable[Reason]) -> Message:
    known = [reason for reason in reasons if reason.code in _WHY]
    text = "; ".join(reader.translate(_WHY[reason.code]) for reason in known) or "-"
    until = next((value for reason in known if isinstance(value := reason.values.get("until"), int)), None)
    rule = next((str(value) for reason in known if (value := reason.values.get("rule")) is not None), "-")
    return reader.say(text, until="-" if until is None else reader.when(until), rule=rule)
