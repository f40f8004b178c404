"""Deployment: puts our contracts on a chain, writes down where they stand, and checks that it is they who do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import rlp
from eth_utils.crypto import keccak

from contracts import codec, rewards, typed_data
from contracts.chain import Chain, Deployment, Receipt
from contracts.signer import Signer, Transaction
from contracts.words import WORD, word, word_of_address
from kit.errors import ChainUnavailable, Conflict, Invalid, NotFound
from kit.identifiers import Address, parse_address, show_address

ARTIFACTS: Final = Path(__file__).resolve().parent / "artifacts"
"""What the Solidity sources compile to, one JSON file a contract."""
DEPLOYMENTS: Final = Path(__file__).resolve().parent / "deployments"
"""Where our own deployments are written down: ``<chain id>.json``."""

_FIELDS: Final = frozenset({"chain_id", "token", "escrow", "deployed_block"})
_LATER: Final = ("pledges", "checkout", "distributor")
"""Contracts that came later: each may be missing, and has beside its address the block it stands since."""
_OF_LATER: Final = frozenset(field for name in _LATER for field in (name, f"{name}_block"))
_MOST_BYTES: Final = 10_000
_MOST_NUMBER: Final = 2**63 - 1
_LOOK_EVERY_SECONDS: Final = 0.1
_GAS_MARGIN_PERCENT: Final = 110
_PUSH1: Final = 0x60
_PUSH32: Final = 0x7F


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract: what is sent to create it, and the code that then stands, with holes for immutables."""

    name: str
    creation: bytes
    code: bytes


def artifact(name: str) -> Artifact:
    """Read a committed artifact by its contract's name, such as ``Token`` or ``ContactEscrow``."""
    document = json.loads((ARTIFACTS / f"{name}.json").read_bytes())
    creation, code = (bytes.fromhex(document[key].removeprefix("0x")) for key in ("bytecode", "deployedBytecode"))
    return Artifact(name, creation, code)


def deploy(
    chain: Chain, signer: Signer, *, initial_holder: Address, supply: int, patience: float = 300.0
) -> Deployment:
    """Create the token (``supply`` base units, all to ``initial_holder``), its escrow and its pledges; wait for them.

    Costs ``signer`` about 3.5 million gas. Raises ``ChainUnavailable`` where the node does not answer or nothing is
    mined within ``patience`` seconds, ``Conflict`` where a creation fails. Run again, it makes others.
    """
    nonce = chain.nonce(signer.address)
    token, escrow = _created_by(signer.address, nonce), _created_by(signer.address, nonce + 1)
    until = time.monotonic() + patience
    arguments = word_of_address(initial_holder) + word(supply)
    mined = _create(chain, signer, nonce, artifact("Token").creation + arguments, until)
    # One after the other: a token that failed must not leave an escrow bound to nothing.
    _create(chain, signer, nonce + 1, artifact("ContactEscrow").creation + word_of_address(token), until)
    found = Deployment(chain.chain_id, token, escrow, mined.block_number)
    return add_pledges(chain, signer, found, patience=patience)


def add_pledges(chain: Chain, signer: Signer, deployment: Deployment, *, patience: float = 300.0) -> Deployment:
    """Create the contract that carries gifts for a token that stands already; return the deployment with it.

    Costs ``signer`` about 0.9 million gas. Raises as ``deploy`` does, and ``Conflict`` where there is one.
    """
    if deployment.pledges is not None:
        raise Conflict("deployed_already", f"Gifts have a contract: {show_address(deployment.pledges)}.")
    address, block = _create_later(chain, signer, "Pledges", deployment.token, patience)
    found = replace(deployment, pledges=address, pledges_block=block)
    check(chain, found)
    return found


def add_distributor(
    chain: Chain, signer: Signer, deployment: Deployment, roles: rewards.Roles, *, patience: float = 300.0
) -> Deployment:
    """Create a contract that pays those who run the network, bound to these roles; return the deployment with it.

    Costs ``signer`` about 1 million gas. Raises as ``deploy`` does, and ``Conflict`` where there is one. The treasury
    gives its allowance by itself.
    """
    if deployment.distributor is not None:
        raise Conflict("deployed_already", f"Rewards have a contract: {show_address(deployment.distributor)}.")
    nonce = chain.nonce(signer.address)
    data = artifact("RewardDistributor").creation + rewards.encode_roles(roles)
    mined = _create(chain, signer, nonce, data, time.monotonic() + patience)
    address = _created_by(signer.address, nonce)
    check_rewards(chain, address, roles)
    found = replace(deployment, distributor=address, distributor_block=mined.block_number)
    check(chain, found)
    return found


def check_rewards(chain: Chain, address: Address, roles: rewards.Roles) -> None:
    """Make sure that this release's ``RewardDistributor`` stands there, with these roles. Raises as ``check`` does."""
    expected = rewards.reading_roles(roles)
    _check_code(chain, "RewardDistributor", address, set(expected.values()))
    if any(chain.call(address, call) != answer for call, answer in expected.items()):
        raise _other_code("RewardDistributor", address)


