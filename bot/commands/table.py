"""The table of commands: every word that the bot knows."""

from __future__ import annotations

from collections.abc import Mapping

from bot.commands import (
    accept,
    ask,
    balance,
    cancel,
    confirm,
    contacts,
    decline,
    digest,
    door,
    filtering,
    forget,
    give_back,
    helping,
    knocks,
    language,
    link,
    listing,
    session,
    spam,
    standing,
    start,
    statement,
    stop,
    strangers,
    token,
    undo,
    vouch,
    wallet,
    wallets,
    why,
    zone,
)
from bot.commands.command import Command
from bot.commands.help import help_on

_ALL = (
    door.COMMAND,
    filtering.COMMAND,
    listing.COMMAND,
    listing.ALL,
    knocks.COMMAND,
    accept.COMMAND,
    decline.COMMAND,
    give_back.COMMAND,
    spam.COMMAND,
    undo.COMMAND,
    why.COMMAND,
    standing.COMMAND,
    strangers.COMMAND,
    strangers.QUORUM,
    contacts.COMMAND,
    digest.COMMAND,
    helping.COMMAND,
    vouch.COMMAND,
    vouch.TAKE_BACK,
    vouch.REPORT,
    vouch.WITHDRAW,
    ask.COMMAND,
    balance.COMMAND,
    statement.COMMAND,
    link.COMMAND,
    wallets.COMMAND,
    wallet.COMMAND,
    token.COMMAND,
    session.COMMAND,
    zone.COMMAND,
    language.COMMAND,
    stop.COMMAND,
    start.COMMAND,
    forget.COMMAND,
    confirm.COMMAND,
    cancel.COMMAND,
)

COMMANDS: Mapping[str, Command] = {command.name: command for command in (*_ALL, help_on(_ALL))}
"""Every command by its first word."""
