"""A stranger without ether: a door on a real node, the loop that reads it, and the HTTP door that takes signatures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.container import RELAYER, Container
from contracts import codec, typed_data
from contracts.chain import Deployment
from contracts.events import Terms
from contracts.signers import KeySigner
from kit.amounts import Amount
from kit.clock import from_unix
from kit.database import Database
from kit.identifiers import Hash32, UserId, parse_hash, parse_room_id, parse_server_name, show_address
from payments.carrying.model import Carried as Opening
from payments.stakes.model import Answer, Quote, Stake, terms_of
from reputation.model import Knock
from reputation.verdict import Hold, Verdict
from tests.support.anvil import ETHER, Anvil
from tests.support.looping import Served
from tests.support.services import ALICE, Door, a_container, http_door

BOB = UserId("@bob:far.example")
PRICE = 5 * ETHER
RELAY_FEE = ETHER // 10


class Carried(Served):
    """One door that asks 5 ERN, one stranger with tokens and no ether, and all of the service between them."""

    def __init__(self, container: Container, anvil: Anvil, deployment: Deployment, door: Door) -> None:
        """Stand on a node and a database."""
        super().__init__(container, anvil, deployment, door)
        self.wallet = self.pauper("bob")
        with container.work() as work:
            work.tenants.add(parse_server_name("example.org"))
            work.doors.ask(work.people.number(ALICE), stake=Amount(PRICE))
        self.rooms = 0

    def knock(self, inviter: UserId = BOB) -> tuple[Verdict, Quote | None]:
        """Invite Alice."""
        self.rooms += 1
        room = parse_room_id(f"!room{self.rooms}:example.org")
        with self.container.work() as work:
            tenant = work.tenants.all()[0]
            knock = Knock(tenant.id, tenant.server_name, inviter, ALICE, room, at=work.now, federated=True)
            answer = work.gate.ask(knock)
        return answer.verdict, answer.quote

    def held(self, inviter: UserId = BOB) -> Quote:
        """Invite Alice, be held; the quote."""
        verdict, quote = self.knock(inviter)
        assert isinstance(verdict, Hold)
        assert quote is not None
        return quote

    def terms(self, quote: Quote, wallet: KeySigner | None = None) -> Terms:
        """The terms for a wallet (Bob's by default)."""
        return terms_of(quote, payer=(wallet or self.wallet).address)

    def stake_id(self, terms: Terms) -> Hash32:
        """The id of a stake on these terms."""
        return codec.stake_id(terms, chain_id=self.deployment.chain_id, escrow=self.deployment.escrow)

    def sign(self, terms: Terms, wallet: KeySigner | None = None) -> bytes:
        """What a wallet signs, once."""
        place = self.deployment
        document = typed_data.authorization_to_open(
            terms, chain_id=place.chain_id, token=place.token, escrow=place.escrow
        )
        return (wallet or self.wallet).sign_digest(document.digest)

    def body(self, quote: Quote, wallet: KeySigner | None = None) -> dict[str, Any]:
        """What is sent in for a quote."""
        signer = wallet or self.wallet
        signature = self.sign(self.terms(quote, signer), signer)
        return {"payer": show_address(signer.address), "signature": "0x" + signature.hex()}

    def open(self, quote: Quote, wallet: KeySigner | None = None, **changes: Any) -> Any:  # noqa: ANN401 - a response
        """Sign, and send it in."""
        return self.door.post(f"/v1/quotes/{quote.id}/open", json={**self.body(quote, wallet), **changes})

    def gasless(self, quote: Quote) -> dict[str, Any]:
        """What a quote says of it."""
        found: dict[str, Any] = self.door.get(f"/v1/quotes/{quote.id}").json()["gasless"]
        return found

    def settle(self, rounds: int = 6) -> None:
        """Let everything become final, and everything that is due be sent."""
        self.rounds(rounds)

    def answer(self, answer: Answer) -> None:
        """Alice says what she says of Bob."""
        with self.container.work() as work:
            work.gate.answer(work.people.number(ALICE), BOB, answer)

    def stake(self, terms: Terms) -> Stake:
        """The stake as we know it."""
        with self.container.read() as work:
            return work.stakes.get(self.stake_id(terms))

    def opening(self, terms: Terms) -> Opening:
        """The opening that is carried."""
        with self.container.read() as work:
            found = work.relaying.find(self.stake_id(terms))
        assert found is not None
        return found

    def on_chain(self, terms: Terms) -> codec.State:
        """The stake as the chain has it."""
        data = codec.encode_stakes(self.stake_id(terms))
        return codec.decode_stake(self.anvil.chain.call(self.deployment.escrow, data))[0]

    def tokens(self, wallet: KeySigner | None = None) -> int:
        """What a wallet holds."""
        return self.anvil.tokens_of(self.deployment, (wallet or self.wallet).address)

    def ether(self, role: str = RELAYER) -> int:
        """What a key of ours has for gas."""
        return self.anvil.chain.balance(self.container.signers[role].address)

    def spent(self) -> int:
        """What the day's budget was used for, in gwei."""
        with self.container.read() as work:
            return work.carrying.spent()


def code_of(answer: Any) -> tuple[int, str]:  # noqa: ANN401 - a response
    """Status and code of a problem."""
    return answer.status_code, answer.json()["type"].removeprefix("urn:earnest:problem:")


def stake_in(answer: Any) -> Hash32:  # noqa: ANN401 - a response
    """The stake that a good answer tells of."""
    assert answer.status_code == 202, answer.text
    return parse_hash(answer.json()["stake_id"])


@pytest.fixture
def carried(tmp_path: Path, database: Database, fresh_anvil: Anvil, fresh_deployment: Deployment) -> Iterator[Carried]:
    """All of it, on a node of this test's own and both databases."""
    container = a_container(
        tmp_path,
        database,
        deployment=fresh_deployment,
        rpc_url=fresh_anvil.url,
        clock=lambda: from_unix(fresh_anvil.now()),
    )
    with http_door(container) as door:
        yield Carried(container, fresh_anvil, fresh_deployment, door)
    container.keyring.close()
    container.chain.close()
