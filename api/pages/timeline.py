"""The timeline of a stake, pure: what a quote's page says of each state, and which steps are behind and ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from api.schemas.quotes import GaslessOut, GaslessState, QuoteOut, QuoteState

WORDS: Mapping[QuoteState, tuple[str, str]] = {
    QuoteState.WAITING: (
        "Waiting for your stake",
        "Nothing has been paid yet. Read what happens in each case, then pay below, or not at all.",
    ),
    QuoteState.SUPERSEDED: (
        "This price no longer stands",
        "Another price took its place. Do not pay this one: it would only come back. Invite again to get the new one.",
    ),
    QuoteState.QUOTE_EXPIRED: (
        "This price has run out",
        "Nothing was paid. Invite again to get a new price.",
    ),
    QuoteState.SEEN: (
        "Your stake has been seen",
        "It stands in a block, and the door is open: invite again now. The chain needs a little longer to be final.",
    ),
    QuoteState.CONFIRMED: (
        "Your stake is confirmed",
        "The door is open: invite again now. Taking the block back would take an attack on the chain.",
    ),
    QuoteState.OPEN: (
        "The door is open",
        "Invite again now, and say who you are. The stake is final, and waits for an answer.",
    ),
    QuoteState.FORFEIT_ANNOUNCED: (
        "Called spam",
        "They called your invite spam. The stake is burned after 48 hours, unless they take that back before.",
    ),
    QuoteState.RETURNED: (
        "Your stake is back",
        "It was returned to the return address.",
    ),
    QuoteState.FORFEITED: (
        "The stake was burned",
        "They called your invite spam and did not take it back. The tokens exist no more; nobody got them.",
    ),
    QuoteState.EXPIRED: (
        "Nobody answered; your stake is back",
        "Stake and fee went back to the return address, in full.",
    ),
    QuoteState.ORPHANED: (
        "The chain took a block back",
        "Your stake's block left the chain. It usually returns within minutes: do not pay again. The door waits.",
    ),
}
"""For every state, a headline and what it means."""

SURPLUS = (
    "This stake opens nothing",
    "The price had been paid already, or stood no more, when it arrived. It goes back to the return address by itself.",
)

UNCONFIRMED = (
    "Your stake has been seen",
    "The door opens once the chain is surer of it, usually within minutes. There is nothing to do: do not pay again.",
)
CARRIED: Mapping[GaslessState, tuple[str, str]] = {
    GaslessState.QUEUED: (
        "Your signed stake is taken on",
        "It goes to the chain in a moment; you need do nothing more. Should that take long, you can still pay below.",
    ),
    GaslessState.SENT: (
        "Your signed stake is on its way",
        "It waits for its place in a block, usually for less than a minute. You need do nothing more.",
    ),
    GaslessState.MINED: (
        "Your signed stake is in a block",
        "This page shows it in a moment.",
    ),
}
"""What is said of an opening that is carried, until the stake is seen."""

VAIN: Mapping[str, str] = {
    "reverted": (
        "By the time it reached the chain, the wallet did not hold the tokens any more, or the signature had been "
        "cancelled. Its gas is lost, so the next one takes a wallet with some ether."
    ),
    "too_late": "The price ran out before it was in a block.",
    "would_revert": (
        "The chain would refuse it: the wallet does not hold the tokens any more, or the signature was cancelled. You "
        "can sign again."
    ),
    "quote_gone": "The price was paid otherwise, or stands no more.",
}
"""Why an opening that was carried came to nothing."""
_IN_VAIN = "Your signed stake was not put down"

_PAYABLE = QuoteState.WAITING
_ENDED_UNPAID = frozenset({QuoteState.SUPERSEDED, QuoteState.QUOTE_EXPIRED})
_SURE = frozenset({QuoteState.OPEN, QuoteState.FORFEIT_ANNOUNCED})
_OUTCOMES = frozenset({QuoteState.RETURNED, QuoteState.FORFEITED, QuoteState.EXPIRED})
_BAD = frozenset({QuoteState.FORFEITED, QuoteState.FORFEIT_ANNOUNCED, QuoteState.ORPHANED})


class Mark(StrEnum):
    """How a step stands."""

    DONE = "done"
    NOW = "now"
    AHEAD = "ahead"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Step:
    """One step; ``until`` is a moment (Unix seconds) that its text is about."""

    name: str
    text: str
    mark: Mark
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What the page says at its top, and its steps."""

    headline: str
    meaning: str
    steps: tuple[Step, ...]
    payable: bool
    settled: bool


