"""Mine: a person's own door, knocks, answers and balance, for whoever carries their token."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import Anybody, ContainerDep, Reader, Writer
from api.presenting import show_rules, show_stake
from api.schemas.me import (
    AnswerIn,
    AnswerOut,
    BalanceOne,
    BalanceOut,
    DoorIn,
    DoorOut,
    ForgetIn,
    KnockOut,
    KnocksOut,
    MeOut,
    ReasonOut,
    UndoIn,
    WaitingOne,
    WaitingOut,
    WhyOut,
)
from api.schemas.problems import problems
from app import answering
from app.container import Container, Work
from app.forgetting import forget_person
from app.statements import Span, bounded, of_person, read_day
from kit.amounts import Amount
from kit.clock import unix
from kit.errors import Conflict, Invalid
from kit.identifiers import PersonId, UserId, parse_user_id, show_address, show_hash
from ledger import model as accounts
from ledger.statements import MEDIA, SUFFIX, Form, write
from payments.stakes.model import Answer
from reputation.model import AnswerOutcome, KnockCount
from reputation.trying import rule_of
from reputation.verdict import Hold

router = APIRouter(prefix="/v1/me", tags=["me"], responses=problems(400, 401, 403, 404, 409, 429, 503))

_MOST_LINES = 20_000
_STATEMENTS: dict[str, Any] = {media: {} for media in sorted(set(MEDIA.values()))}
OtherId = Annotated[str, Path(max_length=255, examples=["@bob:example.org"])]


@router.get("")
def me(caller: Anybody, container: ContainerDep) -> MeOut:
    """Say whose token or session this is, and what it may do."""
    with container.read() as work:
        mxid = work.people.mxid(caller.person)
    return MeOut(mxid=mxid, scopes=sorted(caller.scopes), confirmed=caller.confirmed)


@router.get("/door")
def show_door(reader: Reader, container: ContainerDep) -> DoorOut:
    """Show your door, and whom you let pass free."""
    with container.read() as work:
        return _door(work, reader.person, container)


@router.put("/door")
def set_door(asked: DoorIn, writer: Writer, container: ContainerDep) -> DoorOut:
    """Set your door: open to all, asking for a stake and/or a fee, or closed to strangers."""
    with container.work() as work:
        if asked.mode == "ask":
            work.doors.ask(writer.person, stake=_amount(asked.stake), fee=_amount(asked.fee))
        elif asked.stake is not None or asked.fee is not None:
            raise Invalid("price_without_ask", "Only a door with the mode 'ask' has a stake or a fee.")
        elif asked.mode == "open":
            work.doors.open(writer.person)
        else:
            work.doors.closed(writer.person)
        if asked.most_open is not None or asked.most_a_day is not None:
            work.doors.cap(writer.person, most_open=asked.most_open, most_a_day=asked.most_a_day)
        return _door(work, writer.person, container)


@router.put("/exempt/{other}", status_code=204)
def exempt(other: OtherId, writer: Writer, container: ContainerDep) -> None:
    """Let one person pass free."""
    user = parse_user_id(other)
    with container.work() as work:
        work.doors.exempt(writer.person, work.people.number(user))


@router.delete("/exempt/{other}", status_code=204)
def unexempt(other: OtherId, writer: Writer, container: ContainerDep) -> None:
    """Take an exemption back."""
    user = parse_user_id(other)
    with container.work() as work:
        found = work.people.find(user)
        if found is not None:
            work.doors.unexempt(writer.person, found)


@router.get("/knocks")
def knocks(reader: Reader, container: ContainerDep) -> KnocksOut:
    """Show who was not let through in the last 30 days: counts, never their words."""
    with container.read() as work:
        counts = work.gate.knocks(reader.person)
        names = work.people.mxids([one.stranger for one in counts])
        return KnocksOut(knocks=[_knock(one, names.get(one.stranger)) for one in counts])


@router.get("/waiting")
def waiting(reader: Reader, container: ContainerDep) -> WaitingOut:
    """Show whose stakes wait for your answer."""
    with container.read() as work:
        found = work.gate.waiting(reader.person)
        names = work.people.mxids([one.stranger for one in found])
        entries = [
            WaitingOne(
                stranger=names.get(one.stranger),
                stake=show_stake(work, one.stake),
                since=None if one.since is None else unix(one.since),
                answers_close=one.answers_close,
            )
            for one in found
        ]
        return WaitingOut(waiting=entries)


@router.post("/answers")
def answer(asked: AnswerIn, writer: Writer, container: ContainerDep) -> AnswerOut:
    """Answer a stranger: accept, return the stake, or call it spam (which must be confirmed)."""
    stranger = parse_user_id(asked.stranger)
    said = Answer(asked.answer)
    if said is Answer.SPAM and not asked.confirm:
        raise Conflict("confirm_spam", "This burns their stake after 48 hours. Send it again with 'confirm': true.")
    with container.work() as work:
        return _outcome(answering.answer(work, writer.person, stranger, said), stranger)


@router.post("/undo")
def undo(asked: UndoIn, writer: Writer, container: ContainerDep) -> AnswerOut:
    """Take a spam verdict back, as long as the stake is not burned: it goes back to the stranger."""
    stranger = parse_user_id(asked.stranger)
    with container.work() as work:
        return _outcome(answering.undo(work, writer.person, stranger), stranger)


@router.get("/balance")
def balance(reader: Reader, container: ContainerDep) -> BalanceOut:
    """Show what your linked wallets hold, as far as the chain has been read."""
    with container.read() as work:
        primary = work.holders.primary(reader.person)
        entries = [
            BalanceOne(
                address=show_address(address),
                tokens=str(work.book.balance(accounts.wallet(address))),
                primary=address == primary,
            )
            for address in work.holders.addresses(reader.person)
        ]
    place = container.terms
    return BalanceOut(symbol=place.symbol, decimals=place.decimals, balances=entries)


@router.get("/statement", response_class=Response, responses={200: {"content": _STATEMENTS}})
def statement(
    reader: Reader,
    container: ContainerDep,
    form: Annotated[Form, Query(alias="format")] = Form.CSV,
    first: Annotated[str | None, Query(alias="from", max_length=10, examples=["2026-11-01"])] = None,
    last: Annotated[str | None, Query(alias="to", max_length=10, examples=["2026-11-30"])] = None,
) -> Response:
    """Return what was moved from and to your linked wallets, days and times in your zone; both days are included.

    CSV, JSON lines, or a journal for beancount or hledger. At most 20,000 lines at a time.
    """
    span = Span(read_day(first), read_day(last))
    with container.read(one_moment=True) as work:
        found = bounded(of_person(work, reader.person, span), _MOST_LINES)
    name = f'attachment; filename="earnest-statement.{SUFFIX[form]}"'
    headers = {"Content-Disposition": name, "Cache-Control": "private, no-store"}
    return Response("".join(write(found, form)), media_type=MEDIA[form], headers=headers)


@router.get("/why")
def why(
    other: Annotated[str, Query(max_length=255, examples=["@bob:example.org"])], reader: Reader, container: ContainerDep
) -> WhyOut:
    """Tell what an invite of somebody would meet now at your door, and why."""
    user = parse_user_id(other)
    with container.read() as work:
        found = work.gate.why(reader.person, user)
        number = work.people.find(user)
        vouches = [] if number is None else work.vouches.seen(reader.person, number)
        names = work.people.mxids({vouch.author for vouch in vouches if vouch.author != reader.person})
        reports = [] if number is None else work.vouches.reported(reader.person, number)
        reporters = work.people.mxids({report.author for report in reports})
    verdict = type(found.verdict).__name__.lower()
    reasons = [ReasonOut(code=str(reason.code), values=_plain(reason.values)) for reason in found.because]
    knock = _knock(found.knocks, user) if found.knocks else None
    return WhyOut.model_validate(
        {
            "other": user,
            "verdict": verdict,
            "because": reasons,
            "knocks": knock,
            "free": list(found.verdict.free) if isinstance(found.verdict, Hold) else [],
            "rule": rule_of(found.verdict),
            "rules": show_rules(found),
            "vouched_by": sorted(names.values()),
            "reported_by": [
                {"who": reporters[report.author], "reason": report.reason}
                for report in reports
                if report.author in reporters
            ],
        }
    )


@router.post("/forget", status_code=204)
def forget(asked: ForgetIn, writer: Writer, container: ContainerDep, response: Response) -> None:
    """Have us forget you: door, knocks, wallets, tokens and conversation go; the books keep amounts without a name."""
    with container.work() as work:
        if asked.confirm != work.people.mxid(writer.person):
            raise Conflict("confirm_forget", "To be forgotten, repeat your own Matrix id as 'confirm'.")
        forget_person(work, writer.person)
    response.headers["Clear-Site-Data"] = '"cookies"'


def _door(work: Work, person: PersonId, container: Container) -> DoorOut:
    door = work.doors.show(person)
    names = work.people.mxids(work.doors.exemptions(person))
    place = container.terms
    return DoorOut(
        mode=door.mode.value,
        stake=str(door.stake.base_units),
        fee=str(door.fee.base_units),
        fee_payee=show_address(door.fee_payee) if door.fee_payee else None,
        symbol=place.symbol,
        decimals=place.decimals,
        exempt=sorted(names.values()),
        most_open=door.caps.most_open,
        most_a_day=door.caps.most_a_day,
    )


def _knock(count: KnockCount, name: UserId | None) -> KnockOut:
    return KnockOut(
        stranger=name,
        count=count.count,
        first_at=unix(count.first_at),
        last_at=unix(count.last_at),
        because=list(count.codes),
    )


def _outcome(outcome: AnswerOutcome, stranger: UserId) -> AnswerOut:
    return AnswerOut(
        answer=outcome.answer.value,
        stranger=stranger,
        stakes=[show_hash(stake.id) for stake in outcome.stakes],
        undo_until=outcome.undo_until,
    )


def _amount(text: str | None) -> Amount | None:
    return None if text is None else Amount(int(text))


def _plain(values: Any) -> dict[str, Any]:  # noqa: ANN401 - a reason's values are whatever explains it
    return {name: value if isinstance(value, int | str | bool) else str(value) for name, value in dict(values).items()}
