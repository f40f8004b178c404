"""``lists``, ``preview``, ``subscribe``, ``veto`` and their like: whose lists act, how far, and in what not."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from app import protecting
from app.container import Work
from app.wording import desk as wording
from app.wording import moderation
from app.wording import subscriptions as standing
from app.wording.catalogue import marked
from app.wording.message import Message, join
from bot.commands.command import Unclear, nothing_more
from bot.desk.asked import Asked, Behind, Command
from bot.desk.terms import BY_AUTHOR, BY_NOBODY, Terms, read_terms
from kit.errors import Invalid
from kit.identifiers import PersonId, parse_server_name, parse_user_id
from reputation.enforcement.model import Subscription, Veto
from reputation.lists.model import Subject


async def _lists(desk: Behind, asked: Asked) -> Message:
    nothing_more(asked.words)
    number = asked.management.id
    acting = await desk.cross.read(lambda work: work.moderation.lists.subscriptions(number))
    known = await desk.cross.read(lambda work: work.followed.all())
    return join([standing.subscriptions(asked.reader, acting), wording.lists(asked.reader, known)])


async def _preview(desk: Behind, asked: Asked) -> Message:
    name, terms = _read(asked)
    wanted = await _wanted(desk, asked, name, terms)
    views = await desk.seen(asked.management.id)
    at = min((view.at for view in views), default=asked.reader.now)
    rooms = [view.seen for view in views]
    spared = await desk.warden.spared(asked.management.id)
    found = await desk.cross.aside(
        partial(protecting.preview, desk.container, asked.management.id, wanted, rooms, at, spared=spared)
    )
    return moderation.preview(asked.reader, found, await desk.names(asked.management.id))


async def _subscribe(desk: Behind, asked: Asked) -> Message:
    name, terms = _read(asked)
    wanted, number = await _wanted(desk, asked, name, terms), asked.management.id
    if wanted.trusted is not None:
        trust = await desk.cross.aside(partial(protecting.trust_in, desk.container, number, wanted.trusted))
        wanted = replace(wanted, trust=trust)
    await desk.cross.work(lambda work: work.moderation.lists.subscribe(number, wanted))
    return standing.subscribed(asked.reader, wanted)


async def _unsubscribe(desk: Behind, asked: Asked) -> Message:
    name, _ = _read(asked)
    number, views = asked.management.id, await desk.seen(asked.management.id)
    of = await desk.cross.read(lambda work: work.followed.find(name).id)
    at, rooms = min((view.at for view in views), default=asked.reader.now), [view.seen for view in views]
    found = await desk.cross.aside(partial(protecting.preview_of_leaving, desk.container, number, of, rooms, at))
    await desk.cross.work(lambda work: work.moderation.lists.unsubscribe(number, of))
    told = moderation.preview_of_leaving(asked.reader, found, await desk.names(number))
    return join([wording.unsubscribed(asked.reader, name), told])


async def _wanted(desk: Behind, asked: Asked, name: str, terms: Terms) -> Subscription:
    of = await desk.cross.read(lambda work: work.followed.find(name).id)
    acting = await desk.cross.read(lambda work: work.moderation.lists.subscriptions(asked.management.id))
    before = next((one for one in acting if one.list == of), None)
    wanted = terms.of(of, name, before, asked.reader.now)
    if terms.trust is None:
        return wanted
    if terms.trust == BY_NOBODY:
        return replace(wanted, trusted=None, trust=None)
    return replace(wanted, trusted=await _trusted(desk, of, terms.trust), trust=None)


async def _trusted(desk: Behind, of: int, said: str) -> PersonId:
    """Return the person as whose word a list is to count: its author, who signs it, or whoever was named."""

    def _find(work: Work) -> PersonId:
        signed = work.followed.services.find(of) if said == BY_AUTHOR else None
        author = parse_user_id(said) if said != BY_AUTHOR else None if signed is None else signed.author
        if author is None:
            raise Invalid("author_unknown", "Nobody signs that list. Name as whose word it counts: trust=@name:server")
        return work.people.number(author)

    return await desk.cross.work(_find)


def _read(asked: Asked) -> tuple[str, Terms]:
    if not asked.words:
        raise Unclear
    return asked.words[0].lower(), read_terms(asked.words[1:])


async def _veto(desk: Behind, asked: Asked) -> Message:
    match asked.words:
        case (who,):
            of = None
        case (who, name):
            of = await desk.cross.read(lambda work: work.followed.find(name.lower()).id)
        case _:
            raise Unclear
    what, number = vetoed(who, of), asked.management.id
    kept = await desk.cross.work(lambda work: work.moderation.lists.veto(number, what, asked.person))
    return wording.vetoed(asked.reader, kept)


def vetoed(word: str, of: int | None) -> Veto:
    """Read what a veto is about: somebody, a server, or a pattern as an entry has it. Raises ``Invalid``."""
    if set(word) & set("*?"):
        return Veto(of, subject=Subject.USER if word.startswith("@") else Subject.SERVER, entity=word)
    if word.startswith("@"):
        return Veto(of, user=parse_user_id(word))
    try:
        return Veto(of, server=parse_server_name(word))
    except Invalid:
        raise Unclear from None


async def _unveto(desk: Behind, asked: Asked) -> Message:
    match asked.words:
        case (number,) if number.isascii() and number.isdigit() and len(number) <= 18:  # noqa: PLR2004
            of, wanted = asked.management.id, int(number)
        case _:
            raise Unclear
    found = await desk.cross.work(lambda work: work.moderation.lists.unveto(of, wanted))
    return wording.unvetoed(asked.reader, found=found)


async def _vetoes(desk: Behind, asked: Asked) -> Message:
    nothing_more(asked.words)
    number = asked.management.id
    found = await desk.cross.read(lambda work: work.moderation.lists.vetoes(number))
    names = {one.id: one.name for one in await desk.cross.read(lambda work: work.followed.all())}
    return standing.vetoes(asked.reader, found, names)


LISTS = Command("lists", ("lists",), marked("shows whose lists act, and which could"), _lists)
PREVIEW = Command(
    "preview", ("preview NAME", "preview NAME act ban=mute"), marked("shows what a list would do now"), _preview
)
SUBSCRIBE = Command(
    "subscribe",
    ("subscribe NAME", "subscribe NAME act weight=1 share=5% for=30d ban=ban limit=none trust=author"),
    marked("lets a list tell (`notify`), ask (`approve`) or act (`act`)"),
    _subscribe,
)
UNSUBSCRIBE = Command(
    "unsubscribe", ("unsubscribe NAME",), marked("leaves a list, what it caused undone"), _unsubscribe
)
VETO = Command(
    "veto",
    ("veto @name:example.org", "veto example.org NAME"),
    marked("lets nothing follow from what lists say of somebody"),
    _veto,
)
UNVETO = Command("unveto", ("unveto 3",), marked("takes a veto back"), _unveto)
VETOES = Command("vetoes", ("vetoes",), marked("shows what is vetoed"), _vetoes)
