"""Contract wallets for tests, on a real node: one that a key owns, the factory that deploys it, and a hostile one."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_defunct

from contracts import codec
from contracts.deployment import _create, _created_by
from contracts.wallets import UNDEPLOYED
from contracts.words import word_of_address
from kit.identifiers import Address
from tests.support.anvil import Anvil

_ARTIFACTS = Path(__file__).resolve().parents[1] / "contracts" / "artifacts"


def code_of(name: str) -> bytes:
    """The creation code of a contract of the tests."""
    document = json.loads((_ARTIFACTS / f"{name}.json").read_text(encoding="utf-8"))
    return bytes.fromhex(document["bytecode"][2:])


def put(anvil: Anvil, name: str, arguments: bytes = b"") -> Address:
    """Deploy a contract of the tests."""
    signer = anvil.signer("deployer of wallets")
    nonce = anvil.chain.nonce(signer.address)
    _create(anvil.chain, signer, nonce, code_of(name) + arguments, float("inf"))
    return _created_by(signer.address, nonce)


def owned(anvil: Anvil, owner: Address) -> Address:
    """A wallet that the key of ``owner`` owns, deployed."""
    return put(anvil, "OwnedWallet", word_of_address(owner))


@dataclass(frozen=True)
class Planned:
    """A wallet that its factory could deploy, and has not."""

    factory: Address
    owner: Address
    salt: bytes
    address: Address

    @property
    def deployment(self) -> bytes:
        """What to call the factory with."""
        selector = codec.selector_of("deploy(address,bytes32)")
        return selector + encode(["address", "bytes32"], [bytes(self.owner), self.salt])

    def wrap(self, signature: bytes, *, factory: Address | None = None, deployment: bytes | None = None) -> bytes:
        """A signature as ERC-6492 has it, of this wallet unless told otherwise."""
        parts = [bytes(factory or self.factory), self.deployment if deployment is None else deployment, signature]
        return encode(["address", "bytes", "bytes"], parts) + UNDEPLOYED

    def deploy(self, anvil: Anvil) -> None:
        """Deploy it."""
        assert anvil.send(anvil.signer("deployer of wallets"), self.factory, self.deployment).succeeded


def planned(anvil: Anvil, factory: Address, owner: Address) -> Planned:
    """A wallet for ``owner`` that nobody deployed yet."""
    salt = secrets.token_bytes(32)
    question = codec.selector_of("addressOf(address,bytes32)") + encode(["address", "bytes32"], [bytes(owner), salt])
    return Planned(factory, owner, salt, codec.decode_address(anvil.chain.call(factory, question)))


def signed(text: str, secret: bytes) -> bytes:
    """A key's signature under a text (EIP-191)."""
    return bytes(Account.sign_message(encode_defunct(text=text), secret).signature)
