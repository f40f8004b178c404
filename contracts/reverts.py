"""Reverts and refusals: what the data of a failed call says, and the words of a node that sends nothing on."""

from __future__ import annotations

from typing import Final

from eth_utils.crypto import keccak

from contracts.words import WORD
from kit.errors import Conflict

_LONGEST_REASON: Final = 200
_MOST_WORDS: Final = 4
_REFUSALS: Final = (
    ("nonce_too_low", ("nonce too low", "nonce is too low", "nonce has already been used")),
    ("underpriced", ("underpriced", "less than block base fee", "fee too low", "below minimum", "gas price too low")),
    ("insufficient_funds", ("insufficient funds", "insufficient balance")),
)


def reverted_because(data: bytes) -> str:
    """Say in one printable line why a call reverted: an error's name and words, a text, or an unknown selector."""
    selector, rest = data[:4], data[4:]
    if selector in _ERRORS:
        words = [rest[start : start + WORD] for start in range(0, min(len(rest), _MOST_WORDS * WORD), WORD)]
        return f"{_ERRORS[selector]}({', '.join(_show_word(word) for word in words)})"
    if selector == _ERROR_TEXT:
        text = rest[2 * WORD : 2 * WORD + min(int.from_bytes(rest[WORD : 2 * WORD]), _LONGEST_REASON)]
        return "".join(c for c in text.decode(errors="replace") if c.isprintable())
    return f"0x{selector.hex()}" if selector else "no reason given"


def revert_data(data: object, *, most: int) -> bytes:
    """Return the bytes of a revert's data; nothing where the node gave none, more than ``most``, or something else."""
    if not isinstance(data, str) or len(data) > 2 + 2 * most:
        return b""
    try:
        return bytes.fromhex(data.removeprefix("0x"))
    except ValueError:
        return b""


def refused(told: str) -> Conflict:
    """Return the error that a transaction was refused, where a node told so."""
    message = told.lower()
    for code, words in _REFUSALS:
        if any(word in message for word in words):
            return Conflict(code, f"The chain's node refused the transaction: {told}.")
    return Conflict("transaction_refused", f"The chain's node refused the transaction: {told}.")


def _selector(signature: str) -> bytes:
    return keccak(text=signature)[:4]


_ERROR_TEXT: Final = _selector("Error(string)")
_ERRORS: Final = {
    _selector(signature): signature.partition("(")[0]
    for signature in (
        "Panic(uint256)",
        "AnswerByNotReached(uint64)",
        "AnswerByPassed(uint64)",
        "AnswerByTooFar(uint64)",
        "BadBudget(uint256)",
        "BadCause(address)",
        "BadFeePayee(address)",
        "BadPayee(address)",
        "BadRelayReceiver(address)",
        "BadReturnTo(address)",
        "BadRoot(bytes32)",
        "BoughtAlready(bytes32)",
        "EmptyShare(address)",
        "EtherRefused(address)",
        "FeeTooHigh(uint16)",
        "ForfeitNotDue(uint64)",
        "IdUsed(bytes32)",
        "NoRootWaiting()",
        "NotAToken(address)",
        "NotEnoughLeft(uint256,uint256)",
        "NotGuardianOrProposer(address)",
        "NotOnTheList(address,uint256)",
        "NotPaidExactly(address)",
        "NotResolverOrGuardian(address)",
        "NotTheBuyer(address)",
        "NotThePayer(address)",
        "NotTheProposer(address)",
        "NotTheResolver(address)",
        "NotTheRootWaiting(bytes32)",
        "NotTheToken(address)",
        "NothingArrived(address)",
        "NothingDue(address,uint256)",
        "NothingGiven()",
        "NothingPaid()",
        "NothingStaked()",
        "OrderExpired(uint64)",
        "QuoteExpired(uint64)",
        "QuoteOutlivesAnswer(uint64,uint64)",
        "ReentrancyGuardReentrantCall()",
        "RootDoesNotCount(bytes32)",
        "RootWaiting(bytes32)",
        "SafeERC20FailedOperation(address)",
        "SharesTooHigh(uint256)",
        "StillDisputable(uint64)",
        "TermsExpired(uint64)",
        "TooManyMonths(uint16)",
        "TooManyShares(uint256)",
        "TooSoonToJoin(uint256)",
        "WrongEpoch(uint64)",
        "WrongState(bytes32,uint8)",
        "ZeroAddress()",
        "ZeroBudget()",
        "ZeroResolver()",
        "ZeroToken()",
        "ECDSAInvalidSignature()",
        "ECDSAInvalidSignatureLength(uint256)",
        "ECDSAInvalidSignatureS(bytes32)",
        "ERC20InsufficientAllowance(address,uint256,uint256)",
        "ERC20InsufficientBalance(address,uint256,uint256)",
        "ERC20InvalidApprover(address)",
        "ERC20InvalidReceiver(address)",
        "ERC20InvalidSender(address)",
        "ERC20InvalidSpender(address)",
        "ERC2612ExpiredSignature(uint256)",
        "ERC2612InvalidSigner(address,address)",
        "ERC3009InvalidAuthorizationTime(uint256,uint256)",
        "ERC3009InvalidSignature()",
        "ERC3009UsedAuthorization(address,bytes32)",
        "InvalidAccountNonce(address,uint256)",
        "InvalidShortString()",
        "SafeCastOverflowedUintDowncast(uint8,uint256)",
        "StringTooLong(string)",
    )
}


def _show_word(word: bytes) -> str:
    number = int.from_bytes(word)
    return str(number) if number < 2**64 else "0x" + (word[-20:] if number < 2**160 else word).hex()
