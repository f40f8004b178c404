"""Digests as sentences: who knocked, what waits, what helpers answered; and when the next one comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, join
from app.wording.reader import Reader
from app.wording.replies import Names, lines
from kit.identifiers import PersonId
from payments.stakes.model import Answer
from reputation.digests import Digest, Times, Told
from reputation.schedule import Every

_DAYS: Mapping[int, str] = {
    0: marked("Monday"),
    1: marked("Tuesday"),
    2: marked("Wednesday"),
    3: marked("Thursday"),
    4: marked("Friday"),
    5: marked("Saturday"),
    6: marked("Sunday"),
}
ANSWERS: Mapping[str, str] = {
    Answer.ACCEPT.value: marked("{helper} accepted {who} for you"),
    Answer.RETURN.value: marked("{helper} gave {who} their stake back for you"),
    Answer.SPAM.value: marked("{helper} called {who} a spammer for you; {undo} takes it back while it can be"),
}
"""What a helper did."""


def people_in(digest: Digest) -> set[PersonId]:
    """Return all whom a digest names."""
    return {*digest.latest, *digest.waits, *(who for one in digest.answered for who in (one.helper, one.stranger))}


def digest(reader: Reader, told: Digest, names: Names) -> Message:
    """Tell a person what they have yet to hear, and how to see more, change it or end it."""
    parts = [_head(reader, told)]
    if told.strangers:
        parts.append(_people(reader, told.latest, told.strangers, names))
    if told.waiting:
        parts.append(
            reader.say(
                marked("**Waiting for your answer: {count}.** Write {accept}, {back} or {spam}, with the name:"),
                count=told.waiting,
                accept=Literal("accept"),
                back=Literal("return"),
                spam=Literal("spam"),
            )
        )
        parts.append(_people(reader, told.waits, told.waiting, names))
    if told.answers:
        parts.append(reader.say(marked("**Answered for you by your helpers: {count}.**"), count=told.answers))
        parts.append(_counted(reader, [helped(reader, one, names) for one in told.answered], told.answers))
    parts.append(
        reader.say(
            marked("{knocks} shows more. {digest} shows how to have this at another hour; {off} ends it."),
            knocks=Literal("knocks"),
            digest=Literal("digest"),
            off=Literal("digest off"),
        )
    )
    return join(parts)


def _head(reader: Reader, told: Digest) -> Message:
    if not told.strangers:
        return reader.say(marked("Nobody else was kept out since {since}."), since=reader.when(told.since))
    template = (
        marked("**At your door since {since}:** one stranger knocked and was not let through:")
        if told.strangers == 1
        else marked("**At your door since {since}:** {count} strangers knocked and were not let through. The latest:")
    )
    knocked = reader.say(template, since=reader.when(told.since), count=told.strangers)
    if told.besides is None:
        return knocked
    besides = marked("Those of whom I wrote on {when}, when many came at once, are not counted again.")
    return join([reader.say(besides, when=reader.when(told.besides)), knocked])


def _people(reader: Reader, latest: Sequence[PersonId], count: int, names: Names) -> Message:
    return _counted(reader, [reader.say("{who}", who=reader.person(names.get(one))) for one in latest], count)


def _counted(reader: Reader, entries: list[Message], count: int) -> Message:
    if count > len(entries):
        entries.append(reader.say(marked("… and {count} more"), count=count - len(entries)))
    return lines(reader, entries)


def helped(reader: Reader, one: Told, names: Names) -> Message:
    """Say what a helper answered whom."""
    stranger = names.get(one.stranger)
    return reader.say(
        ANSWERS[one.answer],
        helper=reader.person(names.get(one.helper)),
        who=reader.person(stranger),
        undo=Literal(f"undo {stranger}" if stranger else "undo"),
    )


def times(reader: Reader, found: Times, *, stopped: bool) -> Message:
    """Say when a person's digests come, and how to change that."""
    schedule = found.schedule
    if schedule.every is Every.OFF:
        said = reader.say(marked("You get **no digest** of who knocked at your door."))
    elif found.due_at is None:
        said = reader.say(marked("You get no digest, because you never set a door that could keep anybody out."))
    else:
        template = (
            marked("Every day at {hour}:00, in your time zone, I tell you who knocked at your door. Next: {due}.")
            if schedule.every is Every.DAILY
            else marked(
                "Every {day} at {hour}:00, in your time zone, I tell you who knocked at your door. Next: {due}."
            )
        )
        day = reader.translate(_DAYS[schedule.weekday])
        said = reader.say(template, day=reader.say(day), hour=schedule.hour, due=reader.when(found.due_at))
    parts = [said]
    if stopped and schedule.every is not Every.OFF:
        told = marked("But you wrote {stop}, so none comes; {start} undoes that.")
        parts.append(reader.say(told, stop=Literal("stop"), start=Literal("start")))
    parts.append(
        reader.say(
            marked(
                "Where nothing happened I write nothing. {weekly}, {daily} or {off} changes it; {now} shows it now."
            ),
            weekly=Literal("digest weekly monday 9"),
            daily=Literal("digest daily 18"),
            off=Literal("digest off"),
            now=Literal("digest now"),
        )
    )
    return join(parts)


def nothing_yet(reader: Reader, told: Digest) -> Message:
    """Say that there would be nothing in a digest."""
    return reader.say(
        marked("Nothing to tell: since {since} nobody was kept out, and nobody waits for your answer."),
        since=reader.when(told.since),
    )
