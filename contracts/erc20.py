"""Other people's tokens (pure): what one is called, how many decimals it has, and whether it takes a signed permit.

All of it is asked of code that strangers wrote, so little is believed: a name is what can be read aloud or none, so is
an answer of another shape, and no question may take more gas than ``GAS``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from eth_abi.abi import encode

from contracts.authorizations import Authorization, encode_transfer_with_authorization
from contracts.chain import BlockTag, Chain
from contracts.codec import (
    decode_bool,
    decode_hash,
    decode_uint,
    encode_allowance,
    encode_authorization_state,
    encode_balance_of,
    encode_domain_separator,
    encode_nonces,
    selector_of,
)
from contracts.deployment import artifact
from contracts.typed_data import Domain, domain_separator
from contracts.words import WORD, word, word_of_address
from kit.errors import ChainUnavailable, Conflict, Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, is_hidden, show_address

GAS: Final = 100_000
"""What one question may take: more than a proxy does, and too little to answer without an end."""
MOST_DECIMALS: Final = 36
_LONGEST_TEXT: Final = 256
_LONGEST_DOMAIN: Final = 64
_SYMBOL: Final = re.compile(r"(?!0[xX])(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9.-]{0,10}", re.ASCII)
_VERSIONS: Final = ("1", "2")

_NAME: Final = selector_of("name()")
_TOKEN_SYMBOL: Final = selector_of("symbol()")
_DECIMALS: Final = selector_of("decimals()")
_VERSION: Final = selector_of("version()")
_PERMIT: Final = selector_of("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)")
_OVER: Final = _PERMIT + word_of_address(ZERO_ADDRESS) * 2 + word(1) + word(0) + word(27) + word(1) * 2
"""A permit that ended in 1970."""
_LONG_OVER: Final = Authorization(Address(word(1)[12:]), Address(word(2)[12:]), 0, 0, 1, Hash32(word(1)))
_OVER_TRANSFER: Final = encode_transfer_with_authorization(_LONG_OVER, word(1) * 2 + bytes([27]))
"""A transfer of nothing that ended in 1970."""


class Silent(ChainUnavailable):
    """A token of somebody else's answers a question with nothing that could be read; the node is well."""


class Unsigned(StrEnum):
    """Why no transfer in a token can be signed, so that programs cannot pay in it."""

    DOMAIN = "domain"
    """It tells no EIP-712 domain (``name``, ``version``) that hashes to its ``DOMAIN_SEPARATOR``."""
    UNKNOWN = "unknown"
    """It does not know ``transferWithAuthorization`` with a key's signature, or takes one that is long over."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a token says of itself: ``symbol`` is ASCII letters, digits, ``.`` and ``-``, at most 11; else ``None``.

    ``decimals`` are 0 to 36. ``domain``: what it is called where one signs a permit (EIP-2612), ``None`` where it takes
    none that we could write. ``transfers``: the same where one signs a transfer (EIP-3009), or why it takes none.
    """

    symbol: str | None
    decimals: int
    domain: Domain | None
    transfers: Domain | Unsigned = Unsigned.DOMAIN


def look(chain: Chain, token: Address) -> Facts:
    """Ask a token what it is. Raises ``Invalid`` for what is no token that could be sold for, ``ChainUnavailable``."""
    where = show_address(token)
    if not chain.code(token):
        raise Invalid("token_missing", f"No contract stands at {where} on this chain.")
    for question in (encode_balance_of(token), encode_allowance(token, token)):
        if _number(chain, token, question) is None:
            raise Invalid("token_odd", f"What stands at {where} is no ERC-20 token.")
    decimals = _number(chain, token, _DECIMALS)
    if decimals is None or decimals > MOST_DECIMALS:
        raise Invalid("token_decimals", f"The token at {where} tells of no decimals from 0 to {MOST_DECIMALS}.")
    domain = _domain(chain, token)
    permits = domain is not None and _number(chain, token, encode_nonces(token)) is not None
    return Facts(
        symbol=plain_symbol(_text(chain, token, _TOKEN_SYMBOL)),
        decimals=decimals,
        domain=domain if permits and _refuses(chain, token, _OVER) else None,
        transfers=_transfers(chain, token, domain),
    )


def signs_transfers(chain: Chain, token: Address) -> Domain | Unsigned:
    """Ask a token by what domain a transfer in it is signed, or why none can be. Raises ``ChainUnavailable``."""
    return _transfers(chain, token, _domain(chain, token))


