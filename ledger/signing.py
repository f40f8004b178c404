"""Signing: what a key may sign now, and that nonce and bytes are committed before anybody sees them."""

from __future__ import annotations

from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from sqlalchemy.exc import IntegrityError

from contracts.chain import Fees
from contracts.signer import Signer, Transaction
from kit.database import Database
from kit.errors import SignerUnavailable
from kit.identifiers import Address
from ledger.calls import Attempt, Call, OutgoingState, Pen
from ledger.limits import UNSIGNED, Limits
from ledger.store import outgoing as store
from ledger.store import spending

_MOST_SECONDS: Final = 5.0
"""How long a key may have taken for its signatures in one round to be asked for another: blocks are to be read, too."""
_HELD = timedelta(seconds=5)
"""How long a key that may not sign, or does not, is left alone until it is looked at again."""


class Signing:
    """One round's signatures. No transaction is open while a signer is asked."""

    def __init__(self, database: Database, chain_id: int, now: datetime, limits: Limits) -> None:
        """Sign for chain ``chain_id``, within ``limits``."""
        self._database = database
        self._chain_id = chain_id
        self._now = now
        self._limits = limits
        self._took: dict[Address, float] = {}
        self.held: set[Address] = set()
        """Keys for which a call waits: nothing else that is theirs to sign may overtake it."""

    def holds(self, pen: Pen) -> bool:
        """Tell whether a call was held up by this key a moment ago, and is not to be looked at again yet."""
        with self._database.read() as session:
            return spending.held_now(session, chain_id=self._chain_id, pen=pen, now=self._now)

    def sign(self, call: Call, signer: Signer, nonce: int, gas: int, fees: Fees, *, assign: bool) -> Attempt | None:
        """Sign, and commit nonce and bytes; ``None`` where the key may not now.

        So too where another sender was faster: then nobody sees the bytes. ``assign``: the call has no nonce yet.
        """
        took = self._took.get(signer.address, 0.0)
        if took >= _MOST_SECONDS:
            self.held.add(signer.address)  # in this round alone
            return None
        if self._beyond_limit(call, signer, nonce, gas * fees.max_fee):
            return None
        transaction = Transaction(
            chain_id=self._chain_id,
            nonce=nonce,
            to=call.to,
            data=call.data,
            gas=gas,
            max_fee=fees.max_fee,
            priority_fee=fees.priority_fee,
        )
        began = monotonic()
        try:
            signed = signer.sign_transaction(transaction)
        except SignerUnavailable as error:
            self._hold(call, signer, f"{UNSIGNED}{error}")
            return None
        finally:
            self._took[signer.address] = took + monotonic() - began
        try:
            with self._database.write() as session:
                if assign and not store.assign(session, call, signer.address, nonce):
                    return None
                store.add_attempt(session, call, signer.address, transaction, signed, now=self._now)
        except IntegrityError:
            return None
        return Attempt(signed.hash, signed.raw, gas, fees.max_fee, fees.priority_fee, self._now, None)

    def _beyond_limit(self, call: Call, signer: Signer, nonce: int, wei: int) -> bool:
        """Tell whether a key may not sign for so much now; a call that waits is held back then."""
        limit = self._limits.by_role.get(call.role)
        if limit is None:
            return False
        # What fills a gap would wait for ever for what is behind it, were that counted until it is mined.
        fills = call.to == signer.address
        with self._database.read() as session:
            day = spending.day(
                session, chain_id=self._chain_id, sender=signer.address, now=self._now, unsettled=not fills
            )
        why = day.lacking(limit, nonce, wei)
        if why is None:
            return False
        self._hold(call, signer, why)
        return True

    def _hold(self, call: Call, signer: Signer, why: str) -> None:
        """Say why a key does not sign now; a call that waits keeps its place, and so do those behind it."""
        self._limits.hear(call.role, why)
        if call.state is OutgoingState.WAITING:
            self.held.add(signer.address)
            with self._database.write() as session:
                store.hold(session, call, due_at=self._now + _HELD, error=why)