def status_of(quote: QuoteOut) -> Status:
    """Return what a quote's page says."""
    state = quote.state
    surplus = quote.stake is not None and quote.stake.surplus
    headline, meaning = SURPLUS if surplus and state is not QuoteState.RETURNED else WORDS[state]
    if quote.opens_at is not None:
        headline, meaning = UNCONFIRMED
    if state is _PAYABLE and quote.gasless.state is not None:
        headline, meaning = _carried(quote.gasless) or (headline, meaning)
    return Status(
        headline=headline,
        meaning=meaning,
        steps=(_paid(quote), _seen(state, unconfirmed=quote.opens_at is not None), _final(state), _answer(quote)),
        payable=state is _PAYABLE,
        settled=state in _OUTCOMES or state in _ENDED_UNPAID,
    )


def _carried(gasless: GaslessOut) -> tuple[str, str] | None:
    if gasless.state is GaslessState.FAILED:
        why = VAIN.get(gasless.code or "", "")
        return _IN_VAIN, f"{why} Nothing was taken from your wallet.".lstrip()
    return None if gasless.state is None else CARRIED.get(gasless.state)


def _paid(quote: QuoteOut) -> Step:
    if quote.stake is not None:
        return Step("Stake put down", quote.price.text, Mark.DONE)
    if quote.state in _ENDED_UNPAID:
        return Step("Stake put down", "Not paid, and not to be paid any more.", Mark.BAD)
    return Step("You put down the stake", "This price stands until", Mark.NOW, quote.quote_expiry)


def _seen(state: QuoteState, *, unconfirmed: bool) -> Step:
    if state is QuoteState.ORPHANED:
        return Step("Seen on the chain", "Its block was taken back; waiting for it to return.", Mark.BAD)
    if state is _PAYABLE or state in _ENDED_UNPAID:
        return Step(
            "The door opens", "As soon as the chain is sure enough of the stake, you can invite again.", Mark.AHEAD
        )
    if unconfirmed:
        return Step("The door opens", "Seen in a block; the chain has to be surer of it first.", Mark.NOW)
    return Step("The door is open" if state not in _OUTCOMES else "The door opened", "Seen in a block.", Mark.DONE)


def _final(state: QuoteState) -> Step:
    if state in _SURE or state in _OUTCOMES:
        return Step("Final", "The chain cannot take it back any more.", Mark.DONE)
    if state is QuoteState.CONFIRMED:
        return Step("Confirmed", "Safe; final within minutes.", Mark.NOW)
    if state is QuoteState.SEEN:
        return Step("Becoming final", "Usually a matter of minutes.", Mark.NOW)
    return Step("The chain makes it final", "Usually a matter of minutes.", Mark.AHEAD)


def _answer(quote: QuoteOut) -> Step:
    state = quote.state
    if state in _OUTCOMES:
        headline, meaning = WORDS[state]
        return Step(headline, meaning, Mark.BAD if state in _BAD else Mark.DONE)
    if state is QuoteState.FORFEIT_ANNOUNCED:
        executable_at = quote.stake.executable_at if quote.stake else None
        return Step("Called spam", "They can still take it back. Burned from", Mark.BAD, executable_at)
    mark = Mark.NOW if state is QuoteState.OPEN else Mark.AHEAD
    return Step("They answer", "If they do not, everything comes back to you by itself on", mark, quote.answer_by)
