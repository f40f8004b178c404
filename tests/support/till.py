"""A facilitator on a real node and a database, and buyers without ether who sign payments to a seller."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from api.waiting import Waiters
from app.container import RELAYER, Container
from contracts import codec, typed_data
from contracts.authorizations import Authorization
from contracts.chain import Deployment
from contracts.signers import KeySigner
from contracts.typed_data import domain_separator
from kit.clock import from_unix
from kit.database import Database
from kit.identifiers import Address, Hash32, show_address, show_hash
from tests.support.anvil import ETHER, Anvil
from tests.support.looping import Served
from tests.support.services import Door, a_container, http_door

SELLER = Address(b"\x5e" * 20)
PRICE = 2 * ETHER


def cancellation(wallet: KeySigner, nonce: Hash32, *, chain_id: int, token: Address) -> bytes:
    """What a wallet sends to take a signature back that it gave."""
    kind = keccak(text="CancelAuthorization(address authorizer,bytes32 nonce)")
    struct = keccak(kind + wallet.address.rjust(32, b"\0") + nonce)
    signed = wallet.sign_digest(Hash32(keccak(b"\x19\x01" + domain_separator(chain_id=chain_id, token=token) + struct)))
    selector = codec.selector_of("cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)")
    return selector + wallet.address.rjust(32, b"\0") + nonce + bytes(31) + signed[64:] + signed[:64]


class Till(Served):
    """All of the service that settles payments; a buyer with tokens and no ether."""

    def __init__(self, container: Container, anvil: Anvil, deployment: Deployment, door: Door) -> None:
        """Stand on a node and a database."""
        super().__init__(container, anvil, deployment, door)
        self.buyer = self.pauper("buyer")
        self.round()

    def demand(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """What the seller asks."""
        return {
            "scheme": "exact",
            "network": f"eip155:{self.deployment.chain_id}",
            "asset": show_address(self.deployment.token),
            "amount": str(PRICE),
            "payTo": show_address(SELLER),
            "maxTimeoutSeconds": 300,
            "extra": {"name": "Earnest", "version": "1"},
            **changes,
        }

    def signed(self, **changes: Any) -> Authorization:  # noqa: ANN401 - any field
        """A transfer of the price to the seller, good for five minutes."""
        fields: dict[str, Any] = {
            "payer": self.buyer.address,
            "recipient": SELLER,
            "amount": PRICE,
            "valid_after": 0,
            "valid_before": self.anvil.now() + 300,
            "nonce": Hash32(secrets.token_bytes(32)),
        }
        return Authorization(**fields | changes)

    def signature(self, signed: Authorization, wallet: KeySigner | None = None, token: Address | None = None) -> bytes:
        """What a wallet signs (the buyer's by default)."""
        place = self.deployment
        document = typed_data.transfer_with_authorization(signed, chain_id=place.chain_id, token=token or place.token)
        return (wallet or self.buyer).sign_digest(document.digest)

    def body(
        self,
        signed: Authorization | None = None,
        demand: dict[str, Any] | None = None,
        **signing: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """What a seller sends in."""
        transfer, asked = signed or self.signed(), demand or self.demand()
        return {
            "x402Version": 2,
            "paymentPayload": {
                "x402Version": 2,
                "resource": {"url": "https://shop.example/story"},
                "accepted": copy.deepcopy(asked),
                "payload": {
                    "signature": "0x" + self.signature(transfer, **signing).hex(),
                    "authorization": {
                        "from": show_address(transfer.payer),
                        "to": show_address(transfer.recipient),
                        "value": str(transfer.amount),
                        "validAfter": str(transfer.valid_after),
                        "validBefore": str(transfer.valid_before),
                        "nonce": show_hash(transfer.nonce),
                    },
                },
            },
            "paymentRequirements": asked,
        }

    def verify(self, body: dict[str, Any]) -> dict[str, Any]:
        """Send it in to be looked at."""
        return self._told("/v1/x402/verify", body)

    def settle(self, body: dict[str, Any]) -> dict[str, Any]:
        """Send it in to be settled."""
        return self._told("/v1/x402/settle", body)

    def _told(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.door.post(path, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    @property
    def waiters(self) -> Waiters:
        """Who waits at the door."""
        found: Waiters = self.door.app.framework.state.waiters
        return found

    def sold(self) -> int:
        """What the seller holds."""
        return self.anvil.tokens_of(self.deployment, SELLER)

    def sent(self) -> int:
        """How many transactions the relayer's key has sent."""
        return self.anvil.chain.nonce(self.container.signers[RELAYER].address, "latest")


@pytest.fixture
def till(tmp_path: Path, database: Database, fresh_anvil: Anvil, fresh_deployment: Deployment) -> Iterator[Till]:
    """All of it, on a node of this test's own and both databases; a settlement is answered at once."""
    container = a_container(
        tmp_path,
        database,
        deployment=fresh_deployment,
        rpc_url=fresh_anvil.url,
        clock=lambda: from_unix(fresh_anvil.now()),
        facilitator_for="anybody",
        facilitator_budget="0.05",
        facilitator_wait_seconds=0,
    )
    with http_door(container) as door:
        yield Till(container, fresh_anvil, fresh_deployment, door)
    container.keyring.close()
    container.chain.close()
