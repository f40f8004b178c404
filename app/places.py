"""Places: what the settings and the contracts' addresses come to, for quotes and for tiers."""

from __future__ import annotations

from typing import Final

from app.settings import Settings
from app.supporting.service import Surroundings
from contracts.chain import Deployment
from kit.amounts import ZERO, parse
from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, UserId, parse_address, parse_user_id, server_of
from ledger.model import Asset, erc20
from payments.flair.documents import Assets
from payments.flair.onchain import Place
from payments.stakes.model import EscrowTerms, RelayLimits

SYMBOL: Final = "ERN"
COIN: Final = "ETH"
DECIMALS: Final = 18


def escrow_terms(
    settings: Settings, place: Deployment, *, resolver: Address, relayer: Address, limits: RelayLimits
) -> EscrowTerms:
    """Return what every quote of ours has in common."""
    guardian = parse_address(settings.guardian) if settings.guardian else resolver
    carried = not limits.off
    return EscrowTerms(
        chain_id=place.chain_id,
        token=place.token,
        escrow=place.escrow,
        resolver=resolver,
        guardian=Address(guardian),
        symbol=SYMBOL,
        decimals=DECIMALS,
        relay_fee=parse(settings.relay_fee, DECIMALS) if carried else ZERO,
        relay_receiver=relayer if carried else ZERO_ADDRESS,
    )


def surroundings(settings: Settings) -> Surroundings:
    """Return what the settings say of supporters' rooms."""
    return Surroundings(
        url=settings.public_url.rstrip("/"),
        stewards=tuple(parse_user_id(steward) for steward in settings.stewards()),
        profiles_of=server_of(UserId(settings.bot_user_id or "")) if settings.has_admin_token() else None,
    )


def place_of_gifts(settings: Settings, place: Deployment) -> Place | None:
    """Return where gifts arrive; ``None`` where the operator named no cause. Raises ``Invalid`` for a wrong one."""
    if not settings.cause:
        return None
    try:
        cause = parse_address(settings.cause)
    except Invalid as error:
        raise Invalid(error.code, f"{error.message} Check EARNEST_CAUSE.") from None
    if cause in (ZERO_ADDRESS, place.token, place.escrow, place.pledges):
        raise Invalid("cause_impossible", "What is given to EARNEST_CAUSE would be lost: name an address of your own.")
    return Place(cause=cause, token=place.token, escrow=place.escrow, pledges=place.pledges)


def assets_of(place: Deployment) -> Assets:
    """Return what names of assets in a tier document mean: the token, and the chain's own coin."""
    coin = (COIN, Asset(f"ether:{place.chain_id}"), DECIMALS)
    return Assets(((SYMBOL, erc20(place.chain_id, place.token), DECIMALS), coin))
