"""Supporting: what the bot says of tiers, gifts, claims and flair, unasked and when it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.conversations import Meaning
from app.supporting.telling import News
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Safe, block, join
from app.wording.reader import Reader
from app.wording.replies import NO, YES, lines
from app.wording.showing import SOURCES
from kit.amounts import Amount, show
from payments.flair.claiming import Claimed, Result
from payments.flair.documents import Assets
from payments.flair.model import NOTHING, Entitlement, Kind, Phase, Showing, Threshold, Tier, Tiers

PUT_OUT = "This room is for those who support now. Whoever supports again is asked in again."
"""What stands beside somebody's leaving, in their app."""

_NEWS: Mapping[News, str] = {
    News.REACHED: marked("Thank you! Your support makes you **{tier}** now."),
    News.ENDING: marked(
        "What you gave for **{tier}** is good until {until}. If you give again before, nothing changes; if not, you "
        "keep it until {grace}, and then it ends."
    ),
    News.GRACE: marked(
        "What you gave for **{tier}** has run out. You keep all of it until {grace}; give again until then, and "
        "nothing changes."
    ),
    News.RENEWED: marked("Thank you! You are **{tier}** on."),
    News.LAPSED: marked(
        "You are no longer **{tier}**: what it gave (rooms, flair, a place on the wall) is taken back. Thank you for "
        "what you gave; give again, and you are asked in again."
    ),
    News.RETURNED: marked("Welcome back, and thank you! You are **{tier}** again."),
    News.TAKEN_BACK: marked(
        "A gift of yours was taken back: the chain dropped the block that it stood in, or the payment was charged "
        "back. Without it you are no longer **{tier}**. If the chain takes it up again, it counts again by itself; "
        "there is nothing that you need to do."
    ),
    News.CHANGED: marked(
        "What it takes to be **{tier}** has changed, and you are it no more. {support} shows how things are now."
    ),
    News.SMALL: marked("Thank you! What you gave has arrived. It reaches no tier by itself; {support} shows them."),
    News.SMALL_GONE: marked(
        "A gift of yours was taken back: the chain dropped the block that it stood in, or the payment was charged "
        "back. If the chain takes it up again, it counts again by itself; there is nothing that you need to do."
    ),
}
_PERKS: Mapping[str, str] = {
    "space": marked("the supporters' space"),
    "flair": marked("flair: a signed word that you support us"),
    "wall": marked("a place on the wall, if you wish"),
    "skip_stake": marked("no stake at doors that let supporters in"),
}


# ------------------------------------------------------------------------------------------------ unasked


def told(reader: Reader, news: News, facts: Mapping[str, object]) -> Letter:
    """Tell of a tier; ``facts`` are as ``Notices.supporter`` keeps them."""
    until, grace, gives, rooms = (facts.get(name) for name in ("until", "grace", "gives", "rooms"))
    titles = facts.get("titles")
    parts = [
        reader.say(
            _NEWS[news],
            tier=", ".join(str(title) for title in titles) if isinstance(titles, list) else "-",
            until=reader.when(until) if isinstance(until, int) else "-",
            grace=reader.when(grace) if isinstance(grace, int) else "-",
            support=Literal("support"),
        )
    ]
    missing = facts.get("missing")
    if news is News.SMALL and isinstance(missing, str) and isinstance(titles, list) and titles:
        more = marked("{missing} more, as one gift for a month, would make you **{tier}**.")
        parts.append(reader.say(more, missing=missing, tier=str(titles[0])))
    if news not in (News.REACHED, News.RETURNED):
        return Letter(join(parts))
    perks = [name for name in _PERKS if isinstance(gives, list) and name in gives]
    parts.append(_gives(reader, perks, [str(room) for room in rooms] if isinstance(rooms, list) else []))
    invites = facts.get("invites") is True
    if invites:
        parts.append(_may_join(reader))
    parts.append(reader.say(marked("Nothing of it is shown to anybody that you did not allow: {flair}."), flair=_FLAIR))
    return Letter(join(parts), Meaning.JOIN_SUPPORTERS if invites else None)


_FLAIR = Literal("flair")


def _gives(reader: Reader, perks: Sequence[str], rooms: Sequence[str]) -> Message:
    entries = [reader.say(_PERKS[perk]) for perk in perks]
    entries += [reader.say(marked("the room {room}"), room=room) for room in rooms]
    if not entries:
        return reader.say(marked("It gives our thanks."))
    return join([reader.say(marked("It gives you:")), lines(reader, entries)])


def _may_join(reader: Reader) -> Message:
    return reader.say(
        marked(
            "In the space and its rooms **the others who are there see your Matrix id**, and so that you support us. "
            "Shall I invite you? Tap {yes} or write {join}; {no} leaves it, and you can say so later."
        ),
        yes=YES,
        no=NO,
        join=Literal("flair join"),
    )


