"""Tokens, in one transaction: what something may be sold for here, what it is called, and how prices are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from contracts.erc20 import Facts, Unsigned
from contracts.typed_data import EARNEST, Domain
from kit.amounts import parse
from kit.errors import Forbidden, Invalid
from ledger.model import Asset
from payments.flair.documents import Assets
from payments.tokens.model import GRACE, Known, Token, labelled, read_price
from payments.tokens.tables import SaleTokenRow


class Tokens:
    """What an asset is called and how many decimals it has, and which of them the operator lets people be paid in.

    One is made for each use: it reads what it needs once.
    """

    def __init__(self, session: Session, now: datetime, assets: Callable[[], Assets]) -> None:
        """Work in ``session``, at ``now``; ``assets`` gives what is known without the chain, and what is allowed."""
        self._session = session
        self._now = now
        self._assets = assets

    @cached_property
    def _given(self) -> Assets:
        return self._assets()

    @cached_property
    def _kept(self) -> dict[Asset, Token]:
        rows = self._session.scalars(select(SaleTokenRow).order_by(SaleTokenRow.read_at, SaleTokenRow.asset))
        return {Asset(row.asset): _token(row) for row in rows}

    @cached_property
    def assets(self) -> Assets:
        """What every name means here, and how every asset is called."""
        tokens = labelled([*self._kept.values()], self._given.known)
        mine = tuple(one for one in self._given.known if one[1] not in self._kept)
        return replace(self._given, known=(*mine[:1], *tokens, *mine[1:]))

    def name(self, asset: Asset) -> tuple[str, int]:
        """Return how an asset is called among people, and how many decimal places it has."""
        return self.assets.name(asset)

    @property
    def own(self) -> Asset:
        """Our own token."""
        return self._given.sold_for[0]

    @property
    def allowed(self) -> tuple[Asset, ...]:
        """What something may be sold for, our own token first: what the operator allows and was read from the chain."""
        own, *others = self._given.sold_for
        return (own, *(one for one in others if one in self._kept))

    @property
    def unread(self) -> tuple[Asset, ...]:
        """What the operator allows and was not read from the chain yet."""
        return tuple(one for one in self._given.sold_for[1:] if one not in self._kept)

    @property
    def unasked(self) -> tuple[Asset, ...]:
        """What was read by an earlier release, which did not ask by what a transfer is signed."""
        others = self.allowed[1:]
        return tuple(one for one in others if self._kept[one].transfers is None)

    def known(self) -> tuple[Known, ...]:
        """Return what something may be sold for, each with its name and decimal places, our own token first."""
        return tuple((*self.name(one)[:1], one, self.name(one)[1]) for one in self.allowed)

    def domain(self, asset: Asset) -> Domain | None:
        """Return what a wallet signs a permit of a token by; ``None`` where it takes none."""
        if asset == self.own:
            return EARNEST
        found = self._kept.get(asset)
        return None if found is None else found.domain

    def transfers(self, asset: Asset) -> Domain | Unsigned | None:
        """Return what a wallet signs a transfer of a token by, which anybody may carry, or why it cannot.

        ``None``: it is unknown here, or was not asked yet.
        """
        if asset == self.own:
            return EARNEST
        found = self._kept.get(asset)
        return None if found is None else found.transfers

    def payable(self, prices: Mapping[Asset, int]) -> dict[Asset, int]:
        """Return the prices that can be paid now, our own token's first."""
        return {asset: prices[asset] for asset in self.allowed if asset in prices}

    def taken_away(self, asset: Asset, at: datetime) -> bool:
        """Tell whether a payment at a moment came too late: the operator had allowed the asset no more for an hour."""
        found = self._kept.get(asset)
        return found is not None and found.taken_away_at is not None and at > found.taken_away_at + GRACE

    # ------------------------------------------------------------------------------------------ reading prices

    def find(self, name: str) -> Asset:
        """Return the asset that somebody means, by its name, its address or its id.

        Raises ``Forbidden`` for what is not allowed, ``Invalid`` for a symbol by which more than one could be meant.
        """
        found = self.meant(name)
        if found is None:
            raise self._not_allowed()
        return found

    def meant(self, name: str) -> Asset | None:
        """Return the same; ``None`` for what is not allowed."""
        wanted = name.strip().casefold()
        for label, asset, _ in self.known():
            if wanted in (label.casefold(), asset, asset.rpartition(":")[2]):
                return asset
        alike = [label for label, _, _ in self.known() if label.casefold().startswith(f"{wanted} (")]
        if alike:
            names = ", ".join(alike)
            raise Invalid("asset_unclear", f"Name the token by its address: there is {names}.", names=names)
        return None

    def prices(self, texts: Iterable[str]) -> dict[Asset, int]:
        """Read prices such as ``5``, ``2.5 USDX`` or ``2.5:0x…`` into base units; our own token's where none is named.

        Raises ``Invalid`` for what is no price, or two of one token, and ``Forbidden`` for a token that is not allowed.
        """
        found: dict[Asset, int] = {}
        for text in texts:
            amount, name = read_price(text)
            asset = self.allowed[0] if name is None else self.find(name)
            if asset in found:
                raise Invalid("price_twice", "There are two prices in one token.")
            found[asset] = parse(amount, self.name(asset)[1]).base_units
        return found

    def check(self, prices: Iterable[Asset]) -> None:
        """Refuse what nothing may be sold for. Raises ``Forbidden``, which says what it may."""
        if not set(prices) <= set(self.allowed):
            raise self._not_allowed()

    def _not_allowed(self) -> Forbidden:
        names = ", ".join(name for name, _, _ in self.known())
        return Forbidden("asset_not_allowed", f"Nothing is sold for that here. It may be for {names}.", names=names)

    # ------------------------------------------------------------------------------------------ keeping

    def keep(self, asset: Asset, facts: Facts) -> None:
        """Keep what was read of a token, once: what is kept stays."""
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        domain = facts.domain or Domain("", "")
        values = {
            "asset": asset,
            "symbol": facts.symbol,
            "decimals": facts.decimals,
            "domain_name": domain.name or None,
            "domain_version": domain.version or None,
            **_of_transfers(facts.transfers),
            "read_at": self._now,
        }
        self._session.execute(insert(SaleTokenRow).values(values).on_conflict_do_nothing(index_elements=["asset"]))
        self._forget_what_was_read()

    def learn_transfers(self, asset: Asset, told: Domain | Unsigned) -> None:
        """Keep by what a transfer of a token is signed that was read before, once."""
        unasked = (SaleTokenRow.transfer_name.is_(None), SaleTokenRow.no_transfers.is_(None))
        change = update(SaleTokenRow).where(SaleTokenRow.asset == asset, *unasked)
        self._session.execute(change.values(_of_transfers(told)).execution_options(synchronize_session=False))
        self._forget_what_was_read()

    def settle(self) -> bool:
        """Note which tokens the operator allows no more, and since when; ``True`` where something changed."""
        allowed, changed = set(self._given.sold_for), False
        for row in self._session.scalars(select(SaleTokenRow)):
            if (row.taken_away_at is None) != (row.asset in allowed):
                row.taken_away_at = None if row.asset in allowed else self._now
                changed = True
        self._session.flush()
        self._forget_what_was_read()
        return changed

    def _forget_what_was_read(self) -> None:
        for name in ("_kept", "assets"):
            self.__dict__.pop(name, None)


def _of_transfers(told: Domain | Unsigned) -> dict[str, str | None]:
    domain = told if isinstance(told, Domain) else Domain("", "")
    because = None if isinstance(told, Domain) else told.value
    values = {"transfer_name": domain.name or None, "transfer_version": domain.version or None}
    return values | {"no_transfers": because}


def _token(row: SaleTokenRow) -> Token:
    domain = None
    if row.domain_name is not None and row.domain_version is not None:
        domain = Domain(row.domain_name, row.domain_version)
    transfers: Domain | Unsigned | None = None if row.no_transfers is None else Unsigned(row.no_transfers)
    if row.transfer_name is not None and row.transfer_version is not None:
        transfers = Domain(row.transfer_name, row.transfer_version)
    return Token(Asset(row.asset), row.symbol, row.decimals, domain, transfers, row.taken_away_at)
