"""Outgoing: calls that we owe the chain, queued in the business transaction and sent so that each is done once.

What makes it once: a call's nonce, and the very bytes that were signed, are committed before they are broadcast; while
that nonce is not used up in a final block, nothing else is ever signed for the call but the same with a higher fee. So
a crash at any line, a reorg, or two senders at work together only mean that the same nonce is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from contracts.chain import Chain, Fees, Receipt
from contracts.events import BlockRef
from contracts.signer import Signer
from kit.database import Database
from kit.errors import ChainUnavailable, Refusal
from kit.identifiers import Address, Hash32
from ledger.calls import WITHOUT_END, Attempt, Bounds, Call, Outcome, OutgoingState, Pen, pause, too_dear
from ledger.limits import WITHOUT_LIMITS, Day, Held, Limits
from ledger.model import Level
from ledger.quiet import is_quiet
from ledger.sightings import Sighting, sightings
from ledger.signing import Signing
from ledger.store import books, spending
from ledger.store import outgoing as store

_A_ROUND = 50
_AT_ONE_NODE = 20
"""Calls whose fate is asked for together: where the node fails in between, these are asked for again."""
_LOOK_SENT = timedelta(seconds=1)
_LOOK_MINED = timedelta(seconds=5)
_BROADCAST_AGAIN = timedelta(seconds=15)
_STUCK = timedelta(seconds=60)
_FILLER = "filler:"
_MOST_FILLERS = 16
_MOST_FAILURES = 3
_DEAREST = 4
"""A fee is never raised beyond so many times what the node asks for: then it is not the fee that is stuck."""


class Outgoing:
    """The queue, in one transaction."""

    def __init__(self, session: Session, now: datetime, chain_id: int) -> None:
        """Queue for chain ``chain_id``, at ``now``."""
        self._session = session
        self._now = now
        self._chain_id = chain_id

    def queue(
        self,
        *,
        key: str,
        role: str,
        to: Address,
        data: bytes,
        after_block: Hash32 | None = None,
        signer: Address | None = None,
        bounds: Bounds = WITHOUT_END,
    ) -> bool:
        """Owe the chain one call, signed by the key of ``role``; ``False`` where ``key`` is taken (nothing is added).

        ``signer``: the one key of that role that can do it; by default whichever is the current one by then.

        ``after_block``: it is sent only once that block, which must be booked, is final; should it leave the chain, the
        call counts as withdrawn. A withdrawn call, and one that was given up before anything of it was mined, is queued
        anew by its key, as it is asked for now.
        """
        call = Call(
            id=0,
            key=key,
            role=role,
            to=to,
            data=data,
            after_block=after_block,
            state=OutgoingState.WAITING,
            tries=0,
            reverts=0,
            last_error=None,
            sender=None,
            nonce=None,
            signer=signer,
            bounds=bounds,
        )
        return store.add(self._session, call, chain_id=self._chain_id, now=self._now) or store.reopen(
            self._session, call, chain_id=self._chain_id, now=self._now
        )

    def state(self, key: str) -> OutgoingState | None:
        """Return where a call stands; ``None`` where there is none of this key."""
        found = store.find(self._session, key, chain_id=self._chain_id)
        return found.state if found else None

    def find(self, key: str) -> Call | None:
        """Return a call by its key, with why it last failed."""
        return store.find(self._session, key, chain_id=self._chain_id)

    def attempts(self, key: str) -> list[Attempt]:
        """Return the transactions that were signed for a call, newest first; none where there is none of this key."""
        found = self.find(key)
        return [] if found is None else store.attempts(self._session, found)

    def quiet_until(self) -> int | None:
        """Return the block before whose finality nothing new is signed, 0 while it is not known; ``None``: none."""
        return store.quiet_until(self._session, self._chain_id)

    def day(self, sender: Address) -> Day:
        """Return what a key sent in the last 24 hours."""
        return spending.day(self._session, chain_id=self._chain_id, sender=sender, now=self._now)

    def held(self, role: str) -> Held | None:
        """Return what of a role waits for nothing but its key: for its daily limit, or for whoever holds it."""
        return spending.held(self._session, chain_id=self._chain_id, role=role, now=self._now)

    def bound(self, role: str, key: Address) -> tuple[int, int]:
        """Count the calls that hold a nonce of a key, and those that wait to be signed by it and no other."""
        return spending.bound(self._session, chain_id=self._chain_id, role=role, key=key)

    def withdraw(self, key: str) -> bool:
        """Take a call back while nothing is signed for it; ``False`` where it is too late, or there is none."""
        return store.withdraw(self._session, key, chain_id=self._chain_id)


def newest(database: Database) -> int:
    """Return a number that grows with each call that is owed anew, on whatever chain; cheap enough to ask often."""
    with database.read() as session:
        return store.newest(session)


def send_due(
    database: Database,
    chain: Chain,
    signers: Mapping[str, Signer],
    now: datetime,
    limits: Limits = WITHOUT_LIMITS,
    *,
    older: Sequence[Pen] = (),
) -> int:
    """Look after every call that is due: settle, send again, raise fees, send what waits; return how many were new.

    ``signers`` by role; ``older``: keys that finish what they began, and sign what names them. No key's calls wait
    behind another's. Nothing is signed beyond a key's daily limit: the first call that would go beyond it waits, and
    what its key owes after it waits behind it. Safe to run at any time, and twice at once (but two at once may each
    take a limit's last room). After a restore nothing new is signed for a while (``ledger/quiet.py``). Raises
    ``ChainUnavailable`` where the node does not answer; everything up to there is kept.
    """
    pens = [*(Pen(role, signer) for role, signer in signers.items()), *older]
    sender = _Sender(database, chain, pens, now, limits)
    sender.look_after_live()
    if is_quiet(database, chain, [pen.signer.address for pen in pens]):
        return 0
    sent = sender.send_waiting()
    sender.fill_gaps()
    return sent


class _Sender:
    """One round. No transaction is open while the node is asked."""

    def __init__(self, database: Database, chain: Chain, pens: Sequence[Pen], now: datetime, limits: Limits) -> None:
        self._database = database
        self._chain = chain
        self._chain_id = chain.chain_id
        self._pens = pens
        self._by_address = {pen.signer.address: pen.signer for pen in pens}
        self._now = now
        self._signing = Signing(database, chain.chain_id, now, limits)
        self._fees: Fees | None = None
        self._failures = 0
        self._pushed: set[Address | None] = set()

    # ------------------------------------------------------------------------------------- what holds a nonce

    def look_after_live(self) -> None:
        """Look at every call that holds a nonce: mined, final, gone again, or still to be mined."""
        with self._database.read() as session:
            calls = store.live(session, chain_id=self._chain_id, due_by=self._now)
            signed = {call.id: store.attempts(session, call) for call in calls}
        if not calls:
            return
        for start in range(0, len(calls), _AT_ONE_NODE):
            some = calls[start : start + _AT_ONE_NODE]
            for call, seen in zip(some, self._chain.at_one(partial(sightings, calls=some, signed=signed)), strict=True):
                self._look(call, signed[call.id], seen)

    def _look(self, call: Call, attempts: list[Attempt], seen: Sighting) -> None:
        if seen.mined is None:
            if seen.lost:
                self._free(call, "another transaction of this key used its nonce")
            else:
                self._push(call, attempts)
            return
        attempt, receipt = seen.mined
        if seen.final is None or not self._may_be_final(seen.final):
            self._note(call, OutgoingState.MINED, None, after=_LOOK_MINED)
        elif receipt.succeeded:
            with self._database.write() as session:
                store.finish(session, call, Outcome(_cost(attempt, receipt), receipt.block_number))
        else:
            outcome = Outcome(_cost(attempt, receipt), receipt.block_number, seen.final.timestamp)
            self._free(call, "it reverted when it was mined", reverted=outcome)

    def _may_be_final(self, block: BlockRef) -> bool:
        """Tell whether our books hold a block that a node calls final as such, too, where they have come so far."""
        with self._database.read() as session:
            ours = books.standing_at(session, self._chain_id, block.number)
            booked = books.block(session, self._chain_id, block.hash)
        return ours is None or (booked is not None and booked[1] is Level.FINALIZED)

    def _push(self, call: Call, attempts: list[Attempt]) -> None:
        """Bring a call that is in no block nearer to one: broadcast it again, with a higher fee where it is stuck."""
        self._pushed.add(call.sender)
        newest = attempts[0]
        fresh = newest.broadcast_at is not None and newest.broadcast_at > self._now - _BROADCAST_AGAIN
        if call.state is OutgoingState.SENT and fresh:
            self._note(call, OutgoingState.SENT, call.last_error, after=_LOOK_SENT)
            return
        if newest.made_at <= self._now - _STUCK:
            newest = self._raise_fee(call, newest) or newest
        self._broadcast(call, newest)

    def _raise_fee(self, call: Call, attempt: Attempt) -> Attempt | None:
        """Sign the same call with the same nonce and a higher fee (an eighth at least); ``None`` where it is no use."""
        signer = self._by_address.get(call.sender) if call.sender else None
        now_asked = self._now_asked()
        if signer is None or call.nonce is None or attempt.max_fee >= _DEAREST * now_asked.max_fee:
            return None
        fees = Fees(
            max_fee=max(now_asked.max_fee, attempt.max_fee * 9 // 8 + 1),
            priority_fee=max(now_asked.priority_fee, attempt.priority_fee * 9 // 8 + 1),
        )
        if too_dear(call, attempt.gas, fees):
            return None
        return self._signing.sign(call, signer, call.nonce, attempt.gas, fees, assign=False)

    # ------------------------------------------------------------------------------------------- what waits

    def send_waiting(self) -> int:
        """Sign and send what waits and may go, one key after the other; return how many."""
        return sum(self._send_of(pen) for pen in self._pens)

    def _send_of(self, pen: Pen) -> int:
        """Send a key's calls in their order, up to the first that it may not sign now, or does not."""
        if self._signing.holds(pen):
            return 0
        with self._database.read() as session:
            calls = store.due(session, chain_id=self._chain_id, pen=pen, now=self._now, limit=_A_ROUND)
        sent = 0
        for call in calls:
            sent += self._send(call, pen.signer)
            if pen.signer.address in self._signing.held:
                break
        return sent

    def _send(self, call: Call, signer: Signer) -> bool:
        if call.bounds.not_after is not None and self._now >= call.bounds.not_after:
            self._give_up(call, "too_late: its time was over before it was sent")
            return False
        try:
            # A call that would revert, or that its key cannot pay for, is not signed at all.
            gas = self._chain.estimate_gas(call.to, call.data, signer.address) * 6 // 5
        except Refusal as error:
            hopeless = error.code == "reverted" and not call.bounds.patient
            (self._give_up if hopeless else self._put_off)(call, f"{error.code}: {error.message}")
            return False
        except ChainUnavailable as error:
            self._tolerate(error)
            self._put_off(call, str(error))
            return False
        fees = self._now_asked()
        lacking = self._lacking(call, signer, gas, fees)
        if lacking is not None:
            self._put_off(call, lacking)
            return False
        nonce = self._free_nonce(signer.address)
        attempt = self._signing.sign(call, signer, nonce, gas, fees, assign=True)
        if attempt is None:
            return False
        self._broadcast(replace(call, state=OutgoingState.SENT, sender=signer.address, nonce=nonce), attempt)
        return True

    def _lacking(self, call: Call, signer: Signer, gas: int, fees: Fees) -> str | None:
        """Say why the gas for a call cannot be paid now."""
        if too_dear(call, gas, fees):
            return "too_dear: gas costs more than may be spent on it"
        if self._chain.balance(signer.address) < gas * fees.max_fee:
            return "insufficient_funds: the key has too little ether for the gas"
        return None

    def _free_nonce(self, sender: Address) -> int:
        """Return the lowest nonce from the node's next one on that none of our calls holds."""
        nonce = self._chain.nonce(sender)
        taken = self._taken(sender)
        while nonce in taken:
            nonce += 1
        return nonce

    def _taken(self, sender: Address) -> set[int]:
        with self._database.read() as session:
            calls = store.live(session, chain_id=self._chain_id)
        return {call.nonce for call in calls if call.sender == sender and call.nonce is not None}

    def fill_gaps(self) -> None:
        """Use up nonces that keep ours from being mined: the node counted on transactions that never came.

        A call is not moved to a lower nonce, for its old transaction would stay good; so an empty one goes there.
        """
        for role, signer in ((pen.role, pen.signer) for pen in self._pens):
            taken = self._taken(signer.address)
            if signer.address not in self._pushed or not taken:
                continue
            expected = self._chain.nonce(signer.address)
            missing = [nonce for nonce in range(expected, max(taken)) if nonce not in taken]
            for nonce in missing[:_MOST_FILLERS]:
                self._fill(role, signer, nonce)

    def _fill(self, role: str, signer: Signer, nonce: int) -> None:
        key = f"{_FILLER}{signer.address.hex()}:{nonce}"
        with self._database.write() as session:
            queue = Outgoing(session, self._now, self._chain_id)
            queue.queue(key=key, role=role, to=signer.address, data=b"", signer=signer.address)
            call = queue.find(key)
        if call is None or call.state is not OutgoingState.WAITING:
            return
        gas = self._chain.estimate_gas(call.to, call.data, signer.address) * 6 // 5
        attempt = self._signing.sign(call, signer, nonce, gas, self._now_asked(), assign=True)
        if attempt is not None:
            self._broadcast(replace(call, state=OutgoingState.SENT, sender=signer.address, nonce=nonce), attempt)

    # ------------------------------------------------------------------------------------------------ steps

    def _broadcast(self, call: Call, attempt: Attempt) -> None:
        error: str | None = None
        try:
            self._chain.send(attempt.raw)
        except Refusal as refusal:
            error = f"{refusal.code}: {refusal.message}"
        except ChainUnavailable as failure:
            self._tolerate(failure)
            error = str(failure)
        with self._database.write() as session:
            if error is None:
                store.mark_broadcast(session, attempt.hash, chain_id=self._chain_id, now=self._now)
            due_at = self._now + _LOOK_SENT
            store.note(session, call, due_at=due_at, state=OutgoingState.SENT, error=error)

    def _note(self, call: Call, state: OutgoingState, error: str | None, *, after: timedelta) -> None:
        with self._database.write() as session:
            store.note(session, call, due_at=self._now + after, state=state, error=error)

    def _put_off(self, call: Call, error: str) -> None:
        with self._database.write() as session:
            store.put_off(session, call, due_at=self._now + pause(call), error=error)

    def _give_up(self, call: Call, error: str) -> None:
        with self._database.write() as session:
            store.give_up(session, call, error=error)

    def _free(self, call: Call, error: str, *, reverted: Outcome | None = None) -> None:
        state = OutgoingState.WAITING
        if call.key.startswith(_FILLER):
            state = OutgoingState.WITHDRAWN  # the gap is filled, by whatever it was
        elif reverted and call.reverts + 1 >= call.bounds.most_reverts:
            state = OutgoingState.GIVEN_UP
        with self._database.write() as session:
            store.free(
                session,
                call,
                due_at=self._now + pause(call),
                error=error,
                state=state,
                reverted=reverted,
            )

    def _now_asked(self) -> Fees:
        if self._fees is None:
            self._fees = self._chain.fees()
        return self._fees

    def _tolerate(self, error: ChainUnavailable) -> None:
        """Let one call that the node chokes on not hold up the others; a node that is away ends the round."""
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            raise error


def _cost(attempt: Attempt, receipt: Receipt) -> int:
    """Return what a mined transaction cost, in wei; where the node does not tell its price, the most it can have."""
    return receipt.gas_used * (attempt.max_fee if receipt.gas_price is None else receipt.gas_price)