# ------------------------------------------------------------------------------------------------ asked


def tiers(reader: Reader, found: Tiers, assets: Assets, cause: str) -> Message:
    """Say what there is to support, what it takes and gives, and how to give."""
    if not found.tiers:
        return reader.say(marked("There is nothing to support here at the moment."))
    parts = [reader.say(marked("**Supporting {cause}**"), cause=cause)]
    for tier in found.tiers:
        entries = [_threshold(reader, one, assets) for one in tier.thresholds]
        parts.append(
            join([reader.say("**{tier}**", tier=tier.title), lines(reader, entries), _of(reader, tier, found)])
        )
    parts.append(
        reader.say(
            marked(
                "How to give stands on this page: {page}\n"
                "If you gave already: {link} links the wallet that you gave from, and {claim} says how else a gift "
                "becomes yours. {flair} shows what you have."
            ),
            page=reader.link("/give"),
            link=Literal("link"),
            claim=Literal("help claim"),
            flair=_FLAIR,
        )
    )
    return join(parts)


def _of(reader: Reader, tier: Tier, found: Tiers) -> Message:
    perks = [name for name in _PERKS if getattr(tier.gives, name)]
    return _gives(reader, perks, [room.title for room in found.rooms if room.id in tier.gives.rooms])


def _threshold(reader: Reader, one: Threshold, assets: Assets) -> Message:
    template = {
        Kind.SUM: marked("{amount} in all"),
        Kind.MONTH: marked("{amount} a month"),
        Kind.STREAK: marked("{amount} a month, for {months} months without a break"),
    }[one.kind]
    return reader.say(template, amount=_amount(one, assets), months=one.months)


def _amount(one: Threshold, assets: Assets) -> Safe:
    name, decimals = assets.name(one.asset)  # letters and digits alone
    return Safe(f"{show(Amount(one.amount), decimals)} {name}")


def held(
    reader: Reader,
    entitlements: Sequence[Entitlement],
    found: Tiers,
    *,
    seen: Message,
    showing: Showing,
    joins: bool,
) -> Message:
    """Say what somebody has, until when, who sees what of it, and how to change that."""
    some = [one for one in entitlements if one.phase(reader.now, found.spans) is not Phase.LAPSED]
    if not some:
        parts = [reader.say(marked("You have no tier at the moment. {support} says how to give."), support=_SUPPORT)]
    else:
        parts = [reader.say(marked("**What you have:**")), lines(reader, [_held(reader, one, found) for one in some])]
    parts += [
        reader.say(marked("Nothing of it is shown to anybody.")) if showing == NOTHING else seen,
        reader.say(
            marked("You are asked into the supporters' rooms that you may enter; who is there sees you.")
            if joins
            else marked("You are asked into no rooms: {join} changes that."),
            join=Literal("flair join"),
        ),
        _changes(reader),
    ]
    return join(parts)


_SUPPORT = Literal("support")
_VALUE = Literal("flair value")


def _held(reader: Reader, one: Entitlement, found: Tiers) -> Message:
    template = {
        Phase.AHEAD: marked("{tier}, from {since} on ({source})"),
        Phase.RUNNING: marked("{tier}, since {since} ({source})"),
        Phase.ENDING: marked("{tier}, until {until} ({source})"),
        Phase.GRACE: marked("{tier}, which has run out: it is taken away {grace} ({source})"),
    }[one.phase(reader.now, found.spans)]
    tier = found.find(one.tier)
    return reader.say(
        template,
        tier=one.tier if tier is None else tier.title,
        since=reader.when(one.since),
        until="-" if one.until is None else reader.when(one.until),
        grace="-" if one.grace_until is None else reader.when(one.grace_until),
        source=reader.translate(SOURCES[one.source]),
    )


def _changes(reader: Reader) -> Message:
    return reader.say(
        marked(
            "- {show} says who would see your flair, before anybody does\n"
            "- {name} the same, with your name on the wall\n"
            "- {amount} and with amounts; {nameless} with amounts and without your name\n"
            "- {hide} takes all of it down\n"
            "- {leave} takes you out of the rooms\n"
            "- {value} gives you what to put into your own profile"
        ),
        show=Literal("flair show"),
        nameless=Literal("flair show nameless"),
        value=_VALUE,
        name=Literal("flair show name"),
        amount=Literal("flair show amount"),
        hide=Literal("flair hide"),
        leave=Literal("flair leave"),
    )


def joins(reader: Reader, *, now: bool, rooms: bool) -> Message:
    """Say that somebody is asked into rooms from now on, or no more."""
    if not now:
        return reader.say(marked("I take you out of the supporters' rooms, and do not invite you again."))
    if not rooms:
        return reader.say(
            marked("Good: once you support us with something that gives rooms, I invite you. {support} shows it."),
            support=_SUPPORT,
        )
    return reader.say(marked("Good: your invitations are on their way."))


