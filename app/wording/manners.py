"""Manners: what the bot answers about itself: links, tokens, being forgotten, help, and whatever it cannot do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from app.conversations import Meaning
from app.wording.buttons import Letter, Word
from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Value, join
from app.wording.reader import Reader
from app.wording.replies import NO, YES, lines


def link(reader: Reader, path: str, minutes: int) -> Message:
    """Hand over a one-time link."""
    return reader.say(
        marked(
            "Open this to link a wallet: {link}\nIt is yours alone and works once, for {minutes} minutes. The page "
            "names your Matrix id, and your wallet signs a message there; it moves no money."
        ),
        link=reader.link(path),
        minutes=minutes,
    )


def token(reader: Reader, secret: str, days: int, *, may_write: bool) -> Message:
    """Hand over a token, once."""
    template = (
        marked("This token may read and change everything of yours:\n{token}\n")
        if may_write
        else marked("This token may read everything of yours and change nothing:\n{token}\n")
    )
    kept = marked("It is shown only here, and good for {days} days. Whoever has it acts as you: keep it secret.")
    return reader.say(reader.translate(template) + reader.translate(kept), token=Literal(secret), days=days)


def tokens(reader: Reader, known: Sequence[tuple[int, str, datetime]]) -> Message:
    """List tokens: number, label and end, never the secret."""
    if not known:
        return reader.say(marked("You have no tokens. Write {token} to make one."), token=Literal("token"))
    entries = [
        reader.say(marked("number {id} {label}, good until {until}"), id=number, label=label, until=reader.when(until))
        for number, label, until in known
    ]
    return join([lines(reader, entries), reader.say(marked("To end one: {how}"), how=Literal("token revoke NUMBER"))])


def token_revoked(reader: Reader) -> Message:
    """Say that a token is no longer good."""
    return reader.say(marked("That token is no longer good."))


def session_confirmed(reader: Reader, hours: int) -> Message:
    """Say that a browser may act for its person from now on, and how to take that back."""
    return reader.say(
        marked(
            "Confirmed: the browser that showed you this code acts for you now, for {hours} hours. If somebody else "
            "gave you the code, write {end} at once: that ends every such session of yours."
        ),
        hours=hours,
        end=Literal("session end"),
    )


def sessions_ended(reader: Reader, count: int) -> Message:
    """Say that no browser acts for the person any more."""
    return reader.say(
        marked("No browser acts for you any more ({count} ended). Tokens stay: {tokens}."),
        count=count,
        tokens=Literal("token list"),
    )


def confirm_forget(reader: Reader) -> Letter:
    """Ask whether to forget somebody is really meant."""
    return Letter(
        reader.say(
            marked(
                "Shall I forget you? Your door, your exemptions, who knocked, your wallets, tokens and this chat go; "
                "your door is open from then on. What stands on the chain stays there, and stakes that wait for your "
                "answer go back. Tap {yes} or write {confirm}; {no} or {cancel} leaves everything as it is."
            ),
            yes=YES,
            no=NO,
            confirm=Literal(Word.CONFIRM),
            cancel=Literal(Word.CANCEL),
        ),
        Meaning.CONFIRM_FORGET,
    )


def forgotten(reader: Reader) -> Message:
    """Say good-bye."""
    return reader.say(marked("You are forgotten. If you write to me again, we begin anew."))


def cancelled(reader: Reader) -> Message:
    """Say that nothing was done."""
    return reader.say(marked("Good, everything stays as it is."))


def nothing_to_confirm(reader: Reader) -> Message:
    """Say that no question waits for a confirmation."""
    return reader.say(marked("There is nothing to confirm; a question waits for 15 minutes only."))


def stopped(reader: Reader) -> Message:
    """Say that no notices come any more."""
    return reader.say(
        marked("I will not write to you unasked any more. I still answer, and {start} undoes this."),
        start=Literal("start"),
    )


def started(reader: Reader) -> Message:
    """Say that notices come again."""
    return reader.say(marked("I will write to you again when something concerns you."))


def preference(reader: Reader, example: datetime) -> Message:
    """Show language and zone by an example."""
    return reader.say(marked("From now on times look like this: {example}."), example=reader.when(example))


def unknown_command(reader: Reader) -> Message:
    """Say that a message was not understood."""
    return reader.say(marked("I did not understand that. Write {help} to see what I do."), help=Literal("help"))


def help_text(reader: Reader, commands: Sequence[tuple[str, str]]) -> Message:
    """Say what the bot does: each command and what it is for."""
    entries = [reader.say("{name}: {says}", name=Literal(name), says=reader.say(says)) for name, says in commands]
    return join(
        [
            reader.say(
                marked(
                    "I keep your door: who does not know you may have to put down a stake before an invitation of "
                    "theirs reaches you. Write one of these words:"
                )
            ),
            lines(reader, entries, most=len(entries)),
            reader.say(
                marked("{more} shows how one of them is written. I never ask for passwords or recovery words."),
                more=Literal("help door"),
            ),
        ]
    )


def help_about(
    reader: Reader, name: str, says: str, usage: Sequence[str], guide: Callable[[Reader], Message] | None = None
) -> Message:
    """Say what one command is for, how to go about it, and how it is written."""
    about = reader.say("{name}: {says}", name=Literal(name), says=reader.say(says))
    return join([about, *([guide(reader)] if guide else []), how_to_write(reader, usage)])


def greeting(reader: Reader) -> Message:
    """Say hello to somebody who invited the bot."""
    return reader.say(marked("Hello! I keep doors with Earnest. Write {help} to see what I do."), help=Literal("help"))


def how_to_write(reader: Reader, usage: Sequence[str]) -> Message:
    """Show how a command is written."""
    shown: list[Value] = [Literal(one) for one in usage]
    return join(
        [
            reader.say(marked("Write it like this:")),
            lines(reader, [reader.say("{how}", how=one) for one in shown], most=len(shown)),
        ]
    )


def unreadable(reader: Reader) -> Message:
    """Say that a message could not be decrypted."""
    return reader.say(
        marked(
            "I could not decrypt what you wrote: your app did not give me the key. Please write it again. If that does "
            "not help, open a new chat with me."
        )
    )


def only_alone(reader: Reader) -> Message:
    """Say that the bot talks to one person at a time."""
    return reader.say(
        marked(
            "I talk to one person at a time: whoever reads along could answer for you. Write to me alone. Among others "
            "I only read, for somebody with a filter of their own: {help} says how."
        ),
        help=Literal("help filter"),
    )


def slow_down(reader: Reader) -> Message:
    """Say that too much comes at once."""
    return reader.say(marked("That was a lot at once. I answer again in a minute."))


def failed(reader: Reader) -> Message:
    """Say that something of ours went wrong."""
    return reader.say(marked("Something went wrong here. It was noted; please try again in a while."))
