"""The money of play: wallets, the contracts put on the chain once, ether for everybody and tokens for the people."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cli.local import anvil
from cli.local.plan import PEOPLE, Plan, write_private
from cli.wallets import Wallet, send
from contracts import codec
from contracts.chain import Chain, Deployment
from contracts.deployment import add_checkout, add_pledges, check, deploy, read_deployment, write_deployment
from contracts.signers import LIGHT_KDF_WORK, KeySigner, create_key
from kit.errors import Invalid
from kit.identifiers import Address

ERN: Final = 10**18
"""Base units of one token."""
SUPPLY: Final = 1_000_000 * ERN
"""All tokens of a world of play, in base units; the treasury has them at first."""
GIFT: Final = 1_000 * ERN
"""What each person gets of them."""
TREASURY: Final = "treasury"
GUARDIAN: Final = "guardian"
CAUSE: Final = "cause"
"""Whose address gifts go to."""

_PLENTY: Final = 100 * 10**18
_FEW: Final = 10 * 10**18


def open_wallets(plan: Plan) -> dict[str, KeySigner]:
    """Open the wallets of the people, treasury, guardian and cause, making what is missing; fresh keys of no worth."""
    return {name: _wallet(plan.wallet_file(name)) for name in (*plan.people, TREASURY, GUARDIAN, CAUSE)}


def _wallet(file: Path) -> KeySigner:
    if not file.exists():
        write_private(file, f"0x{secrets.token_hex(32)}\n")
    return KeySigner(bytes.fromhex(file.read_text(encoding="utf-8").strip().removeprefix("0x")))


def make_keys(keystore: Path, roles: tuple[str, ...], password: str) -> None:
    """Make the service's keys that are missing; light scrypt, for the money is of play."""
    for role in roles:
        if not (keystore / f"{role}.json").exists():
            create_key(keystore, role, password, kdf_work=LIGHT_KDF_WORK)


def ensure_contracts(chain: Chain, file: Path, wallets: Mapping[str, KeySigner], *, may_deploy: bool) -> Deployment:
    """Return where the contracts stand, putting them on the chain where they do not and ``may_deploy`` says so.

    Raises ``Invalid`` where other code, or none, stands where ``file`` says; ``ChainUnavailable``.
    """
    if file.is_file():
        found = read_deployment(file)
        try:
            check(chain, found)
        except Invalid as error:
            if error.code != "contract_missing" or not may_deploy:
                raise
        else:
            return _with_the_others(chain, file, found, wallets[TREASURY])
    treasury = wallets[TREASURY]
    deployment = deploy(chain, treasury, initial_holder=treasury.address, supply=SUPPLY)
    write_deployment(file, deployment)
    return _with_the_others(chain, file, deployment, treasury)


def _with_the_others(chain: Chain, file: Path, deployment: Deployment, treasury: KeySigner) -> Deployment:
    """Give a world what it lacks of the contracts that came later: for gifts, and for what is sold."""
    made = deployment
    if made.pledges is None:
        made = add_pledges(chain, treasury, made)
    if made.checkout is None:
        made = add_checkout(chain, treasury, made)
    if made != deployment:
        write_deployment(file, made)
    return made


def ensure_ether(chain: Chain, rpc_url: str, accounts: list[Address]) -> None:
    """Fill up the accounts that have little ether left."""
    for account in accounts:
        if chain.balance(account) < _FEW:
            anvil.give_ether(rpc_url, account, _PLENTY)


def ensure_tokens(
    chain: Chain, deployment: Deployment, wallets: Mapping[str, KeySigner], people: Sequence[str] = PEOPLE
) -> None:
    """Give the ``people`` their tokens, once: whoever has spent all of them in play gets none from us again."""
    treasury = Wallet(wallets[TREASURY])
    given = SUPPLY - tokens_of(chain, deployment, treasury.address)
    for place, name in enumerate(people):
        if given < (place + 1) * GIFT:
            send(chain, treasury, deployment.token, codec.encode_transfer(wallets[name].address, GIFT))


def tokens_of(chain: Chain, deployment: Deployment, account: Address) -> int:
    """Return an account's tokens, in base units."""
    return codec.decode_uint(chain.call(deployment.token, codec.encode_balance_of(account)))
