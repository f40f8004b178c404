"""The sentence that a stopped inviter's own client receives from their homeserver (the ``error`` of a 403)."""

from __future__ import annotations

from app.wording import free
from app.wording.catalogue import marked, translator
from app.wording.message import Safe, render
from app.wording.prices import why_dearer
from kit.amounts import show
from kit.clock import from_unix
from kit.identifiers import UserId
from reputation.verdict import Admit, Code, Hold, Verdict

LONGEST_REFUSAL = 700
"""Characters of such a sentence: clients show it in a small box, if at all."""

_HOLD = marked(
    "{recipient} asks people they do not know for {price} before an invitation reaches them, so yours was stopped. "
    "How to go on: {url} (check code {code}). A message from the bot says the same."
)
_HOLD_FREE = marked("{recipient} does not know you, so your invitation was stopped.")
_REFUSE = {
    Code.DOOR_CLOSED: marked("{recipient} takes no invitations from people they do not know."),
    Code.CALLED_SPAM: marked("{recipient} does not want invitations from you."),
    Code.INVITE_PENDING: marked(
        "An invitation of yours is already waiting for {recipient}. Wait for their answer before you send another."
    ),
    Code.FORGED: marked(
        "This invitation to {recipient} says that somebody here sent it, but it came from another homeserver."
    ),
    Code.UNPROVEN: marked(
        "An invitation by way of an e-mail address or a phone number does not prove who sends it, so it was stopped. "
        "Invite {recipient} by this Matrix id."
    ),
    Code.STAKE_UNCONFIRMED: marked(
        "Your stake for {recipient} has arrived, but the chain is not sure enough of it yet. Wait a minute, then "
        "invite again; a message from the bot says when the door is open."
    ),
    Code.SERVER_FLOODS: marked(
        "Too many invitations come from your homeserver just now, so yours to {recipient} was stopped unread. Try "
        "again in a few minutes."
    ),
    Code.BARRED: marked(
        "{recipient} did not answer your last invitation, so another one from you is stopped until {until}. They can "
        "still invite you."
    ),
    Code.DOOR_FULL: marked(
        "So many people wait for an answer of {recipient} that no more are asked for a stake now. Pay nothing; try "
        "again after {until}, or sooner if they answer."
    ),
    Code.CROWDED: marked(
        "More people than can be answered knock at doors that do not know them just now, so your invitation to "
        "{recipient} was stopped unread. Try again in a few minutes."
    ),
    Code.LISTED: marked(
        "The moderators of this room follow lists that speak of you ({lists}), so you are not let in. They can make an "
        "exception; ask one of them."
    ),
    Code.OTHER_LISTED: marked("The moderators of this room do not let {recipient} in."),
    Code.LATE: marked("It could not be found out in time whether {recipient} may be invited. Try again in a minute."),
}
_REFUSED = marked("{recipient} does not take this invitation.")


def refusal(
    verdict: Verdict,
    *,
    recipient: UserId,
    quote_url: str | None,
    check_code: str | None,
    symbol: str,
    decimals: int,
    bot: UserId | None = None,
    locale: str | None = None,
) -> str:
    """Say why an invitation was stopped and how to go on; one plain line of at most 700 characters."""
    translate = translator(locale)
    if isinstance(verdict, Hold):
        parts = []
        if verdict.price.stake:
            parts.append(translate(marked("a stake of %s")) % f"{show(verdict.price.stake, decimals)} {symbol}")
        if verdict.price.fee:
            parts.append(translate(marked("a fee of %s")) % f"{show(verdict.price.fee, decimals)} {symbol}")
        price = translate(marked(" and ")).join(parts)
        values = {"price": Safe(price), "url": Safe(quote_url or "-"), "code": Safe(check_code or "-")}
        template = _HOLD if parts or not verdict.free else _HOLD_FREE
        said = render(translate(template), {"recipient": str(recipient), **values}).plain
        dearer = why_dearer(verdict.price, symbol=symbol, decimals=decimals, locale=locale)
        said = said if dearer is None else f"{said} {dearer}"
        for way in free.in_short(verdict.free, recipient=recipient, bot=bot, translate=translate):
            said = f"{said} {way}" if len(said) + len(way) < LONGEST_REFUSAL else said
    else:
        reasons = () if isinstance(verdict, Admit) else verdict.because
        reason = next((reason for reason in reasons if reason.code in _REFUSE), None)
        sentence = _REFUSED if reason is None else _REFUSE[reason.code]
        until = "-" if reason is None else _moment(reason.values.get("until"))
        lists = "-" if reason is None else str(reason.values.get("lists", "-"))
        said = render(
            translate(sentence), {"recipient": str(recipient), "until": Safe(until), "lists": Safe(lists)}
        ).plain
    return said if len(said) <= LONGEST_REFUSAL else said[: LONGEST_REFUSAL - 1] + "…"


def _moment(until: object) -> str:
    """Write a moment for somebody of whose time zone nothing is known."""
    return f"{from_unix(until):%Y-%m-%d %H:%M} UTC" if isinstance(until, int) else "-"
