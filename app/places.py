"""Places: what the settings and the contracts' addresses come to, for quotes and for tiers."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from app.budgets import GWEI_DECIMALS, gwei
from app.settings import ANYBODY, Settings, parts_of
from app.supporting.service import Surroundings
from contracts.chain import Deployment
from contracts.keyring import Keyring
from kit.amounts import ZERO, parse
from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, UserId, parse_address, parse_user_id, server_of
from kit.internet import parse_networks
from kit.streaming import StreamingFetcher
from ledger.limits import DayLimit
from ledger.model import Asset, Level, erc20
from payments.carrying.model import Cargo, RelayLimits
from payments.flair.documents import Assets
from payments.flair.onchain import Place
from payments.stakes.model import EscrowTerms
from reputation.model import OpensAt

SYMBOL: Final = "ERN"
COIN: Final = "ETH"
DECIMALS: Final = 18
PROPOSER: Final = "proposer"
"""The key that proposes roots of rewards, where an operator gave it to the service."""
_PROPOSES: Final = DayLimit(transactions=10, wei=5 * 10**16)
"""One root in 28 days, and room for tries."""


_FETCH_SECONDS: Final = 15.0
"""What Standard Webhooks gives an endpoint at least."""


def fetcher(settings: Settings) -> StreamingFetcher:
    """Return what asks servers that strangers name. Raises ``Invalid`` for settings of it that are wrong."""
    try:
        return StreamingFetcher(
            private=parse_networks(settings.private_networks),
            authority=settings.extra_authority,
            timeout=_FETCH_SECONDS,
        )
    except Invalid as error:
        message = f"{error.message} Check EARNEST_PRIVATE_NETWORKS and EARNEST_EXTRA_AUTHORITY."
        raise Invalid(error.code, message) from None


def escrow_terms(settings: Settings, place: Deployment, keys: tuple[Address, Address, RelayLimits]) -> EscrowTerms:
    """Return what every quote of ours has in common; ``keys`` are resolver's and relayer's, and what is carried."""
    resolver, relayer, limits = keys
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
        cause=settings.cause_title,
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


def assets_of(settings: Settings, place: Deployment) -> Assets:
    """Return what names of assets mean, the token and the chain's own coin, and for which of them people may sell."""
    return _assets(place.chain_id, place.token, settings.sales_tokens)


@lru_cache(8)
def _assets(chain_id: int, token: Address, allowed: str) -> Assets:
    own, coin = erc20(chain_id, token), Asset(f"ether:{chain_id}")
    others = (erc20(chain_id, parse_address(one)) for one in parts_of(allowed))
    return Assets(((SYMBOL, own, DECIMALS), (COIN, coin, DECIMALS)), tuple(dict.fromkeys((own, *others))))


def relay_limits(settings: Settings) -> RelayLimits:
    """Return how much is carried for whoever has no ether. Raises ``Invalid`` for a budget that is none."""
    payments = RelayLimits(
        per_day=settings.facilitator_per_day,
        budget=gwei(settings.facilitator_budget, "EARNEST_FACILITATOR_BUDGET"),
        together=settings.relayer_per_day,
    )
    return RelayLimits(
        per_day=settings.gasless_per_day,
        budget=gwei(settings.relay_budget, "EARNEST_RELAY_BUDGET"),
        together=settings.relayer_per_day,
        settlements=None if payments.off else payments,
    )


def served_sellers(settings: Settings) -> frozenset[Address] | None:
    """Return to whom payments are settled over HTTP; ``None``: to anybody."""
    if settings.facilitator_for.strip() == ANYBODY:
        return None
    return frozenset(parse_address(one) for one in settings.sellers())


def roles(settings: Settings, keyring: Keyring, always: tuple[str, ...]) -> tuple[str, ...]:
    """Return the roles whose keys sign here: these, and the proposer's where it is set and there is a key."""
    return (*always, PROPOSER) if settings.rewards_proposes and keyring.has(PROPOSER) else always


def remote_signers(settings: Settings, resolver: str, relayer: str) -> dict[str, str | None]:
    """Return who holds each role's keys that are not in the keystore, as URLs."""
    urls = {resolver: settings.resolver_signer, relayer: settings.relayer_signer, PROPOSER: settings.proposer_signer}
    return {role: None if url is None else url.get_secret_value() for role, url in urls.items()}


def day_limits(settings: Settings, limits: RelayLimits, resolver: str, relayer: str) -> dict[str, DayLimit]:
    """Return what each role's key may send in 24 hours."""
    resolvers = gwei(settings.resolver_budget, "EARNEST_RESOLVER_BUDGET")
    apart = limits.of(Cargo.SETTLEMENT)
    relayers = settings.relayer_per_day + (0 if apart.off else apart.together)
    return {
        resolver: DayLimit(settings.resolver_per_day, resolvers * 10**GWEI_DECIMALS),
        relayer: DayLimit(relayers, (limits.budget + apart.budget) * 10**GWEI_DECIMALS),
        PROPOSER: _PROPOSES,
    }


def opens_at(settings: Settings) -> OpensAt:
    """Return how sure the chain must be of a stake that opens a door. Raises ``Invalid`` for a sum that is none."""
    return OpensAt(
        small=Level(settings.door_opens_at),
        large=Level(settings.large_opens_at),
        above=parse(settings.large_stake, DECIMALS),
    )