SHOWS: Mapping[Meaning, Showing] = {
    Meaning.SHOW_FLAIR: Showing(flair=True),
    Meaning.SHOW_NAME: Showing(flair=True, wall=True, name=True),
    Meaning.SHOW_AMOUNT: Showing(flair=True, wall=True, name=True, amount=True),
    Meaning.SHOW_NAMELESS: Showing(wall=True, amount=True),
}
"""What is shown once each of these questions is answered with yes."""


def ask_show(reader: Reader, who: Message, meaning: Meaning) -> Letter:
    """Ask whether support is to be shown, after ``who`` would see it."""
    question = reader.say(
        marked("Shall it be shown like this? Tap {yes} or write {confirm}; {no} or {cancel} leaves it as it is."),
        yes=YES,
        no=NO,
        confirm=Literal("confirm"),
        cancel=Literal("cancel"),
    )
    return Letter(join([who, question]), meaning)


def now_shown(reader: Reader, showing: Showing) -> Message:
    """Say what is shown from now on."""
    if showing == NOTHING:
        return reader.say(
            marked("Hidden: nobody is shown that you support us. What others copied before is theirs to take down.")
        )
    return reader.say(marked("It is shown from now on. {hide} takes it down at any time."), hide=Literal("flair hide"))


def value(reader: Reader, field: str, text: str | None, *, written: bool) -> Message:
    """Hand out what somebody may put into their own profile."""
    if text is None:
        return reader.say(
            marked("There is nothing to put into your profile: it takes a tier with flair, and {show} first."),
            show=Literal("flair show name"),
        )
    parts = [
        reader.say(
            marked(
                "Put this into the field {field} of your profile, in an app that lets you; whoever reads your profile "
                "sees it then, everybody who shares a room with you among them:"
            ),
            field=Literal(field),
        ),
        reader.say("{text}", text=Literal(text)),
    ]
    if written:
        parts.append(reader.say(marked("Or let me: {on} has me write it, {off} take it out again."), on=_ON, off=_OFF))
    return join(parts)


_ON = Literal("flair profile on")
_OFF = Literal("flair profile off")


def profile(reader: Reader, *, on: bool) -> Message:
    """Say that somebody's profile is written from now on, or no more."""
    if on:
        return reader.say(
            marked("I keep your flair in your profile from now on, as long as it is shown. {off} ends it."), off=_OFF
        )
    return reader.say(marked("I take your flair out of your profile, and write nothing there any more."))


def sign_this(reader: Reader, message: str, address: str) -> Message:
    """Hand out a message for the address that gave to sign."""
    return join(
        [
            reader.say(
                marked("Sign this with {address}, letter by letter, within half an hour. It moves no money:"),
                address=Literal(address),
            ),
            block(message),
            reader.say(
                marked(
                    "Then send me what comes out: {how}. A wallet that is a contract cannot be heard here; for it, "
                    "there is this page: {page}"
                ),
                how=Literal("claim signed SIGNATURE"),
                page=reader.link("/give"),
            ),
        ]
    )


_CLAIMS: Mapping[Result, str] = {
    Result.CLAIMED: marked("Thank you! What was given is yours now."),
    Result.YOURS: marked("That is yours already."),
    Result.UNKNOWN: marked("Nothing was given that this could claim. Look whether it is whole, letter by letter."),
    Result.TAKEN: marked(
        "Somebody has claimed this already. If it was yours, tell whoever gave you the code, or runs this service."
    ),
    Result.LOCKED: marked("That were too many wrong codes. I listen to codes of yours again {until}."),
}


def claimed(reader: Reader, found: Claimed, tiers_now: Sequence[str]) -> Message:
    """Say what became of a claim, and that nothing is shown of it yet."""
    until = "-" if found.until is None else reader.when(found.until)
    parts = [reader.say(_CLAIMS[found.result], until=until)]
    if found.holds and tiers_now:
        parts.append(reader.say(marked("With it you are {tiers}."), tiers=", ".join(tiers_now)))
    if found.holds:
        parts.append(reader.say(marked("Nobody else sees that. {flair} shows who would see what."), flair=_FLAIR))
    return join(parts)


def memo(reader: Reader, text: str) -> Message:
    """Hand out a memo for a gift."""
    return reader.say(
        marked(
            "Put this into a gift as its memo, and it is yours, whatever wallet it comes from; the chain does not tell "
            "whose it is:\n{memo}"
        ),
        memo=Literal(text),
    )


def unusual(reader: Reader, amount: str) -> Message:
    """Hand out an amount by which a secret donor is known."""
    return reader.say(
        marked(
            "Set your weekly donation to exactly **{amount}** and keep it until I write to you: nobody else is told "
            "this amount, so I know by it that you are the one, though you give in secret. It takes until the next "
            "list of donors is read in."
        ),
        amount=Safe(amount),
    )
