"""``tip`` and ``tips``: gives somebody a link to tip another by, and lets people say whether they take tips."""

from __future__ import annotations

from functools import partial
from typing import Final

from app import tipping
from app.container import Work
from app.wording import tips as wording
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import Message, Value
from bot.commands.command import Asked, Command, Unclear, message_in, named
from kit import outbox
from kit.errors import NotFound
from payments.tips.model import Tip, Wish

WANTED: Final = "tip-wanted"
"""Outbox kind: somebody is owed a link to tip by, or the reason why there is none."""
_SHOWN: Final = 10


def tip(work: Work, asked: Asked) -> Letter:
    """Give a link to tip a person, or the writer of a message once that is looked at."""
    if not asked.words:
        raise Unclear
    after = "".join(asked.text.split(maxsplit=1)[1:])
    message = message_in(asked.words[0])
    wish = tipping.read_wish(after, work.tokens, public=False)
    if message is not None:
        room, event = message
        link = work.tip_links.link(asked.person, None, wish, room=room, event=event)
        key = f"{WANTED}:{link.token}"
        outbox.append(work.session, kind=WANTED, key=key, payload={"link": link.token}, now=work.now)
        return Letter(wording.looking(asked.reader))
    return _person(work, asked, wish)


def _person(work: Work, asked: Asked, wish: Wish) -> Letter:
    user = named(asked, asked.words[:1])
    receiver = None if user is None else work.people.find(user)
    if receiver is None:
        raise NotFound("no_tips", "They take no tips here.")
    link = work.tip_links.link(asked.person, receiver, wish)
    return Letter(wording.offered(asked.reader, link, user))


def tips(work: Work, asked: Asked) -> Letter:
    """Say whether somebody takes tips, or change it; show the last ones."""
    match tuple(word.lower() for word in asked.words):
        case ("on", *named):
            return Letter(_on(work, asked, named))
        case ("off",):
            work.tip_links.off(asked.person)
            return Letter(wording.now_off(asked.reader))
        case ("off", name):
            asset = tipping.find_token(work.tokens, name, among=work.tip_links.named(asked.person))
            work.tip_links.off(asked.person, asset)
            return Letter(wording.off_in(asked.reader, work.tokens.name(asset)[0], _taken(work, asked)))
        case ():
            given, _ = work.tips.given(asked.person, limit=_SHOWN)
            received, _ = work.tips.received(asked.person, limit=_SHOWN)
            names, who = work.tokens.name, partial(_who, work, asked)
            wallet, lost = work.tip_links.wallet_of(asked.person), work.tip_links.lost(asked.person)
            first = wording.taking(asked.reader, wallet, lost, _taken(work, asked))
            return Letter(wording.mine(asked.reader, first, given, received, names, who))
    raise Unclear


def _on(work: Work, asked: Asked, named: list[str]) -> Message:
    """Let somebody take tips, in the tokens that they name, too."""
    wallet = work.tip_links.on(asked.person)
    for name in named:
        work.tip_links.on(asked.person, tipping.find_token(work.tokens, name))
    return wording.now_on(asked.reader, wallet, _taken(work, asked))


def _taken(work: Work, asked: Asked) -> list[str]:
    return [work.tokens.name(asset)[0] for asset in work.tip_links.takes(asked.person)]


def _who(work: Work, asked: Asked, one: Tip) -> Value:
    """Name the other one of a tip, where they may be named."""
    if one.giver == asked.person:
        return asked.reader.person(work.people.mxid(one.receiver))
    if one.anonymous:
        return wording.somebody(asked.reader)
    return asked.reader.person(None if one.giver is None else work.people.mxid(one.giver))


TIP = Command(
    "tip",
    (
        "tip @name:example.org 5 What you say",
        "tip @name:example.org 5 USDC What you say",
        "tip https://matrix.to/#/!room/$message 5 public: What you say",
    ),
    marked(
        "gives you a link to tip somebody who takes tips; only you and they see what you say, unless you say public"
    ),
    tip,
)
TIPS = Command(
    "tips",
    ("tips", "tips on", "tips on USDC", "tips off USDC", "tips off"),
    marked("says whether you can be tipped, and shows the last tips; whoever tips you sees your primary wallet"),
    tips,
    looks=lambda words: not words,
)
