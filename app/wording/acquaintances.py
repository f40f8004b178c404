"""Acquaintances: what the bot says of whom a person knows, and of importing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, join
from app.wording.reader import Reader
from app.wording.replies import lines
from kit.identifiers import UserId
from reputation.contacts import Import
from reputation.model import ContactWhy

_WAYS: Mapping[ContactWhy, str] = {
    ContactWhy.INVITED: marked("**{count}** whom you invited first"),
    ContactWhy.ACCEPTED: marked("**{count}** whom you accepted"),
    ContactWhy.IMPORTED: marked("**{count}** whom you knew before and imported"),
}


def known(reader: Reader, user: UserId, counts: Mapping[ContactWhy, int], imports: Sequence[Import]) -> Message:
    """Say how many a person knows and by what way, what they imported when, and how one imports."""
    parts = []
    if counts:
        entries = [reader.say(_WAYS[why], count=counts[why]) for why in ContactWhy if why in counts]
        parts += [reader.say(marked("You know these people; they pass your door freely:")), lines(reader, entries)]
    else:
        parts.append(reader.say(marked("You know nobody here yet: all are strangers to your door.")))
    if imports:
        template = marked("Your last import was {when}; {undo} takes it back. {why} tells of one person.")
        parts.append(
            reader.say(
                template,
                when=reader.when(imports[0].moment),
                undo=Literal("contacts undo"),
                why=Literal("why @name:example.org"),
            )
        )
    how = marked(
        "To import whom you know from your direct chats and private rooms, write {token} to me and run this on your own"
        " computer, where Earnest is installed; it shows the names before it sends them, and logs out at once:"
    )
    command = f"earnest contacts import --user {quote(user)} --service {reader.service.public_url}"
    parts += [reader.say(how, token=Literal("token")), reader.say("{command}", command=Literal(command))]
    forget = marked("{forget} makes somebody a stranger again. Nobody is told whom you know.")
    parts.append(reader.say(forget, forget=Literal("contacts forget @name:example.org")))
    return join(parts)


def forgotten(reader: Reader, other: UserId) -> Message:
    """Say that somebody is a stranger again."""
    return reader.say(
        marked("Forgotten: {who} is a stranger to your door again, until you invite or accept them."),
        who=reader.person(other),
    )


def undone(reader: Reader, count: int, left: int) -> Message:
    """Say that an import was taken back, and how many of a large one are left for the next time."""
    told = [
        reader.say(
            marked("Taken back: **{count}** whom you had imported are to your door what they were before."), count=count
        )
    ]
    if left:
        more = marked("**{left}** are left of that import: write {undo} again.")
        told.append(reader.say(more, left=left, undo=Literal("contacts undo")))
    return join(told)


def nothing_imported(reader: Reader) -> Message:
    """Say that there is no import to be taken back."""
    return reader.say(marked("You have imported nobody. {contacts} says how one does."), contacts=Literal("contacts"))
