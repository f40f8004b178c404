"""Supporting: what a person gave, what they have by it, and who may see it, for them alone."""

from datetime import datetime

from fastapi import APIRouter, Depends

from api.dependencies import ContainerDep, Reader, Writer, limited
from api.schemas.problems import problems
from api.schemas.supporting import (
    AddressIn,
    ClaimedOut,
    CodeIn,
    GiftOut,
    GiftsOut,
    HeldOut,
    MyFlairOut,
    PreviewOut,
    ShowIn,
    ShowingModel,
    SignatureIn,
    ToSignOut,
)
from api.supporters import gives_of, money, show_given
from app import claiming, showing
from app.container import Container, Work
from app.wording.showing import who_would_see
from kit.clock import unix
from kit.errors import NotFound
from kit.identifiers import PersonId, UserId
from payments.flair.claiming import Claimed
from payments.flair.documents import Assets
from payments.flair.model import Entitlement, Gift, Showing, Spans, Tiers
from payments.flair.summing import sure

router = APIRouter(prefix="/v1/me", tags=["flair"], responses=problems(400, 401, 403, 404, 409, 429, 503))

_MOST_GIFTS = 1_000
_claims = Depends(limited("claims", per_minute=10, burst=10))


@router.get("/gifts")
def gifts(reader: Reader, container: ContainerDep) -> GiftsOut:
    """List what you gave, as far as we know that it was you: by your linked wallets, or because you claimed it."""
    with container.read(one_moment=True) as work:
        found = work.supporters.gifts_of(reader.person)
        assets, spans = work.supporters.assets, work.supporters.tiers().spans
        return GiftsOut(
            gifts=[_gift(one, assets, spans, work.now) for one in reversed(found[-_MOST_GIFTS:])],
            more=len(found) > _MOST_GIFTS,
            given=[show_given(assets, one) for one in showing.given_by(work, reader.person)],
        )


@router.post("/gifts/claim", dependencies=[_claims])
def claim(asked: CodeIn, writer: Writer, container: ContainerDep) -> ClaimedOut:
    """Claim a gift by its code. Whoever names ten that are none within an hour is not listened to for a day."""
    with container.work() as work:
        return _claimed(work.claims.by_code(writer.person, asked.code))


@router.post("/gifts/message", dependencies=[_claims])
def message(asked: AddressIn, writer: Writer, container: ContainerDep) -> ToSignOut:
    """Make the message that the address that gave signs: it names you and this service, and is good once."""
    made = claiming.message_for(container, writer.person, asked.address)
    return ToSignOut(address=made.address, message=made.text)


@router.post("/gifts/signature", dependencies=[_claims])
def claim_signed(signed: SignatureIn, writer: Writer, container: ContainerDep) -> ClaimedOut:
    """Claim all that was given from the address whose message this signs."""
    return _claimed(claiming.claim_by_signature(container, writer.person, signed.signature))


@router.get("/flair")
def my_flair(reader: Reader, container: ContainerDep) -> MyFlairOut:
    """Show your tiers, what you let be seen of them, and what would be signed."""
    with container.read(one_moment=True) as work:
        return _mine(work, reader.person, container)


@router.post("/flair/preview")
def preview(wanted: ShowingModel, reader: Reader, container: ContainerDep) -> PreviewOut:
    """Tell who would see what if you let it be seen so; it changes nothing."""
    with container.read(one_moment=True) as work:
        found = showing.preview(work, reader.person, _wanted(wanted))
        words = who_would_see(showing.reader_of(container, work, reader.person), found.what)
    return PreviewOut(text=words.plain, seen=found.seen)


@router.put("/flair")
def show(wanted: ShowIn, writer: Writer, container: ContainerDep) -> MyFlairOut:
    """Let your support be seen so, or hide it; before anything more is seen, its preview is to be looked at.

    Else the problem is `preview_unseen`; so it is where what would be seen has changed since.
    """
    with container.work() as work:
        showing.show(work, writer.person, _wanted(wanted), seen=wanted.seen)
        return _mine(work, writer.person, container)


def _mine(work: Work, person: PersonId, container: Container) -> MyFlairOut:
    mxid = work.people.mxid(person)
    if mxid is None:
        raise NotFound("person_unknown", "There is nobody of that name.")
    tiers, shown = work.supporters.tiers(), work.supporters.shown(person)
    statement = work.flairs.unshown(person, UserId(mxid))
    url = container.settings.public_url
    return MyFlairOut(
        tiers=[_held(work, one, tiers) for one in work.supporters.of(person)],
        showing=ShowingModel(flair=shown.flair, wall=shown.wall, name=shown.name, amount=shown.amount),
        statement=None if statement is None else statement.shown(),
        url=f"{url}/v1/flair/{mxid}",
        badge=f"{url}/v1/flair/{mxid}/badge.svg",
        wall=f"{url}/wall",
    )


def _claimed(found: Claimed) -> ClaimedOut:
    return ClaimedOut(result=found.result, until=None if found.until is None else unix(found.until))


def _held(work: Work, one: Entitlement, tiers: Tiers) -> HeldOut:
    tier = tiers.find(one.tier)
    return HeldOut(
        tier=one.tier,
        title=one.tier if tier is None else tier.title,
        gives=[] if tier is None else gives_of(tier, thanks_only=one.thanks_only),
        since=unix(one.since),
        until=None if one.until is None else unix(one.until),
        grace_until=None if one.grace_until is None else unix(one.grace_until),
        phase=one.phase(work.now, tiers.spans).value,
        source=one.source.value,
        renews=one.renews,
    )


def _gift(one: Gift, assets: Assets, spans: Spans, now: datetime) -> GiftOut:
    return GiftOut(
        key=one.key,
        source=one.source.value,
        asset=one.asset,
        amount=str(one.amount),
        text=money(assets, one.amount, one.asset),
        at=unix(one.at),
        months=one.months,
        recurring=None if one.recurring is None else one.recurring.value,
        finality=sure(one, spans, now).value,
        taken_back=None if one.taken_back is None else unix(one.taken_back),
    )


def _wanted(asked: ShowingModel) -> Showing:
    return Showing(flair=asked.flair, wall=asked.wall, name=asked.name, amount=asked.amount)
