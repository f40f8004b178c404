"""Whoever settles a payment dies after every commit, and before and after every transaction sent: it is made once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import buying, facilitating
from app.chain_loop import ChainLoop
from contracts.rpc import BoundedProvider
from kit.database import Database
from tests.support.counter import TEXT, Counter
from tests.support.till import PRICE, Till

_MOST = 100


class Death(BaseException):
    """The process is gone."""


@contextmanager
def dying(at: int) -> Iterator[None]:
    """Die at the point of that number, from 0 on."""
    write, ask = Database.write, BoundedProvider.make_request
    passed = 0

    def point() -> None:
        nonlocal passed
        passed += 1
        if passed > at:
            raise Death

    @contextmanager
    def dying_write(self: Database) -> Iterator[Session]:
        with write(self) as session:
            yield session
        point()

    def dying_ask(self: BoundedProvider, method: Any, params: Any) -> Any:  # noqa: ANN401 - web3's own
        if method != "eth_sendRawTransaction":
            return ask(self, method, params)
        point()
        answer = ask(self, method, params)
        point()
        return answer

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Database, "write", dying_write)
        patched.setattr(BoundedProvider, "make_request", dying_ask)
        yield


def test_a_payment_is_made_once_wherever_its_carrier_dies(till: Till) -> None:
    for at in range(_MOST):
        body = till.body()
        payment, demand = facilitating.read(body["paymentPayload"], body["paymentRequirements"])
        died = True
        try:
            with dying(at):
                facilitating.begin(till.container, payment, demand)
                till.round()
                till.rounds(2)
                died = False
        except Death:
            till.loop = ChainLoop(till.container)
        till.settle(body)
        till.rounds(3)
        assert till.settle(body)["success"], at
        assert (till.sold(), till.sent()) == ((at + 1) * PRICE, at + 1)
        if not died:
            assert at > 5
            break
    else:
        raise AssertionError("there are more points than were died at")


def test_what_is_paid_is_handed_over_wherever_the_seller_dies(till: Till, counter: Counter) -> None:
    listing = counter.put_up()
    for at in range(_MOST):
        paid, died = counter.paid(listing), True
        sent = buying.read(paid)
        try:
            with dying(at):
                buying.begin(till.container, listing.id, sent)
                till.round()
                purchase = buying.begin(till.container, listing.id, sent)
                assert purchase is not None
                buying.hand_over(till.container, purchase)
                died = False
        except Death:
            till.loop = ChainLoop(till.container)
        counter.get(listing, paid)
        till.rounds(3)
        assert counter.get(listing, paid).content == TEXT, at
        assert (till.sold(), till.sent(), len(counter.sales())) == ((at + 1) * PRICE, at + 1, at + 1)
        if not died:
            assert at > 5
            break
    else:
        raise AssertionError("there are more points than were died at")
