"""What stands in the way of what people sell here."""

from __future__ import annotations

import json
from typing import Final

from app import tokens
from app.container import Container, Work
from cli.counting import counted
from contracts.erc20 import Unsigned
from contracts.typed_data import Domain
from kit.errors import Invalid, Refusal, Unavailable
from kit.identifiers import parse_address, show_address
from payments.settlements.x402 import SCHEME, VERSION

_MOST_BYTES: Final = 256 * 1024
_WHY: Final = {
    Unsigned.DOMAIN: "it tells no EIP-712 domain that hashes to its DOMAIN_SEPARATOR.",
    Unsigned.UNKNOWN: "it does not know transferWithAuthorization (EIP-3009) with a key's signature.",
    None: "it was not asked yet by what its transfers are signed: `earnest chain` does that.",
}
_ADD: Final = "`earnest contracts add-checkout` creates it; `earnest chain` reads it from its next start on."


def look(container: Container) -> tuple[str, str, bool]:
    """Return what there is in one sentence, how to mend it (empty where it is good), and whether nothing can be sold.

    Somebody can pay by the contract, or as a program (x402); whichever there is not is told of once anything is sold.
    """
    place = container.deployment
    if set_wrongly := _set_wrongly(container):
        return set_wrongly
    with container.read() as work:
        sold = work.content.count_listed()
        unread = _unread(container, work)
    things = counted(sold, "thing")
    if not sold:
        return f"Nothing is sold here. {_ways(container)}", "", False
    if place.checkout is None:
        return f"{things} for sale, but the contract that pays for them is not there.", _ADD, False
    if unread:
        where = show_address(place.checkout)
        says = f"{things} for sale; of their contract {where} {counted(unread, 'block')} must be read yet."
        return says, "`earnest chain` does that by itself, once they are final.", False
    says, mend = _doubtful(container, things) or (f"{things} for sale. {_ways(container)}", "")
    return says, mend, False


def _doubtful(container: Container, things: str) -> tuple[str, str] | None:
    """Return what a setting keeps from happening while things can be sold, and how to mend it."""
    settings = container.settings
    if settings.facilitator_url and (wrong := _facilitator(container, settings.facilitator_url)):
        mend = "Check EARNEST_FACILITATOR_URL; leave it out to settle by this service's own keys."
        return f"{things} for sale, but programs cannot pay: {wrong}", mend
    if settings.sales_fee_bps and settings.sales_fee_receiver is None:
        says = "EARNEST_SALES_FEE_BPS asks for a part of each price, and nobody gets it: nothing is taken."
        return says, "Set EARNEST_SALES_FEE_RECEIVER."
    return None


def why_not_to_programs(told: Domain | Unsigned | None) -> str | None:
    """Return why programs cannot pay in a token that is allowed; ``None`` where they can."""
    return None if isinstance(told, Domain) else _WHY[told]


def _facilitator(container: Container, url: str) -> str:
    """Return why the other facilitator settles nothing of ours, empty where it says that it does."""
    network = f"eip155:{container.deployment.chain_id}"
    try:
        told = container.fetcher.get(f"{url.rstrip('/')}/supported", most_bytes=_MOST_BYTES)
        kinds = json.loads(told.body)["kinds"]
        found = any(
            (kind["scheme"], kind["network"], kind["x402Version"]) == (SCHEME, network, VERSION) for kind in kinds
        )
    except (Unavailable, Refusal) as error:
        return f"the facilitator does not answer ({error})."
    except (ValueError, TypeError, KeyError, AttributeError):
        return "the facilitator answers /supported with something else than x402 does."
    return "" if found else f"the facilitator settles no {SCHEME} payments of version {VERSION} on {network}."


def _set_wrongly(container: Container) -> tuple[str, str, bool] | None:
    settings = container.settings
    if settings.sales_fee_receiver is not None:
        try:
            parse_address(settings.sales_fee_receiver)
        except Invalid as error:
            return f"Nothing can be put up: {error.message}", "Check EARNEST_SALES_FEE_RECEIVER.", True
    if refused := _refused(container):
        return f"{refused} Nothing is sold for it.", "Check EARNEST_SALES_TOKENS.", False
    return None


def _refused(container: Container) -> str:
    """Say of the first allowed token in which nothing can be sold why that is so; empty where there is none."""
    with container.read() as work:
        others, known = (*work.tokens.allowed[1:], *work.tokens.unread), work.tokens.assets
        kept = set(work.tokens.allowed)
    for asset in others:
        try:
            facts = tokens.look(container, asset)
        except Invalid as error:
            return error.message
        name, decimals = known.name(asset)
        if asset in kept and facts.decimals != decimals:
            return f"{name} tells {facts.decimals} decimals now; it was {decimals} when it was allowed."
    return ""


def _unread(container: Container, work: Work) -> int:
    """Return how many booked blocks may hold sales that were never read."""
    place, head = container.deployment, work.book.head()
    if place.checkout is None or place.checkout_block is None or head is None:
        return 0
    since = work.book.read_since(place.checkout) or head.number + 1
    return max(since - place.checkout_block, 0)


def _ways(container: Container) -> str:
    contract = "by the contract" if container.deployment.checkout is not None else ""
    settled = container.relay_limits.settlements is not None or container.settings.facilitator_url
    programs = "by x402" if settled else ""
    ways = " and ".join(way for way in (contract, programs) if way)
    if not ways:
        return "There is no way to pay for it yet."
    return " ".join((f"It can be paid {ways}.", *(_not_by_programs(container) if settled else ())))


def _not_by_programs(container: Container) -> list[str]:
    """Say of each allowed token in which programs cannot pay why; people can, so there is nothing to mend."""
    with container.read() as work:
        room = work.tokens
        told = [(name, why_not_to_programs(room.transfers(asset))) for name, asset, _ in room.known()]
    return [f"Programs cannot pay in {name}: {why}" for name, why in told if why is not None]
