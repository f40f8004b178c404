"""Obeying: does what a message says, or a button that was tapped, in one transaction."""

from __future__ import annotations

from dataclasses import replace

from app.container import Work
from app.conversations import Prompt
from app.wording import manners
from app.wording.buttons import Letter, Word
from bot.commands.choosing import ask_whether_spam, give, take_back
from bot.commands.command import Asked
from bot.commands.confirm import confirm
from bot.words import command_of
from kit.errors import Conflict
from payments.stakes.model import Answer


def obey(work: Work, asked: Asked) -> Letter:
    """Do what the words say; the first one is the command."""
    command = command_of(asked.words)
    if command is None:
        return Letter(manners.unknown_command(asked.reader))
    return command.run(work, replace(asked, words=asked.words[1:]))


def press(work: Work, asked: Asked, prompt: Prompt, word: Word) -> Letter:
    """Do what a button says."""
    asked = replace(asked, behalf=prompt.behalf)
    if word is Word.CANCEL:
        work.conversations.close(prompt)
        return Letter(manners.cancelled(asked.reader))
    if word is Word.CONFIRM:
        return confirm(work, asked, prompt)
    stranger = work.people.mxid(prompt.about) if prompt.about is not None else None
    if stranger is None:
        raise Conflict("person_gone", "They are not with us any more.")
    if word is Word.SPAM:
        return ask_whether_spam(work, asked, stranger)
    if word is Word.UNDO:
        return take_back(work, asked, stranger)
    return give(work, asked, stranger, Answer.ACCEPT if word is Word.ACCEPT else Answer.RETURN)