def _check_distributor(chain: Chain, address: Address, token: Address) -> None:
    """Make sure that this release's code stands there for this token, whatever roles it was bound to."""
    try:
        roles = rewards.roles_in([chain.call(address, call) for call in rewards.READING])
    except (Conflict, Invalid):  # whatever it is, or nothing at all
        _check_code(chain, "RewardDistributor", address, set())
        raise
    if roles.token != token:
        raise _other_code("RewardDistributor", address)
    check_rewards(chain, address, roles)


def add_checkout(chain: Chain, signer: Signer, deployment: Deployment, *, patience: float = 300.0) -> Deployment:
    """Create the contract that pays for what is sold, beside a token that stands already; return it all.

    Costs ``signer`` about 1.7 million gas. Raises as ``deploy`` does, and ``Conflict`` where there is one.
    """
    if deployment.checkout is not None:
        raise Conflict("deployed_already", f"Sales have a contract: {show_address(deployment.checkout)}.")
    address, block = _create_later(chain, signer, "Checkout", deployment.token, patience)
    found = replace(deployment, checkout=address, checkout_block=block)
    check(chain, found)
    return found


def _create_later(chain: Chain, signer: Signer, name: str, token: Address, patience: float) -> tuple[Address, int]:
    """Create a contract that is bound to the token; return where it stands, and since which block."""
    nonce = chain.nonce(signer.address)
    data = artifact(name).creation + word_of_address(token)
    mined = _create(chain, signer, nonce, data, time.monotonic() + patience)
    return _created_by(signer.address, nonce), mined.block_number


def _created_by(creator: Address, nonce: int) -> Address:
    """Return where a contract comes to stand: by whom it is made, and with which nonce."""
    return Address(keccak(rlp.encode([bytes(creator), nonce]))[12:])


def _create(chain: Chain, signer: Signer, nonce: int, data: bytes, until: float) -> Receipt:
    gas = chain.estimate_gas(None, data, signer.address) * _GAS_MARGIN_PERCENT // 100
    fees = chain.fees()
    transaction = Transaction(chain.chain_id, nonce, None, data, gas, fees.max_fee, fees.priority_fee)
    sent = chain.send(signer.sign_transaction(transaction).raw)
    while (receipt := chain.receipt(sent)) is None:
        if time.monotonic() > until:
            raise ChainUnavailable(f"The creation 0x{sent.hex()} was not mined in time; it may still be.")
        time.sleep(_LOOK_EVERY_SECONDS)
    if not receipt.succeeded:
        raise Conflict("creation_failed", f"The creation 0x{sent.hex()} failed on the chain.")
    return receipt


def check(chain: Chain, deployment: Deployment) -> None:
    """Make sure that our very code stands at its addresses, made for this chain and for each other.

    Raises ``Invalid`` with a sentence for the operator, or ``ChainUnavailable``. What the compiler leaves open (the
    constructor's immutables) must be filled with what our constructors fill in, and with nothing else.
    """
    if chain.chain_id != deployment.chain_id:
        raise Invalid(
            "deployment_of_other_chain",
            f"The deployment is of chain {deployment.chain_id}, but the node serves chain {chain.chain_id}.",
        )
    separator = typed_data.domain_separator(chain_id=deployment.chain_id, token=deployment.token)
    name, version = typed_data.NAME.encode(), typed_data.VERSION.encode()
    of_token = {
        separator,
        word(deployment.chain_id),
        word_of_address(deployment.token),
        keccak(name),
        keccak(version),
        _short_string(name),
        _short_string(version),
    }
    _check_code(chain, "Token", deployment.token, of_token)
    _check_code(chain, "ContactEscrow", deployment.escrow, {word_of_address(deployment.token)})
    if codec.decode_hash(chain.call(deployment.token, codec.encode_domain_separator())) != separator:
        raise _other_code("Token", deployment.token)
    if codec.decode_address(chain.call(deployment.escrow, codec.encode_token())) != deployment.token:
        raise _other_code("ContactEscrow", deployment.escrow)
    if deployment.pledges is not None:
        _check_code(chain, "Pledges", deployment.pledges, {word_of_address(deployment.token)})
    if deployment.checkout is not None:
        _check_code(chain, "Checkout", deployment.checkout, {word_of_address(deployment.token)})
    if deployment.distributor is not None:
        _check_distributor(chain, deployment.distributor, deployment.token)


def _check_code(chain: Chain, name: str, address: Address, fillings: set[bytes]) -> None:
    expected, found = artifact(name).code, chain.code(address)
    if not found:
        raise Invalid(
            "contract_missing",
            f"No contract stands at {show_address(address)}, where the deployment has {name}: another chain, or one "
            "that was reset.",
        )
    emptied = bytearray(found)
    for hole in _holes(expected):
        if found[hole : hole + WORD] not in fillings:
            raise _other_code(name, address)
        emptied[hole : hole + WORD] = bytes(WORD)
    if emptied != expected:
        raise _other_code(name, address)


def _other_code(name: str, address: Address) -> Invalid:
    return Invalid(
        "contract_differs", f"The code at {show_address(address)} is not this release's {name}: check the deployment."
    )