def moves_exactly(chain: Chain, token: Address, signed: Authorization, signature: bytes, *, gas: int) -> bool:
    """Tell whether a token of somebody else's would move exactly what was signed now, from payer to recipient.

    ``gas`` bounds what that may take, the question included. Raises ``Conflict`` where the token refuses it, and
    ``ChainUnavailable``. It says nothing of what the token does a block later.
    """
    transfer = encode_transfer_with_authorization(signed, signature)
    question = encode(
        ["address", "address", "address", "uint256", "bytes"],
        [bytes(token), bytes(signed.payer), bytes(signed.recipient), signed.amount, transfer],
    )
    return chain.call(None, artifact("TransferCheck").creation + question, gas=gas) == word(1)


def balance(chain: Chain, token: Address, account: Address) -> int:
    """Return what an account holds, in base units. Raises ``Silent``, and ``ChainUnavailable``."""
    found = _number(chain, token, encode_balance_of(account))
    if found is None:
        raise Silent("The token does not tell what an account holds.")
    return found


def used(chain: Chain, token: Address, signed: Authorization, *, block: int | Hash32 | BlockTag = "latest") -> bool:
    """Tell whether a payer's nonce is used up, by whatever. Raises ``Silent``, and ``ChainUnavailable``."""
    try:
        answer = chain.call(token, encode_authorization_state(signed.payer, signed.nonce), block=block, gas=GAS)
        return decode_bool(answer)
    except (Conflict, Invalid):
        raise Silent("The token does not tell whether an authorization was used.") from None


def plain_symbol(text: str | None) -> str | None:
    """Return a symbol that looks the same to everybody, or ``None`` for what is no such thing."""
    if text is None:
        return None
    plain = unicodedata.normalize("NFKC", text).strip()
    return plain if _SYMBOL.fullmatch(plain) else None


def text_in(data: bytes) -> str | None:
    """Read an answer as a text of at most 256 bytes: ``string``, or ``bytes32`` as old tokens have it."""
    if len(data) == WORD:
        raw = data.rstrip(b"\0")
    else:
        size = int.from_bytes(data[WORD : 2 * WORD])
        if int.from_bytes(data[:WORD]) != WORD or not 0 < size <= min(_LONGEST_TEXT, len(data) - 2 * WORD):
            return None
        raw = data[2 * WORD : 2 * WORD + size]
    try:
        return raw.decode() or None
    except UnicodeDecodeError:
        return None


def _domain(chain: Chain, token: Address) -> Domain | None:
    """Find out what the token's domain is made of, by the hash that it gives for it."""
    separator = _answer(chain, token, encode_domain_separator())
    name = _text(chain, token, _NAME)
    if len(separator) != WORD or name is None or not _signs(name):
        return None
    told = _text(chain, token, _VERSION)
    for version in dict.fromkeys((*((told,) if told is not None and _signs(told) else ()), *_VERSIONS)):
        domain = Domain(name, version)
        if domain_separator(chain_id=chain.chain_id, token=token, domain=domain) == decode_hash(separator):
            return domain
    return None


def _signs(text: str) -> bool:
    """Tell whether a text may be shown to whoever signs."""
    return len(text) <= _LONGEST_DOMAIN and not any(is_hidden(one) for one in text)


def _transfers(chain: Chain, token: Address, domain: Domain | None) -> Domain | Unsigned:
    if domain is None:
        return Unsigned.DOMAIN
    unused = _number(chain, token, encode_authorization_state(token, _LONG_OVER.nonce)) == 0
    return domain if unused and _refuses(chain, token, _OVER_TRANSFER) else Unsigned.UNKNOWN


def _refuses(chain: Chain, token: Address, over: bytes) -> bool:
    """Tell whether what is long over is refused with a reason: who knows no such call takes it, or says nothing."""
    try:
        chain.call(token, over, gas=GAS)
    except Conflict as refused:
        return bool(refused.values.get("data"))
    return False


def _number(chain: Chain, token: Address, question: bytes) -> int | None:
    answer = _answer(chain, token, question)
    return decode_uint(answer) if len(answer) == WORD else None


def _text(chain: Chain, token: Address, question: bytes) -> str | None:
    return text_in(_answer(chain, token, question))


def _answer(chain: Chain, token: Address, question: bytes) -> bytes:
    try:
        return chain.call(token, question, gas=GAS)
    except Conflict:  # it failed
        return b""
