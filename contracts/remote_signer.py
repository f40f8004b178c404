"""A remote signer: a key that somebody else's program holds, asked by JSON-RPC (``eth_signTransaction``, EIP-1474).

web3signer, geth, anvil and others speak it. What it answers is never believed: it is held against what was asked, byte
for byte, before anybody sees it. One that is silent is left alone for a while, so that it holds nothing else up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NoReturn

from contracts.raw_transactions import checked
from contracts.rpc import BoundedProvider, NodeError
from contracts.signer import SignedTransaction, Transaction
from kit.errors import ChainUnavailable, Invalid, SignerUnavailable
from kit.identifiers import Address, show_address

TIMEOUT: Final = 5.0
"""Seconds that one signature may take in all."""

_MOST_BYTES: Final = 2**20
_FIRST_REST: Final = 5.0
_LONGEST_REST: Final = 60.0


class RemoteSigner:
    """A signer (``contracts.signer.Signer``) whose key is elsewhere. Its URL is shown nowhere; ``place`` may be."""

    def __init__(
        self,
        url: str,
        address: Address,
        *,
        setting: str = "the signer's setting",
        timeout: float = TIMEOUT,
        time: Callable[[], float] = time.monotonic,
    ) -> None:
        """Have ``address``'s key sign at ``url``. Raises ``Invalid``, naming the ``setting``, for what is no URL."""
        try:
            self._provider = BoundedProvider(url, timeout=timeout, most_bytes=_MOST_BYTES, who="The signer")
        except Invalid:
            raise Invalid("signer_url_malformed", f"A signer's address is a http(s):// URL: check {setting}.") from None
        self._address = address
        self._time = time
        self._rest = 0.0
        self._silent_until = float("-inf")

    @property
    def address(self) -> Address:
        """The key's address."""
        return self._address

    @property
    def place(self) -> str:
        """The signer's host and port."""
        return self._provider.place

    def sign_transaction(self, transaction: Transaction) -> SignedTransaction:
        """Have an EIP-1559 transaction signed. Raises ``SignerUnavailable`` where it is not, or another one is."""
        if self._time() < self._silent_until:
            raise SignerUnavailable(f"The signer at {self.place} did not answer a moment ago; it is asked again soon.")
        answer = self._ask("eth_signTransaction", _shown(transaction, self._address))
        try:
            return checked(_bytes_in(answer), transaction, self._address)
        except Invalid as error:
            raise SignerUnavailable(f"The signer at {self.place} is not to be believed: {error.message}") from None

    def check(self) -> None:
        """Make sure that the signer answers and holds the key. Raises ``SignerUnavailable``, ``Invalid``."""
        accounts = self._ask("eth_accounts")
        if not isinstance(accounts, list) or show_address(self._address).lower() not in [
            account.lower() for account in accounts if isinstance(account, str)
        ]:
            raise Invalid(
                "signer_without_key",
                f"The signer at {self.place} says that it has no key {show_address(self._address)}.",
            )

    def close(self) -> None:
        """Close the connections that wait for the next question."""
        self._provider.close()

    def _ask(self, method: str, *params: Any) -> Any:  # noqa: ANN401 - JSON, which the asker checks
        try:
            answer = self._provider.ask(method, *params)
        except NodeError as error:
            raise SignerUnavailable(f"The signer at {self.place} refuses: {error.message} ({error.code}).") from None
        except ChainUnavailable as error:
            self._rest = min(max(self._rest * 2, _FIRST_REST), _LONGEST_REST)
            self._silent_until = self._time() + self._rest
            raise SignerUnavailable(str(error)) from None
        self._rest = 0.0
        return answer

    def __repr__(self) -> str:
        return f"<RemoteSigner {show_address(self._address)} at {self.place}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        message = "a signer is neither pickled nor copied"
        raise TypeError(message)


def _bytes_in(answer: object) -> bytes:
    """Read the signed transaction out of an answer: its bytes in hexadecimal, which geth wraps."""
    text = answer.get("raw") if isinstance(answer, dict) else answer
    if isinstance(text, str) and text.startswith("0x"):
        with suppress(ValueError):
            return bytes.fromhex(text[2:])
    raise Invalid("transaction_malformed", "That is no signed transaction.")


def _shown(transaction: Transaction, sender: Address) -> dict[str, str]:
    shown = {
        "from": show_address(sender),
        "chainId": hex(transaction.chain_id),
        "nonce": hex(transaction.nonce),
        "gas": hex(transaction.gas),
        "maxFeePerGas": hex(transaction.max_fee),
        "maxPriorityFeePerGas": hex(transaction.priority_fee),
        "value": hex(transaction.value),
        "data": "0x" + transaction.data.hex(),
    }
    if transaction.to is not None:
        shown["to"] = show_address(transaction.to)
    return shown