def _holes(code: bytes) -> list[int]:
    """Return where immutables go: solc leaves a PUSH32 of zeros for each (a real zero it would write as PUSH0)."""
    holes, at = [], 0
    while at < len(code):
        pushed = code[at] - _PUSH1 + 1 if _PUSH1 <= code[at] <= _PUSH32 else 0
        if pushed == WORD and code[at + 1 : at + 1 + WORD] == bytes(WORD):
            holes.append(at + 1)
        at += 1 + pushed
    return holes


def _short_string(text: bytes) -> bytes:
    """Lay out a text under 32 bytes as OpenZeppelin's ``ShortString``: its bytes, and its length in the last."""
    return text.ljust(WORD - 1, b"\0") + bytes([len(text)])


# ------------------------------------------------------------------------------------------------- the file


def write_deployment(path: Path, deployment: Deployment) -> None:
    """Write a deployment as JSON, whole or not at all; one that is there already is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(json.dumps(to_json(deployment), indent=2) + "\n", encoding="utf-8")
    draft.replace(path)


def to_json(deployment: Deployment) -> dict[str, Any]:
    """Return a deployment as its file has it."""
    document: dict[str, Any] = {
        "chain_id": deployment.chain_id,
        "token": show_address(deployment.token),
        "escrow": show_address(deployment.escrow),
        "deployed_block": deployment.deployed_block,
    }
    if deployment.pledges is not None:
        document |= {"pledges": show_address(deployment.pledges), "pledges_block": deployment.pledges_block}
    if deployment.checkout is not None:
        document |= {"checkout": show_address(deployment.checkout), "checkout_block": deployment.checkout_block}
    if deployment.distributor is not None:
        document |= {
            "distributor": show_address(deployment.distributor),
            "distributor_block": deployment.distributor_block,
        }
    return document


def read_deployment(path: Path) -> Deployment:
    """Read a deployment. Raises ``NotFound`` where there is no file, ``Invalid`` for anything but its fields.

    One from before gifts had a contract lacks ``pledges`` and ``pledges_block``; where nothing is sold it lacks
    ``checkout`` and ``checkout_block``, where no rewards are paid ``distributor`` and ``distributor_block``.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise NotFound("deployment_missing", f"There is no deployment {path}.") from None
    except OSError as error:
        raise Invalid("deployment_malformed", f"{path} cannot be read: {error.strerror}.") from None
    try:
        document: Any = json.loads(content) if len(content) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not _has_our_fields(document):
        raise Invalid(
            "deployment_malformed",
            f"{path} is no deployment: {', '.join(sorted(_FIELDS))}, perhaps {' and '.join(_LATER)}, each with the "
            "block it stands since, and nothing else.",
        )
    first = _number(document["deployed_block"], path, least=0)
    places = {name: _address(document[name], path) for name in ("token", "escrow", *_LATER) if name in document}
    if len(set(places.values())) < len(places):
        raise Invalid("deployment_malformed", f"{path} has two contracts at one address.")
    since = {
        name: _number(document[f"{name}_block"], path, least=first) for name in _LATER if f"{name}_block" in document
    }
    return Deployment(
        chain_id=_number(document["chain_id"], path, least=1),
        token=places["token"],
        escrow=places["escrow"],
        deployed_block=first,
        pledges=places.get("pledges"),
        pledges_block=since.get("pledges"),
        checkout=places.get("checkout"),
        checkout_block=since.get("checkout"),
        distributor=places.get("distributor"),
        distributor_block=since.get("distributor"),
    )


def _has_our_fields(document: dict[str, Any]) -> bool:
    """Whether it has what every deployment has, of each later contract all or nothing, and nothing besides."""
    fields = set(document)
    whole = all((name in fields) == (f"{name}_block" in fields) for name in _LATER)
    return whole and _FIELDS <= fields <= _FIELDS | _OF_LATER


def find_deployment(candidates: Iterable[Path], chain_id: int) -> tuple[Path, Deployment]:
    """Return the first of these files that is there, with what it says.

    Raises ``NotFound`` where none is, ``Invalid`` where it is malformed or of another chain than EARNEST_CHAIN_ID.
    """
    for candidate in candidates:
        if candidate.is_file():
            found = read_deployment(candidate)
            if found.chain_id != chain_id:
                raise Invalid(
                    "deployment_of_other_chain",
                    f"{candidate} is of chain {found.chain_id}, but EARNEST_CHAIN_ID is {chain_id}.",
                )
            return candidate, found
    raise NotFound(
        "deployment_unknown", "Nothing says where the contracts stand: set EARNEST_DEPLOYMENT to the deployment's file."
    )


def _address(value: object, path: Path) -> Address:
    try:
        return parse_address(value if isinstance(value, str) else "")
    except Invalid as error:
        raise Invalid("deployment_malformed", f"{path}: {error.message}") from None


def _number(value: object, path: Path, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST_NUMBER:
        raise Invalid("deployment_malformed", f"{path} holds {value!r} where a number belongs.")
    return value


def deployment_file(chain_id: int) -> Path:
    """Return where our own deployment on a chain is written down, whether there is one or not."""
    return DEPLOYMENTS / f"{chain_id}.json"
