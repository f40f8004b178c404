"""How fast logs are decoded by hand, and signers are found, beside those who do the same in pure Python."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from eth_keys.backends.native.main import NativeECCBackend
from eth_keys.main import KeyAPI
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import Web3
from web3.types import LogReceipt

from contracts import codec
from contracts.chain import RawLog
from contracts.events import BlockRef
from contracts.signatures import signer_of
from kit.identifiers import Address, Hash32

_LOGS = 4_000
_SIGNATURES = 100
_ROUNDS = 5
_TOKEN, _ESCROW = Address(b"\x11" * 20), Address(b"\x22" * 20)
_BLOCK = BlockRef(31337, 7, Hash32(b"\x07" * 32), Hash32(b"\x06" * 32), 1_790_000_000)
_TRANSFER = Hash32(keccak(text="Transfer(address,address,uint256)"))
_ABI = [
    {
        "type": "event",
        "name": "Transfer",
        "anonymous": False,
        "inputs": [
            {"name": "from", "type": "address", "indexed": True},
            {"name": "to", "type": "address", "indexed": True},
            {"name": "value", "type": "uint256", "indexed": False},
        ],
    }
]


def decode_logs() -> Mapping[str, Any]:
    """Transfer logs per second: ours, and web3's ``process_log``."""
    ours = [_raw(index) for index in range(_LOGS)]
    theirs = [_receipt(log) for log in ours]
    event = Web3().eth.contract(abi=_ABI).events.Transfer()
    wanted = [event.process_log(log)["args"]["value"] for log in theirs[:50]]
    found = [codec.decode(log, _BLOCK, token=_TOKEN, escrow=_ESCROW) for log in ours[:50]]
    assert wanted == [getattr(each, "amount", None) for each in found], "both must decode alike before speed counts"
    rounds = [
        (
            _rate(lambda: [codec.decode(log, _BLOCK, token=_TOKEN, escrow=_ESCROW) for log in ours]),
            _rate(lambda: [event.process_log(log) for log in theirs]),
        )
        for _ in range(_ROUNDS)
    ]
    return {
        "value": round(statistics.median(ours_rate for ours_rate, _ in rounds)),
        "unit": "logs/s",
        "better": "higher",
        "peers": {"web3 process_log": round(statistics.median(peer_rate for _, peer_rate in rounds))},
    }


def recover_signature() -> Mapping[str, Any]:
    """Signatures per second whose signer is found, by the library in C, beside the pure Python one of eth-keys."""
    key = KeyAPI(NativeECCBackend).PrivateKey(b"\x01" * 32)
    digests = [Hash32(keccak(index.to_bytes(32, "big"))) for index in range(_SIGNATURES)]
    signatures = [key.sign_msg_hash(digest).to_bytes() for digest in digests]
    slow = KeyAPI(NativeECCBackend)
    theirs = [KeyAPI.Signature(signature, backend=NativeECCBackend) for signature in signatures]
    both = zip(digests, signatures, strict=True)
    assert {signer_of(*one) for one in both} == {Address(key.public_key.to_canonical_address())}
    rounds = [
        (
            _rate(lambda: [signer_of(*one) for one in zip(digests, signatures, strict=True)], _SIGNATURES),
            _rate(lambda: [slow.ecdsa_recover(*one) for one in zip(digests, theirs, strict=True)], _SIGNATURES),
        )
        for _ in range(_ROUNDS)
    ]
    return {
        "value": round(statistics.median(ours for ours, _ in rounds)),
        "unit": "signatures/s",
        "better": "higher",
        "peers": {"eth-keys in pure Python": round(statistics.median(peer for _, peer in rounds))},
    }


def _rate(work: Callable[[], object], count: int = _LOGS) -> float:
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def _raw(index: int) -> RawLog:
    sender, recipient = (Hash32(bytes(12) + (index + offset).to_bytes(20, "big")) for offset in (1, 2))
    data = (index * 10**18).to_bytes(32, "big")
    transaction = Hash32(index.to_bytes(32, "big"))
    return RawLog(_TOKEN, (_TRANSFER, sender, recipient), data, _BLOCK.hash, index, transaction)


def _receipt(log: RawLog) -> LogReceipt:
    return {
        "address": Web3.to_checksum_address(bytes(log.address)),
        "topics": [HexBytes(bytes(topic)) for topic in log.topics],
        "data": HexBytes(log.data),
        "blockHash": HexBytes(bytes(log.block_hash)),
        "blockNumber": _BLOCK.number,  # type: ignore[typeddict-item]
        "logIndex": log.log_index,
        "transactionHash": HexBytes(bytes(log.transaction)),
        "transactionIndex": 0,
        "removed": False,
    }


BENCHMARKS = {"decode_logs": decode_logs, "recover_signature": recover_signature}
